// One's own comments: changed or taken back as long as the site allows, with the time that is left in sight.

import { make } from "./dom";
import { Refused } from "./fragment";
import type { Host } from "./host";
import { insert } from "./place";
import type { Proof, Service } from "./service";
import { key, type Words } from "./words";

export class Own {
  private readonly until = new Map<number, number>(); // ms since 1970, by comment
  private readonly window_s = Number(
    (JSON.parse(this.host.section.dataset["terms"] || "{}") as { edit?: number }).edit ?? 0,
  );

  constructor(
    private readonly host: Host,
    private readonly service: Service,
    private readonly words: Words,
    private readonly proof: (id: number) => Promise<Proof | null>,
  ) {
    const clock = window.setInterval(() => this.tick(), 1000);
    host.gone.addEventListener("abort", () => window.clearInterval(clock));
  }

  /** Offer to change a comment of one's own, while that is allowed. */
  offer(id: number): void {
    const item = this.host.item(id);
    const time = item?.querySelector<HTMLTimeElement>(":scope > article time")?.dateTime;
    const article = item?.querySelector(":scope > article");
    const until = Date.parse(time ?? "") + this.window_s * 1000;
    if (!article || !(until > Date.now()) || article.querySelector(".own")) return;
    this.until.set(id, until);
    const edit = make(
      "button",
      { type: "button", class: "edit", part: "edit", "data-act": "edit" },
      this.words.say("Edit"),
    );
    const remove = make(
      "button",
      { type: "button", class: "remove", part: "remove", "data-act": "remove" },
      this.words.say("Delete"),
    );
    article.append(make("p", { class: "own", part: "own" }, edit, remove, make("span", { class: "left" })));
    this.tick();
  }

  clicked(target: Element): boolean {
    const item = target.closest<HTMLElement>(".comment");
    const act = target.getAttribute("data-act");
    if (!item || (act !== "edit" && act !== "remove")) return false;
    const id = Number(item.dataset["id"]);
    void (act === "edit" ? this.edit(item, id) : this.remove(item, id, target as HTMLButtonElement));
    return true;
  }

  private tick(): void {
    for (const [id, until] of this.until) {
      const own = this.host.item(id)?.querySelector(":scope > article > .own");
      const left = Math.ceil((until - Date.now()) / 1000);
      const text = own?.querySelector(".left");
      if (own && left > 0 && text) {
        const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
        text.textContent = this.words.say("%(time)s left to change it", { time });
      } else {
        own?.remove();
        this.until.delete(id);
      }
    }
  }

  private async edit(item: HTMLElement, id: number): Promise<void> {
    const body = item.querySelector<HTMLElement>(":scope > article > .body");
    const own = item.querySelector<HTMLElement>(":scope > article > .own");
    if (!body || !own) return;
    try {
      const proof = (await this.proof(id)) ?? {};
      const area = make("textarea", {
        class: "edit-area",
        part: "input",
        "aria-label": this.words.say("Your comment"),
        rows: "5",
      });
      area.value = await this.service.source(id, proof);
      const trouble = make("p", { class: "trouble", role: "alert", hidden: true });
      const save = make("button", { type: "submit", class: "send", part: "send" }, this.words.say("Save"));
      const cancel = make("button", { type: "button", class: "cancel", part: "cancel" }, this.words.say("Cancel"));
      const form = make(
        "form",
        { class: "editing", part: "editing", novalidate: true },
        area,
        trouble,
        make("p", { class: "send-row" }, save, cancel),
      );
      const close = (): void => {
        form.remove();
        body.hidden = own.hidden = false;
        own.querySelector<HTMLElement>(".edit")?.focus();
      };
      cancel.addEventListener("click", close);
      form.addEventListener("keydown", (event) => {
        if (event.key === "Escape") close();
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
      });
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        event.stopPropagation();
        void this.save(item, id, area, trouble);
      });
      body.hidden = own.hidden = true;
      body.after(form);
      area.focus();
    } catch (error) {
      this.say(error);
    }
  }

  private async save(item: HTMLElement, id: number, area: HTMLTextAreaElement, trouble: HTMLElement): Promise<void> {
    try {
      const proof = (await this.proof(id)) ?? {};
      const answer = await this.service.edit(id, area.value, this.words.lang, proof);
      const fresh = await this.service.drawn(id, this.words.lang, proof, this.host.gone);
      const replies = item.querySelector(":scope > .replies");
      if (replies) fresh.append(replies);
      item.remove();
      if (item.dataset["parent"]) fresh.dataset["parent"] = item.dataset["parent"];
      insert(this.host, fresh);
      this.offer(id);
      const sentence =
        answer.status === "approved" ? key("Your change is published.") : key("Your comment is awaiting moderation.");
      this.host.say([this.words.say(sentence), answer.reason].filter(Boolean).join(" "));
      this.host.goTo(fresh);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      trouble.textContent = error.message || this.words.say("That did not work. Nothing is lost; please try again.");
      trouble.hidden = false;
    }
  }

  /** The first press asks, the second does it. */
  private async remove(item: HTMLElement, id: number, button: HTMLButtonElement): Promise<void> {
    if (!button.classList.contains("is-asking")) {
      button.classList.add("is-asking");
      button.textContent = this.words.say("Really delete?");
      button.addEventListener(
        "blur",
        () => {
          button.classList.remove("is-asking");
          button.textContent = this.words.say("Delete");
        },
        { once: true },
      );
      return;
    }
    try {
      await this.service.withdraw(id, (await this.proof(id)) ?? {});
      this.until.delete(id);
      const hasReplies = item.querySelector(":scope > .replies > .comment");
      const next = item.nextElementSibling ?? item.previousElementSibling ?? item.parentElement?.closest(".comment");
      if (hasReplies)
        item
          .querySelector("article")
          ?.replaceWith(make("p", { class: "gone" }, this.words.say("This comment is no longer here.")));
      else item.remove();
      this.host.say(this.words.say("Your comment is deleted."));
      if (next instanceof HTMLElement) this.host.goTo(next);
    } catch (error) {
      this.say(error);
    }
  }

  private say(error: unknown): void {
    if (!(error instanceof Refused)) throw error;
    this.host.say(error.message || this.words.say("That did not work. Nothing is lost; please try again."));
  }
}
