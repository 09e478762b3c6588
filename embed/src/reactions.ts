// What readers do with others' comments: vote, share, report, and hide whom they do not want to read.

import { make } from "./dom";
import { Refused } from "./fragment";
import type { Hidden } from "./hidden";
import type { Host } from "./host";
import { bearer, type Service } from "./service";
import type { Account } from "./signin";
import { key, type Words } from "./words";

const REASONS: [name: string, label: string][] = [
  ["spam", key("It is spam")],
  ["abuse", key("It is abusive")],
  ["off_topic", key("It is off topic")],
  ["illegal", key("It is illegal")],
  ["other", key("Something else")],
];

export class React {
  private menu: HTMLElement | null = null;

  constructor(
    private readonly host: Host,
    private readonly service: Service,
    private readonly account: Account,
    private readonly words: Words,
    private readonly hidden: Hidden,
    private readonly askToSignIn: () => void,
  ) {
    host.root.addEventListener(
      "pointerdown",
      (event) => {
        if (this.menu && !this.menu.parentElement?.contains(event.target as Node)) this.close(false);
      },
      { signal: host.gone },
    );
  }

  clicked(target: Element): void {
    const item = target.closest<HTMLElement>(".comment");
    const act = target.getAttribute("data-act");
    if (!item) return;
    if (act === "vote") void this.vote(item, Number(target.getAttribute("data-value")));
    if (act === "uncover") this.hidden.hide(Number(item.dataset["by"]), false);
    if (act === "menu") this.open(item, target as HTMLButtonElement);
  }

  /** Show how somebody signed in has voted. */
  mark(votes: Record<string, number>): void {
    for (const [id, value] of Object.entries(votes)) {
      const item = this.host.item(Number(id));
      if (item) this.press(item, value);
    }
  }

  private buttons(item: HTMLElement): HTMLElement[] {
    return [...item.querySelectorAll<HTMLElement>(":scope > article [data-act=vote]")];
  }

  private press(item: HTMLElement, value: number): void {
    for (const button of this.buttons(item))
      button.setAttribute("aria-pressed", String(Number(button.dataset["value"]) === value));
  }

  /** Shown at once; taken back when the service refuses. */
  private async vote(item: HTMLElement, pressed: number): Promise<void> {
    const id = Number(item.dataset["id"]);
    const before = Number(
      this.buttons(item).find((button) => button.getAttribute("aria-pressed") === "true")?.dataset["value"] ?? 0,
    );
    const value = before === pressed ? 0 : pressed;
    const shown = item.querySelector(":scope > article .score");
    const score = Number(shown?.textContent);
    const show = (is: number, sum: number): void => {
      this.press(item, is);
      if (shown) shown.textContent = String(sum);
    };
    try {
      if (!this.account.who) return this.askToSignIn();
      show(value, score + value - before);
      const token = await this.account.token();
      if (!token) throw new Refused(401);
      show(value, await this.service.vote(id, value, bearer(token)));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      show(before, score);
      if (error.status === 401) {
        this.account.forget();
        return this.askToSignIn();
      }
      this.host.say(error.message || this.words.say("That did not work. Nothing is lost; please try again."));
    }
  }

  private open(item: HTMLElement, button: HTMLButtonElement): void {
    const wasOpen = this.menu?.previousElementSibling === button;
    this.close(false);
    if (wasOpen) return;
    const name = item.querySelector(".author")?.textContent?.trim() ?? "";
    const entries: [string, () => void][] = [
      [this.words.say("Copy link"), () => void this.share(item)],
      [this.words.say("Report this comment…"), () => this.report(item, button)],
      [this.words.say("Hide comments by %(name)s", { name }), () => this.hidden.hide(Number(item.dataset["by"]), true)],
    ];
    const items = entries.map(([label, act]) => {
      const entry = make("button", { type: "button", role: "menuitem", tabindex: "-1" }, label);
      entry.addEventListener("click", () => {
        this.close();
        act();
      });
      return entry;
    });
    const menu = make(
      "div",
      { class: "menu-list", part: "menu", role: "menu", "aria-label": button.getAttribute("aria-label") ?? "" },
      ...items,
    );
    menu.addEventListener("keydown", (event) => {
      const at = items.indexOf(event.target as HTMLButtonElement);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
      if (to !== undefined) items.at(to % items.length)?.focus();
      else if (event.key === "Escape" || event.key === "Tab") this.close(event.key === "Escape");
      else return;
      if (event.key !== "Tab") event.preventDefault();
    });
    button.setAttribute("aria-expanded", "true");
    button.after(menu);
    this.menu = menu;
    items[0]?.focus();
  }

  private close(takesFocusBack = true): void {
    const button = this.menu?.previousElementSibling as HTMLElement | null | undefined;
    this.menu?.remove();
    this.menu = null;
    button?.setAttribute("aria-expanded", "false");
    if (takesFocusBack) button?.focus();
  }

  private async share(item: HTMLElement): Promise<void> {
    const link = item.querySelector<HTMLAnchorElement>(":scope > article .permalink");
    if (!link) return;
    try {
      await navigator.clipboard.writeText(link.href);
      this.host.say(this.words.say("The link is copied."));
    } catch {
      // A page without https, or a frame that may not: the address bar can be copied from.
      location.hash = `#comment-${item.dataset["id"]}`;
      this.host.say(this.words.say("The link is in the address bar."));
    }
  }

  private report(item: HTMLElement, opener: HTMLElement): void {
    const choices = REASONS.map(([value, label], index) =>
      make(
        "label",
        {},
        make("input", { type: "radio", name: "reason", value, required: true, checked: index === 0 }),
        " ",
        this.words.say(label),
      ),
    );
    const text = make("textarea", {
      rows: "3",
      maxlength: "1000",
      "aria-label": this.words.say("What should the moderators know?"),
      placeholder: this.words.say("What should the moderators know?"),
    });
    const trouble = make("p", { class: "trouble", role: "alert", hidden: true });
    const send = make("button", { type: "submit", class: "send", part: "send" }, this.words.say("Report"));
    const cancel = make("button", { type: "button", class: "cancel", part: "cancel" }, this.words.say("Cancel"));
    const title = make("h3", { id: "report-title" }, this.words.say("Report this comment to the moderators"));
    const form = make(
      "form",
      { class: "report", novalidate: true },
      title,
      make("div", { class: "reasons" }, ...choices),
      text,
      trouble,
      make("p", { class: "send-row" }, send, cancel),
    );
    const dialog = make("dialog", { class: "dialog", part: "dialog", "aria-labelledby": "report-title" }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      opener.focus();
    });
    cancel.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      const reason = form.querySelector<HTMLInputElement>("input:checked")?.value ?? "";
      void this.flag(Number(item.dataset["id"]), reason, text.value.trim(), dialog, trouble);
    });
    this.host.root.querySelector(".frame")?.append(dialog);
    dialog.showModal();
  }

  private async flag(
    id: number,
    reason: string,
    text: string,
    dialog: HTMLDialogElement,
    trouble: HTMLElement,
  ): Promise<void> {
    try {
      const token = await this.account.token();
      await this.service.flag(id, reason, text, this.words.lang, token ? bearer(token) : {});
      dialog.close();
      this.host.say(this.words.say("Thank you. The moderators will look at it."));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      trouble.textContent = error.message || this.words.say("That did not work. Nothing is lost; please try again.");
      trouble.hidden = false;
    }
  }
}
