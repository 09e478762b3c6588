// The menu of a comment (WAI-ARIA's menu button pattern); one is open at a time.

import { make } from "./dom";
import type { ThreadHost } from "./thread-host";

export interface MenuEntry {
  label: string;
  run: () => void;
}

export class CommentMenu {
  #open: { menu: HTMLElement; button: HTMLButtonElement } | null = null;

  constructor(host: ThreadHost) {
    host.root.addEventListener(
      "pointerdown",
      (event) => {
        if (this.#open && !this.#open.menu.parentElement?.contains(event.target as Node)) this.#close(false);
      },
      { signal: host.gone },
    );
  }

  /** Open the menu below its button, or close it if it is open there. */
  toggle(button: HTMLButtonElement, entries: MenuEntry[]): void {
    const wasOpen = this.#open?.button === button;
    this.#close(false);
    if (wasOpen) return;
    const items = entries.map(({ label, run }) => {
      const item = make("button", { type: "button", role: "menuitem", tabindex: "-1" }, label);
      item.addEventListener("click", () => {
        this.#close(true);
        run();
      });
      return item;
    });
    const label = button.getAttribute("aria-label") ?? "";
    const menu = make("div", { class: "menu-list", part: "menu", role: "menu", "aria-label": label }, ...items);
    menu.addEventListener("keydown", (event) => this.#onKey(event, items));
    button.setAttribute("aria-expanded", "true");
    button.after(menu);
    this.#open = { menu, button };
    items[0]?.focus();
  }

  #onKey(event: KeyboardEvent, items: HTMLButtonElement[]): void {
    const at = items.indexOf(event.target as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) items.at(to % items.length)?.focus();
    else if (event.key === "Escape" || event.key === "Tab") this.#close(event.key === "Escape");
    else return;
    if (event.key !== "Tab") event.preventDefault();
  }

  #close(takesFocusBack: boolean): void {
    if (!this.#open) return;
    const { menu, button } = this.#open;
    this.#open = null;
    menu.remove();
    button.setAttribute("aria-expanded", "false");
    if (takesFocusBack) button.focus();
  }
}
