// Offers the comments that others have written meanwhile. Nothing moves until the reader asks for them.

import { make } from "./dom";
import { adopt, load } from "./fragment";
import type { HiddenAuthors } from "./hidden-authors";
import { goTo } from "./go-to";
import { insertComment, showCount } from "./insert";
import { attempt } from "./refused";
import { readCount } from "./thread-data";
import type { ThreadHost } from "./thread-host";

export class NewComments {
  readonly #host: ThreadHost;
  readonly #hidden: HiddenAuthors;

  constructor(host: ThreadHost, hidden: HiddenAuthors) {
    this.#host = host;
    this.#hidden = hidden;
  }

  /** Look for comments that are not on the page: on the page being read, and among the newest. */
  async look(): Promise<void> {
    await attempt(
      () => this.#look(),
      () => undefined, // the next poll tries again
    );
  }

  async #look(): Promise<void> {
    const host = this.#host;
    const urls = [host.pageUrl(), ...(host.order === "newest" ? [] : [host.pageUrl({ sort: "newest" })])];
    const loaded = await Promise.all(urls.map((url) => load(url, "section.thread", host.gone)));
    const sections = loaded.map(({ element }) => adopt(element));
    const found = new Map<string, HTMLElement>();
    for (const section of sections) {
      const items = section.querySelectorAll<HTMLElement>(".comment[data-id]:not(.is-gone)");
      for (const item of items) found.set(item.id, item);
    }
    const fresh = [...found.values()].filter((item) => !host.item(Number(item.dataset["id"])));
    const count = sections[0] ? readCount(sections[0]) : NaN;
    host.newsLine.replaceChildren();
    if (fresh.length === 0) showCount(host, count);
    else this.#offer(fresh, count);
  }

  #offer(fresh: HTMLElement[], count: number): void {
    const host = this.#host;
    const sentence = host.translator.translate("%(num)s new comments: show", { num: fresh.length });
    const button = make("button", { type: "button", part: "news" }, sentence);
    button.addEventListener("click", () => this.#insert(fresh, count));
    host.newsLine.replaceChildren(button);
    host.announce(sentence);
  }

  #insert(fresh: HTMLElement[], count: number): void {
    const host = this.#host;
    host.newsLine.replaceChildren();
    host.announce("");
    showCount(host, count);
    // A new reply to a new comment is inserted together with it.
    const parentOf = (item: HTMLElement): HTMLElement | null | undefined => item.parentElement?.closest(".comment");
    const tops = fresh.filter((item) => {
      const parent = parentOf(item);
      return !parent || !fresh.includes(parent);
    });
    tops.sort((a, b) => Number(a.dataset["id"]) - Number(b.dataset["id"]));
    for (const item of tops) {
      item.classList.add("is-new");
      insertComment(host, item);
    }
    this.#hidden.apply();
    const first = host.order === "newest" ? tops.at(-1) : tops[0];
    if (first) goTo(host, first);
  }
}
