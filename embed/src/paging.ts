// The rest of a thread: page after page, as the reader asks for it, or up to a comment that a link leads to.

import { adopted, load, Refused } from "./fragment";
import type { Hidden } from "./hidden";
import type { Host } from "./host";
import { insert } from "./place";
import type { Words } from "./words";

export class Rest {
  constructor(
    private readonly host: Host,
    private readonly words: Words,
    private readonly hidden: Hidden,
  ) {}

  clicked(target: Element): boolean {
    if (!target.matches("a.more")) return false;
    void this.more(target as HTMLAnchorElement).then((first) => first && this.host.goTo(first, false));
    return true;
  }

  /** Read on until the comment is there; without it in the whole thread, at its end. */
  async find(id: number): Promise<void> {
    let link: HTMLAnchorElement | null;
    while (!this.host.item(id) && (link = this.host.section.querySelector<HTMLAnchorElement>(":scope > .more"))) {
      if (!(await this.more(link))) return;
    }
    const item = this.host.item(id);
    if (item) this.host.goTo(item);
  }

  /** Put the page that the link leads to in its place; gives its first comment, or null. */
  private async more(link: HTMLAnchorElement): Promise<HTMLElement | null> {
    const { host } = this;
    link.classList.add("is-busy");
    try {
      const { element } = await load(host.ask({ cursor: link.dataset["cursor"] ?? "" }), "section.thread", host.gone);
      const items = [...element.querySelectorAll<HTMLElement>(":scope > .comments > .comment")];
      const fresh = items.filter((item) => !host.item(Number(item.dataset["id"])));
      const list = host.section.querySelector(".comments")!;
      // What came meanwhile stands behind all that was there before.
      if (link.matches(".more-replies")) fresh.forEach((item) => insert(host, adopted(item)));
      else await host.draw(fresh, list, list.querySelector(":scope > .is-new"));
      const found = element.querySelector(":scope > .more");
      const following = found && adopted(found);
      following?.classList.toggle("more-replies", link.matches(".more-replies"));
      if (following) link.replaceWith(following);
      else link.remove();
      this.hidden.cover();
      host.tellRest();
      return host.item(Number(fresh[0]?.dataset["id"]));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      link.classList.remove("is-busy");
      host.say(this.words.say("The comments could not be loaded."));
      return null;
    }
  }
}
