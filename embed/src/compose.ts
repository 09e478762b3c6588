// The reply form: one form that moves to where the reply will stand, and loses no word on the way.

import { make, uuid } from "./dom";
import { guest, keepGuest, type Guest, type Memory } from "./memory";
import { Refused, type FieldProblem, type Outgoing, type Posted, type Service } from "./service";
import { canSignIn, type Account } from "./signin";
import { texts } from "./texts";

/** What the page's thread says of writing here. */
export interface Terms {
  requireEmail: boolean;
  bodyMax: number;
  takesGuests: boolean;
  ways: Way[];
}

/** A way to sign in that the service offers: a name for it, and a name for people. */
export type Way = [name: string, label: string];

export interface Target {
  parent: number | null;
  name: string;
}

export interface Page {
  site: string;
  thread: string;
  url: string;
  title: string;
}

const NAME_MAX = 245;
const EMAIL_MAX = 254;
const WEBSITE_MAX = 200;

export class Compose {
  readonly form = make("form", { class: "respond", part: "form", novalidate: true });
  private readonly heading = make("h3", { class: "respond-heading", part: "form-heading", id: "respond-heading" });
  private readonly cancel = make("button", { class: "cancel", part: "cancel", type: "button" }, texts.cancelReply);
  private readonly body: Field<HTMLTextAreaElement>;
  private readonly name: Field<HTMLInputElement>;
  private readonly email: Field<HTMLInputElement>;
  private readonly website: Field<HTMLInputElement>;
  private readonly save = make("input", { type: "checkbox", id: "respond-save" });
  private readonly identity = make("div", { class: "identity", part: "identity" });
  private readonly guestFields = make("div", { class: "guest" });
  private readonly trouble = make("p", { class: "trouble", part: "trouble", role: "alert", hidden: true });
  private readonly send = make("button", { class: "send", part: "send", type: "submit" }, texts.post);
  private target: Target = { parent: null, name: "" };
  private isSending = false;

  constructor(
    private readonly service: Service,
    private readonly memory: Memory,
    private readonly page: () => Page,
    private readonly account: Account,
    private readonly terms: Terms,
    private readonly posted: (posted: Posted, target: Target) => void,
    canceled: () => void,
  ) {
    const must = terms.requireEmail;
    const area = make("textarea", { rows: "5", required: true, name: "body" });
    const input = (type: string, autocomplete: string, max: number, required: boolean): HTMLInputElement =>
      make("input", { type, autocomplete, maxlength: String(max), required, name: autocomplete });
    this.body = new Field("body", texts.comment, area, true);
    this.name = new Field("author.name", texts.name, input("text", "name", NAME_MAX, must), must);
    this.email = new Field("author.email", texts.email, input("email", "email", EMAIL_MAX, must), must);
    this.website = new Field("author.website", texts.website, input("url", "url", WEBSITE_MAX, false), false);
    this.form.setAttribute("aria-labelledby", "respond-heading");
    const hint = make("p", { class: "hint", part: "hint" }, texts.hint + (must ? ` ${texts.required}` : ""));
    this.guestFields.append(
      hint,
      make("div", { class: "who" }, this.name.root, this.email.root, this.website.root),
      make("p", { class: "save" }, this.save, make("label", { for: "respond-save" }, texts.saveMe)),
    );
    this.form.append(
      make("div", { class: "respond-top" }, this.heading, this.cancel),
      this.body.root,
      this.identity,
      this.guestFields,
      this.trouble,
      make("p", { class: "send-row" }, this.send),
    );
    const known = guest();
    if (known) this.fill(known);
    this.identify();
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
    area.addEventListener("input", () => this.keep());
    this.cancel.addEventListener("click", canceled);
    this.aim({ parent: null, name: "" });
  }

