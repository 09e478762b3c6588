// The reader's own comments: they can be changed and deleted for as long as the site allows, and show the time left.

import { make, makeButton } from "./dom";
import { goTo } from "./go-to";
import { insertComment, showHeading } from "./insert";
import { attempt, refusalText, type Refused } from "./refused";
import type { Credentials, Service } from "./service";
import { readTerms } from "./thread-data";
import type { ThreadHost } from "./thread-host";
import { phrase, type Translator } from "./translator";

export class OwnComments {
  readonly #host: ThreadHost;
  readonly #service: Service;
  readonly #translator: Translator;
  readonly #credentials: (id: number) => Promise<Credentials | null>;
  readonly #window_s: number;
  readonly #until = new Map<number, number>(); // end of the edit window in ms since 1970, by comment

  /** `credentials` gives what authorises the reader to change a comment, or null. */
  constructor(host: ThreadHost, service: Service, credentials: (id: number) => Promise<Credentials | null>) {
    this.#host = host;
    this.#service = service;
    this.#translator = host.translator;
    this.#credentials = credentials;
    this.#window_s = readTerms(host.section).edit;
    const clock = window.setInterval(() => this.#showTimeLeft(), 1000);
    host.gone.addEventListener("abort", () => window.clearInterval(clock));
  }

  /** Add the buttons to one of the reader's own comments while its edit window is open. */
  offer(id: number): void {
    const article = this.#host.item(id)?.querySelector(":scope > article");
    const time = article?.querySelector("time")?.dateTime;
    const until = Date.parse(time ?? "") + this.#window_s * 1000;
    if (!article || !(until > Date.now()) || article.querySelector(".own")) return;
    this.#until.set(id, until);
    const edit = make(
      "button",
      { type: "button", class: "edit", part: "edit", "data-act": "edit" },
      this.#translator.translate("Edit"),
    );
    const remove = make(
      "button",
      { type: "button", class: "remove", part: "remove", "data-act": "remove" },
      this.#translator.translate("Delete"),
    );
    article.append(make("p", { class: "own", part: "own" }, edit, remove, make("span", { class: "left" })));
    this.#showTimeLeft();
  }

  /** Handle a click on one of these buttons; gives whether it was one. */
  clicked(target: Element): boolean {
    const item = target.closest<HTMLElement>(".comment");
    const act = target.getAttribute("data-act");
    if (!item || (act !== "edit" && act !== "remove")) return false;
    const id = Number(item.dataset["id"]);
    if (act === "edit") void this.#edit(item, id);
    else this.#remove(item, id, target as HTMLButtonElement);
    return true;
  }

  #showTimeLeft(): void {
    for (const [id, until] of this.#until) {
      const own = this.#host.item(id)?.querySelector(":scope > article > .own");
      const left_s = Math.ceil((until - Date.now()) / 1000);
      const text = own?.querySelector(".left");
      if (text && left_s > 0) {
        const time = `${Math.floor(left_s / 60)}:${String(left_s % 60).padStart(2, "0")}`;
        text.textContent = this.#translator.translate("Editable for %(time)s", { time });
      } else {
        own?.remove();
        this.#until.delete(id);
      }
    }
  }

  async #edit(item: HTMLElement, id: number): Promise<void> {
    const body = item.querySelector<HTMLElement>(":scope > article > .body");
    const own = item.querySelector<HTMLElement>(":scope > article > .own");
    if (!body || !own) return;
    const source = await attempt<string | null>(
      async () => this.#service.source(id, await this.#credentialsFor(id)),
      (error) => {
        this.#announce(error);
        return null;
      },
    );
    if (source !== null) this.#openEditor(item, id, source, body, own);
  }

  #openEditor(item: HTMLElement, id: number, source: string, body: HTMLElement, own: HTMLElement): void {
    const translator = this.#translator;
    const area = make("textarea", {
      class: "edit-area",
      dir: "auto",
      part: "input",
      "aria-label": translator.translate("Your comment"),
      rows: "5",
    });
    area.value = source;
    const trouble = make("p", { class: "trouble", role: "alert", hidden: true });
    const save = make("button", { type: "submit", class: "send", part: "send" }, translator.translate("Save"));
    const close = (): void => {
      form.remove();
      body.hidden = own.hidden = false;
      own.querySelector<HTMLElement>(".edit")?.focus();
    };
    const cancel = makeButton(translator.translate("Cancel"), "cancel", close);
    const buttons = make("p", { class: "send-row" }, save, cancel);
    const form = make("form", { class: "editing", part: "editing", novalidate: true }, area, trouble, buttons);
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      void attempt(
        () => this.#save(item, id, area.value),
        (error) => {
          trouble.textContent = refusalText(error, translator);
          trouble.hidden = false;
        },
      );
    });
    body.hidden = own.hidden = true;
    body.after(form);
    area.focus();
  }

  async #save(item: HTMLElement, id: number, text: string): Promise<void> {
    const host = this.#host;
    const translator = this.#translator;
    const credentials = await this.#credentialsFor(id);
    const answer = await this.#service.edit(id, text, translator.lang, credentials);
    const fresh = await this.#service.drawn(id, translator.lang, credentials, host.gone);
    const replies = item.querySelector(":scope > .replies");
    if (replies) fresh.append(replies);
    item.remove();
    if (item.dataset["parent"]) fresh.dataset["parent"] = item.dataset["parent"];
    insertComment(host, fresh);
    this.offer(id);
    const sentence =
      answer.status === "approved"
        ? phrase("Your change is published.")
        : phrase("Your comment is awaiting moderation.");
    host.announce([translator.translate(sentence), answer.reason].filter(Boolean).join(" "));
    goTo(host, fresh);
  }

  /** The first press asks for confirmation, the second one deletes. */
  #remove(item: HTMLElement, id: number, button: HTMLButtonElement): void {
    if (button.classList.contains("is-asking")) {
      void attempt(
        () => this.#withdraw(item, id),
        (error) => this.#announce(error),
      );
      return;
    }
    button.classList.add("is-asking");
    button.textContent = this.#translator.translate("Really delete?");
    button.addEventListener(
      "blur",
      () => {
        button.classList.remove("is-asking");
        button.textContent = this.#translator.translate("Delete");
      },
      { once: true },
    );
  }

  async #withdraw(item: HTMLElement, id: number): Promise<void> {
    await this.#service.withdraw(id, await this.#credentialsFor(id));
    this.#until.delete(id);
    const hasReplies = item.querySelector(":scope > .replies > .comment");
    const next = item.nextElementSibling ?? item.previousElementSibling ?? item.parentElement?.closest(".comment");
    if (hasReplies) {
      const sentence = this.#translator.translate("This comment was removed.");
      item.querySelector("article")?.replaceWith(make("p", { class: "gone" }, sentence));
    } else item.remove();
    showHeading(this.#host);
    this.#host.announce(this.#translator.translate("Your comment is deleted."));
    if (next instanceof HTMLElement) goTo(this.#host, next);
  }

  async #credentialsFor(id: number): Promise<Credentials> {
    return (await this.#credentials(id)) ?? {};
  }

  #announce(error: Refused): void {
    this.#host.announce(refusalText(error, this.#translator));
  }
}
