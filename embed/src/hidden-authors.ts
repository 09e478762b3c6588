// People whose comments a reader does not want to see, on this blog, in this browser.

import { make } from "./dom";
import type { Host } from "./host";
import { recallNumbers, remember } from "./memory";
import type { Words } from "./words";

export class Hidden {
  constructor(
    private readonly host: Host,
    private readonly words: Words,
  ) {}

  /** Lay over all that those people wrote, as far as it is on the page. */
  cover(): void {
    for (const by of recallNumbers(this.name)) this.set(by, true);
  }

  hide(by: number, isHidden: boolean): void {
    const others = recallNumbers(this.name).filter((other) => other !== by);
    remember(this.name, isHidden ? [...others, by] : others);
    this.set(by, isHidden);
  }

  private get name(): string {
    return `hidden:${this.host.page.site}`;
  }

  private set(by: number, isHidden: boolean): void {
    for (const item of this.host.section.querySelectorAll<HTMLElement>(`[data-by="${by}"]`)) {
      item.classList.toggle("is-hidden", isHidden);
      const article = item.querySelector("article");
      article?.querySelector(":scope > .uncover")?.remove();
      if (!isHidden) continue;
      article?.prepend(
        make(
          "button",
          { type: "button", class: "uncover", "data-act": "uncover" },
          this.words.say("Hidden by you. Show"),
        ),
      );
    }
  }
}