  /** Point the form at a comment, or at the page; each has its own draft. */
  aim(target: Target): void {
    this.target = target;
    this.heading.textContent = target.parent === null ? texts.leaveReply : texts.replyTo(target.name);
    this.cancel.hidden = target.parent === null;
    this.body.input.value = this.memory.draft(target.parent).text;
    this.clearProblems();
  }

  isAimedAt(target: Target): boolean {
    return this.target === target;
  }

  focus(): void {
    this.body.input.focus();
  }

  /** Show who writes: somebody signed in, or a guest who may sign in. */
  identify(): void {
    const who = this.account.who;
    this.guestFields.hidden = who !== null || !this.terms.takesGuests;
    if (who) {
      const label = this.terms.ways.find(([name]) => name === who.provider)?.[1] ?? who.provider;
      const sentence = who.provider === "email" ? texts.usingMail : texts.using(label);
      const picture = who.avatar ? [make("img", { class: "face", src: who.avatar, alt: "", width: "32", height: "32" })] : [];
      const name = make("b", {}, make("bdi", {}, who.name));
      const out = this.button(texts.logOut, "log-out", () => void this.logOut());
      const change = this.button(texts.change, "change", () => void this.signIn("", texts.change));
      this.identity.replaceChildren(make("p", { class: "signed-in" }, ...picture, make("span", {}, name, ": ", sentence), out, change));
    } else if (this.terms.ways.length && canSignIn()) {
      const ways = this.terms.ways.map(([name, label]) =>
        make("li", {}, this.button(label, "way", () => void this.signIn(name, label))),
      );
      const sentence = this.terms.takesGuests ? texts.details : texts.signIn;
      this.identity.replaceChildren(make("p", { class: "ways-hint" }, sentence), make("ul", { class: "ways" }, ...ways));
    } else {
      this.identity.replaceChildren();
    }
  }

  private button(words: string, part: string, act: () => void): HTMLButtonElement {
    const button = make("button", { type: "button", class: part, part }, words);
    button.addEventListener("click", act);
    return button;
  }

  /** Runs in the click itself up to the window's opening, or browsers would open none. */
  private async signIn(provider: string, label: string): Promise<void> {
    const giveUp = new AbortController();
    this.keep();
    const going = this.account.signIn(provider, giveUp.signal);
    const cancel = this.button(texts.cancel, "cancel-signin", () => giveUp.abort());
    this.identity.replaceChildren(make("p", { class: "connecting", role: "status" }, texts.connecting(label), " ", cancel));
    cancel.focus();
    let trouble = "";
    try {
      await going;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      trouble = error.message || texts.signInFailed;
    }
    this.identify();
    this.show([], trouble);
    const buttons = [...this.identity.querySelectorAll("button")];
    if (this.account.who) this.body.input.focus();
    else buttons.find((button) => button.textContent === label)?.focus();
  }

  private async logOut(): Promise<void> {
    try {
      await this.account.signOut();
    } catch (error) {
      // Forgotten here all the same; what the service keeps ends by itself.
      if (!(error instanceof Refused)) throw error;
    }
    this.identify();
    this.identity.querySelector("button")?.focus();
  }

  private fill(known: Guest): void {
    this.name.input.value = known.name;
    this.email.input.value = known.email;
    this.website.input.value = known.website;
    this.save.checked = true;
  }

  private keep(): void {
    this.memory.keepDraft(this.target.parent, { ...this.memory.draft(this.target.parent), text: this.body.input.value });
  }

