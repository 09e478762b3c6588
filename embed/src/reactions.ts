// What readers do with others' comments: vote, and through the menu share, report and hide.

import type { Account } from "./account";
import { CommentMenu } from "./comment-menu";
import type { HiddenAuthors } from "./hidden-authors";
import { attempt, Refused, refusalText } from "./refused";
import { openReportDialog } from "./report-dialog";
import { bearer, type Service } from "./service";
import type { ThreadHost } from "./thread-host";

export class ReactionController {
  readonly #host: ThreadHost;
  readonly #service: Service;
  readonly #account: Account;
  readonly #hidden: HiddenAuthors;
  readonly #askToSignIn: () => void;
  readonly #menu: CommentMenu;

  constructor(host: ThreadHost, service: Service, account: Account, hidden: HiddenAuthors, askToSignIn: () => void) {
    this.#host = host;
    this.#service = service;
    this.#account = account;
    this.#hidden = hidden;
    this.#askToSignIn = askToSignIn;
    this.#menu = new CommentMenu(host);
  }

  clicked(target: Element): void {
    const item = target.closest<HTMLElement>(".comment");
    const act = target.getAttribute("data-act");
    if (!item) return;
    if (act === "vote") void this.#vote(item, Number(target.getAttribute("data-value")));
    if (act === "uncover") this.#hidden.set(Number(item.dataset["by"]), false);
    if (act === "menu") this.#openMenu(item, target as HTMLButtonElement);
  }

  /** Show how the account that is signed in has voted. */
  showVotes(votes: Record<string, number>): void {
    for (const [id, value] of Object.entries(votes)) {
      const item = this.#host.item(Number(id));
      if (item) press(item, value);
    }
  }

  /** The vote is shown at once, and taken back when the service refuses it. */
  async #vote(item: HTMLElement, pressed: number): Promise<void> {
    if (!this.#account.profile) {
      this.#askToSignIn();
      return;
    }
    const id = Number(item.dataset["id"]);
    const before = pressedValue(item);
    const value = before === pressed ? 0 : pressed;
    const shown = item.querySelector(":scope > article .score");
    const score = Number(shown?.textContent);
    const show = (vote: number, sum: number): void => {
      press(item, vote);
      if (shown) shown.textContent = String(sum);
    };
    show(value, score + value - before);
    await attempt(
      async () => {
        const token = await this.#account.token();
        if (!token) throw new Refused(401);
        show(value, await this.#service.vote(id, value, bearer(token)));
      },
      (error) => {
        show(before, score);
        if (error.status === 401) {
          this.#account.forget();
          this.#askToSignIn();
        } else this.#host.announce(refusalText(error, this.#host.translator));
      },
    );
  }

  #openMenu(item: HTMLElement, button: HTMLButtonElement): void {
    const { translator } = this.#host;
    const name = item.querySelector(".author")?.textContent.trim() ?? "";
    this.#menu.toggle(button, [
      { label: translator.translate("Copy link"), run: () => void this.#copyLink(item) },
      {
        label: translator.translate("Report this comment…"),
        run: () =>
          openReportDialog(this.#host, button, (reason, text) =>
            this.#report(Number(item.dataset["id"]), reason, text),
          ),
      },
      {
        label: translator.translate("Hide comments by %(name)s", { name }),
        run: () => this.#hidden.set(Number(item.dataset["by"]), true),
      },
    ]);
  }

  async #report(id: number, reason: string, text: string): Promise<void> {
    const token = await this.#account.token();
    await this.#service.flag(id, reason, text, this.#host.translator.lang, token ? bearer(token) : {});
  }

  async #copyLink(item: HTMLElement): Promise<void> {
    const { translator } = this.#host;
    const link = item.querySelector<HTMLAnchorElement>(":scope > article .permalink");
    if (!link) return;
    try {
      await navigator.clipboard.writeText(link.href);
      this.#host.announce(translator.translate("The link is copied."));
    } catch {
      // Pages without https and some frames may not write to the clipboard; the reader can copy the address.
      location.hash = `#comment-${item.dataset["id"] ?? ""}`;
      this.#host.announce(translator.translate("The link is in the address bar."));
    }
  }
}

const voteButtons = (item: HTMLElement): HTMLElement[] => [
  ...item.querySelectorAll<HTMLElement>(":scope > article [data-act=vote]"),
];

/** The reader's own vote: 1, -1, or 0 for none. */
function pressedValue(item: HTMLElement): number {
  const pressed = voteButtons(item).find((button) => button.getAttribute("aria-pressed") === "true");
  return Number(pressed?.dataset["value"] ?? 0);
}

function press(item: HTMLElement, value: number): void {
  for (const button of voteButtons(item)) {
    button.setAttribute("aria-pressed", String(Number(button.dataset["value"]) === value));
  }
}
