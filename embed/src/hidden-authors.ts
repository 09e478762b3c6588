// Authors whose comments the reader has hidden, on this site and in this browser.

import { make } from "./dom";
import { readNumbers, writeStored } from "./storage";
import type { ThreadHost } from "./thread-host";

export class HiddenAuthors {
  readonly #host: ThreadHost;

  constructor(host: ThreadHost) {
    this.#host = host;
  }

  /** Hide the comments of these authors that are on the page now. */
  apply(): void {
    for (const author of readNumbers(this.#name)) this.#show(author, true);
  }

  set(author: number, isHidden: boolean): void {
    const others = readNumbers(this.#name).filter((other) => other !== author);
    writeStored(this.#name, isHidden ? [...others, author] : others);
    this.#show(author, isHidden);
  }

  get #name(): string {
    return `hidden:${this.#host.page.site}`;
  }

  #show(author: number, isHidden: boolean): void {
    const { section, translator } = this.#host;
    for (const item of section.querySelectorAll<HTMLElement>(`[data-by="${author}"]`)) {
      item.classList.toggle("is-hidden", isHidden);
      const article = item.querySelector("article");
      article?.querySelector(":scope > .uncover")?.remove();
      if (!isHidden) continue;
      const label = translator.translate("Hidden by you. Show");
      article?.prepend(make("button", { type: "button", class: "uncover", "data-act": "uncover" }, label));
    }
  }
}