  private async submit(): Promise<void> {
    if (this.isSending || this.findMissing()) return;
    const target = this.target;
    const signedIn = this.account.who;
    if (!signedIn && !this.terms.takesGuests) return this.askToSignIn(texts.signInFirst);
    const who: Guest = { name: this.name.input.value, email: this.email.input.value, website: this.website.input.value };
    const text = this.body.input.value;
    const outgoing: Outgoing = { ...this.page(), parent_id: target.parent, body: text, ...(signedIn ? {} : { author: who }) };
    const request = JSON.stringify([outgoing.site, outgoing.thread, target.parent, text, signedIn ? signedIn.name : who]);
    const kept = this.memory.draft(target.parent);
    const key = kept.key && kept.request === request ? kept.key : uuid();
    this.memory.keepDraft(target.parent, { text, key, request });
    if (!signedIn) keepGuest(this.save.checked ? who : null);
    this.busy(true);
    try {
      const token = signedIn ? await this.account.token() : null;
      if (signedIn && !token) return this.askToSignIn(texts.signedOut);
      const posted = await this.service.post(outgoing, key, token);
      // What was written while this was on its way stays.
      if (this.memory.draft(target.parent).text === text) this.memory.keepDraft(target.parent, { text: "" });
      this.posted(posted, target);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 401 && signedIn) {
        this.account.forget();
        return this.askToSignIn(texts.signedOut);
      }
      this.show(error.problems, error.message || texts.noNetwork);
    } finally {
      this.busy(false);
    }
  }

  private askToSignIn(sentence: string): void {
    this.identify();
    this.show([], sentence);
    this.identity.querySelector("button")?.focus();
  }

  private busy(isSending: boolean): void {
    this.isSending = isSending;
    // Not `disabled`: that would take the focus away from whoever pressed it.
    this.send.setAttribute("aria-disabled", String(isSending));
    this.send.textContent = isSending ? texts.sending : texts.post;
    if (isSending) this.clearProblems();
  }

  private get fields(): Field<HTMLInputElement | HTMLTextAreaElement>[] {
    return [this.body, this.name, this.email, this.website];
  }

  private findMissing(): boolean {
    const fields = this.guestFields.hidden ? [this.body] : this.fields;
    const missing = fields.filter((field) => field.isRequired && !field.input.value.trim());
    if (missing.length === 0) return false;
    const sentence = (field: Field<HTMLElement>): string => (field.name === "body" ? texts.empty : texts.requiredField(field.label));
    this.show(missing.map((field) => ({ field: field.name, message: sentence(field) })), "");
    return true;
  }

  private clearProblems(): void {
    this.fields.forEach((field) => field.say(""));
    this.trouble.hidden = true;
    this.trouble.textContent = "";
  }

  /** Put each problem beside its field, what has no field above the button, and the focus where it can be mended. */
  private show(problems: FieldProblem[], otherwise: string): void {
    this.clearProblems();
    const placed = this.fields.filter((field) => {
      const found = problems.filter((problem) => problem.field === field.name);
      field.say(found.map((problem) => problem.message).join(" "));
      return found.length > 0;
    });
    const homeless = problems.filter((problem) => !this.fields.some((field) => field.name === problem.field));
    const sentence = homeless.map((problem) => problem.message).join(" ") || (placed.length ? "" : otherwise);
    this.trouble.textContent = sentence;
    this.trouble.hidden = !sentence;
    placed[0]?.input.focus();
  }
}

class Field<E extends HTMLElement> {
  readonly root: HTMLParagraphElement;
  private readonly problem: HTMLElement;

  constructor(
    readonly name: string,
    readonly label: string,
    readonly input: E,
    readonly isRequired: boolean,
  ) {
    const id = `respond-${name.replace("author.", "")}`;
    input.id = id;
    input.setAttribute("part", "input");
    this.problem = make("span", { class: "problem", part: "problem", id: `${id}-problem`, hidden: true });
    const star = isRequired ? [make("span", { "aria-hidden": "true" }, " *")] : [];
    this.root = make("p", { class: `field field-${name.replace("author.", "")}` }, make("label", { for: id }, label, ...star), input, this.problem);
  }

  say(sentence: string): void {
    this.problem.textContent = sentence;
    this.problem.hidden = !sentence;
    if (sentence) {
      this.input.setAttribute("aria-invalid", "true");
      this.input.setAttribute("aria-describedby", this.problem.id);
    } else {
      this.input.removeAttribute("aria-invalid");
      this.input.removeAttribute("aria-describedby");
    }
  }
}
