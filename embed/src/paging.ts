// Loads further pages of a thread: when the reader asks for more, or up to the comment that a link leads to.

import { make } from "./dom";
import { adopt, load } from "./fragment";
import type { HiddenAuthors } from "./hidden-authors";
import { goTo } from "./go-to";
import { insertComment } from "./insert";
import { attempt } from "./refused";
import type { Service } from "./service";
import type { ThreadHost } from "./thread-host";

export class Paging {
  readonly #host: ThreadHost;
  readonly #service: Service;
  readonly #hidden: HiddenAuthors;
  readonly #missing = make("p", { class: "note", part: "note", role: "status" });

  constructor(host: ThreadHost, service: Service, hidden: HiddenAuthors) {
    this.#host = host;
    this.#service = service;
    this.#hidden = hidden;
  }

  /** Handle a click on a "more" link; gives whether it was one. */
  clicked(target: Element): boolean {
    if (!target.matches("a.more")) return false;
    void this.#loadMore(target as HTMLAnchorElement).then((first) => {
      if (first) goTo(this.#host, first, false);
    });
    return true;
  }

  /** Load page after page until the comment is there; gives it, or null when it is gone or a page was not loaded. */
  async load(id: number): Promise<HTMLElement | null> {
    const host = this.#host;
    let link: HTMLAnchorElement | null;
    while (!host.item(id) && (link = this.#more)) {
      if (!(await this.#loadMore(link))) return null;
    }
    return host.item(id);
  }

  /** Go to the comment that the page's address names, or say that it is gone. */
  async find(id: number): Promise<void> {
    const host = this.#host;
    this.#missing.remove();
    // Not page by page: a thread may have hundreds, and the comment be on none.
    const isGone = !host.item(id) && this.#more !== null && (await this.#service.isGone(id));
    const item = isGone ? null : await this.load(id);
    if (item) goTo(host, item);
    else if (isGone || !this.#more) {
      this.#missing.textContent = host.translator.translate(
        "This comment is no longer here. It may have been removed.",
      );
      host.section.querySelector(".comments")?.before(this.#missing);
      goTo(host, this.#missing, false);
    }
  }

  /** The link to the next page of the thread; null when all are loaded. */
  get #more(): HTMLAnchorElement | null {
    return this.#host.section.querySelector(":scope > .more");
  }

  /** Load the page that the link leads to; gives its first comment, or null if it could not be loaded. */
  async #loadMore(link: HTMLAnchorElement): Promise<HTMLElement | null> {
    const host = this.#host;
    link.classList.add("is-busy");
    return attempt(
      () => this.#insertPage(link),
      () => {
        link.classList.remove("is-busy");
        host.announce(host.translator.translate("The comments could not be loaded."));
        return null;
      },
    );
  }

  async #insertPage(link: HTMLAnchorElement): Promise<HTMLElement | null> {
    const host = this.#host;
    const isReplies = link.matches(".more-replies");
    const url = host.pageUrl({ cursor: link.dataset["cursor"] ?? "" });
    const { element } = await load(url, "section.thread", host.gone);
    const items = [...element.querySelectorAll<HTMLElement>(":scope > .comments > .comment")];
    const fresh = items.filter((item) => !host.item(Number(item.dataset["id"])));
    const list = host.section.querySelector(".comments");
    if (isReplies) {
      for (const item of fresh) insertComment(host, adopt(item));
    } else if (list) {
      // Comments that arrived meanwhile (.is-new) stay behind the older ones loaded here.
      await host.draw(fresh, list, list.querySelector(":scope > .is-new"));
    }
    const found = element.querySelector(":scope > .more");
    const following = found && adopt(found);
    following?.classList.toggle("more-replies", isReplies);
    if (following) link.replaceWith(following);
    else link.remove();
    this.#hidden.apply();
    this.#showRemaining();
    return host.item(Number(fresh[0]?.dataset["id"]));
  }

  /** Write the number of comments that are not loaded yet on the link to them, as the service does at first. */
  #showRemaining(): void {
    const { section, count, translator } = this.#host;
    const more = section.querySelector(":scope > .more");
    const num = count - section.querySelectorAll(".comment:not(.is-gone, [data-status])").length;
    if (more && num > 0) more.textContent = translator.translate("Show %(num)s more comments", { num });
  }
}
