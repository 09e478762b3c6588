// Others have written meanwhile: says so, and moves nothing until the reader asks.

import { make } from "./dom";
import { adopted, load, Refused } from "./fragment";
import type { Hidden } from "./hidden";
import type { Host } from "./host";
import { insert, recount } from "./place";
import type { Words } from "./words";

export class News {
  constructor(
    private readonly host: Host,
    private readonly words: Words,
    private readonly hidden: Hidden,
  ) {}

  /** Look what is new: on the page being read, and among the newest. */
  async look(): Promise<void> {
    const { host } = this;
    const pages = [host.ask(), ...(host.sort === "newest" ? [] : [host.ask({ sort: "newest" })])];
    try {
      const sections = (await Promise.all(pages.map((page) => load(page, "section.thread", host.gone)))).map(
        ({ element }) => adopted(element),
      );
      const found = new Map<string, HTMLElement>();
      for (const section of sections) {
        for (const item of section.querySelectorAll<HTMLElement>(".comment[data-id]:not(.is-gone)"))
          found.set(item.id, item);
      }
      const fresh = [...found.values()].filter((item) => !host.item(Number(item.dataset["id"])));
      this.offer(fresh, Number(sections[0]?.dataset["count"]));
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // the next look will tell
    }
  }

  private offer(fresh: HTMLElement[], count: number): void {
    this.host.news.replaceChildren();
    if (fresh.length === 0) return recount(this.host, this.words, count);
    const sentence = this.words.say("%(num)s new comments: show", { num: fresh.length });
    const show = make("button", { type: "button", part: "news" }, sentence);
    show.addEventListener("click", () => this.show(fresh, count));
    this.host.news.replaceChildren(show);
    this.host.say(sentence);
  }

  private show(fresh: HTMLElement[], count: number): void {
    this.host.news.replaceChildren();
    this.host.say("");
    recount(this.host, this.words, count);
    // A new answer to a new comment comes with it.
    const above = (item: HTMLElement): HTMLElement | null | undefined =>
      item.parentElement?.closest<HTMLElement>(".comment");
    const tops = fresh.filter((item) => !fresh.includes(above(item) ?? item.ownerDocument.body));
    tops.sort((a, b) => Number(a.dataset["id"]) - Number(b.dataset["id"]));
    for (const item of tops) {
      item.classList.add("is-new");
      insert(this.host, item);
    }
    this.hidden.cover();
    const first = this.host.sort === "newest" ? tops.at(-1) : tops[0];
    if (first) this.host.goTo(first);
  }
}
