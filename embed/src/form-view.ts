// The form's elements: fields and their problems, the place where the form is, the button's state. No logic of sending.

import { make, makeButton, query } from "./dom";
import type { Guest } from "./guest";
import type { FieldProblem } from "./refused";
import { phrase, type Translator } from "./translator";

type Field = HTMLInputElement | HTMLTextAreaElement;

const COUNT_FROM = 0.1; // the share of the allowed length from which on the characters left are shown
const BORDERS_PX = 4;
const GUEST_FIELDS = ["name", "email", "website"] as const;

/** What to say when a required field is empty, by its name. */
const MISSING: Record<string, string> = {
  body: phrase("Please write your comment first."),
  name: phrase("Enter your name."),
  email: phrase("Enter your email address."),
};

export class FormView {
  readonly form: HTMLFormElement;
  readonly area: HTMLTextAreaElement;
  readonly identity: HTMLElement;
  readonly guestFields: HTMLElement | null;
  readonly notifyField: HTMLElement | null;
  readonly counter = make("span", { class: "counter", part: "counter" });
  readonly #translator: Translator;
  readonly #heading: HTMLElement;
  readonly #cancel: HTMLElement;
  readonly #trouble: HTMLElement;
  readonly #send: HTMLElement;
  readonly #note = make("p", { class: "note", part: "note" });
  readonly #notify: HTMLSelectElement | null;
  readonly #countdown = make("span", { class: "retry" });
  readonly #home: HTMLElement;
  readonly #homeHeading: string;
  readonly #sendLabel: string;

  constructor(form: HTMLFormElement, translator: Translator) {
    this.form = form;
    this.area = query<HTMLTextAreaElement>(form, "textarea");
    this.identity = query(form, ".identity");
    this.guestFields = form.querySelector<HTMLElement>(".guest");
    this.notifyField = form.querySelector<HTMLElement>(".notify");
    this.#translator = translator;
    this.#heading = query(form, "#respond-heading");
    this.#cancel = query(form, "[data-act=cancel]");
    this.#trouble = query(form, ".trouble");
    this.#send = query(form, ".send");
    this.#notify = form.querySelector<HTMLSelectElement>("#respond-notify");
    this.#home = form.parentElement as HTMLElement;
    this.#homeHeading = this.#heading.textContent;
    this.#sendLabel = this.#send.textContent;
  }

  /** Move the form below a comment, or back to the end of the thread. */
  moveTo(item: HTMLElement | null): void {
    if (item) {
      const name = item.querySelector(".author")?.textContent.trim() ?? "";
      item.querySelector(":scope > article")?.after(this.form);
      this.#heading.textContent = this.#translator.translate("Reply to %(name)s", { name });
    } else {
      this.#home.prepend(this.form);
      this.#heading.textContent = this.#homeHeading;
    }
    this.#cancel.hidden = !item;
    this.#note.remove();
  }

  /** What is in the fields; null where the site takes no guests. */
  get guest(): Guest | null {
    if (!this.guestFields) return null;
    return {
      name: this.#input("name").value,
      email: this.#input("email").value,
      website: this.#input("website").value,
    };
  }

  get savesGuest(): boolean {
    return this.form.querySelector<HTMLInputElement>("#respond-save")?.checked ?? false;
  }

  /** Fill in a guest; typed values stay. `isSaved`: this guest asked to be remembered. */
  fillIn(guest: Guest, isSaved: boolean): void {
    if (!this.guestFields) return;
    for (const name of GUEST_FIELDS) this.#input(name).value ||= guest[name];
    query<HTMLInputElement>(this.form, "#respond-save").checked = isSaved;
  }

  /** About what the author wants mail: "replies", "thread" (all new comments), or "" for nothing. */
  get notify(): string {
    return this.#notify?.value ?? "";
  }

  set notify(value: string) {
    if (this.#notify) this.#notify.value = value;
  }

  /** Add a sentence with a button above the form, until the button is pressed or the form moves. */
  offerAbove(sentence: string, label: string, onClick: () => void): void {
    const button = makeButton(label, "send-anyway", onClick);
    this.#note.replaceChildren(sentence, " ", button);
    this.form.prepend(this.#note);
  }

  /** What tells people from programs: the honeypot field, and how long the page was open. */
  get signals(): Record<string, unknown> {
    const trap = this.form.querySelector<HTMLInputElement>(".trap input")?.value;
    return { elapsed_ms: Math.round(performance.now()), ...(trap ? { trap } : {}) };
  }

  /** Adjust the height of the text field, and count the characters left when they are few. */
  textChanged(max: number): void {
    if (!CSS.supports("field-sizing", "content")) {
      this.area.style.height = "auto";
      this.area.style.height = `${this.area.scrollHeight + BORDERS_PX}px`;
    }
    const left = max - Array.from(this.area.value).length; // by code points, as the service counts
    const isNear = left < max * COUNT_FROM;
    this.counter.textContent = isNear ? this.#translator.translate("%(num)s characters left", { num: left }) : "";
    this.counter.classList.toggle("is-over", left < 0);
  }

  /** The label says what is going on; null: nothing. */
  setBusy(label: string | null): void {
    // Not `disabled`, which would take the focus away from the button.
    this.#send.setAttribute("aria-disabled", String(label !== null));
    this.#send.textContent = label ?? this.#sendLabel;
  }

  /** Show each problem beside its field and the others above the button, and focus the first field to correct. */
  showProblems(problems: FieldProblem[], otherwise = ""): void {
    const fields = this.#fields;
    const wrong = fields.filter((field) => {
      const found = problems.filter((problem) => problem.field === nameOf(field));
      const note = query(this.form, `#${field.id}-problem`);
      note.textContent = found.map((problem) => problem.message).join(" ");
      note.hidden = !found.length;
      for (const [name, value] of [
        ["aria-invalid", "true"],
        ["aria-describedby", note.id],
      ] as const) {
        if (found.length) field.setAttribute(name, value);
        else field.removeAttribute(name);
      }
      return found.length > 0;
    });
    const others = problems.filter((problem) => !fields.some((field) => nameOf(field) === problem.field));
    const sentence = others.map((problem) => problem.message).join(" ") || (wrong.length ? "" : otherwise);
    this.#trouble.textContent = sentence;
    this.#trouble.hidden = !sentence;
    wrong[0]?.focus();
  }

  clearProblems(): void {
    this.showProblems([]);
  }

  /** Show which required fields are empty; gives whether any is. */
  showMissing(): boolean {
    const problems = this.#fields.flatMap((field) => {
      const isNeeded = field.required || (field.name === "email" && this.notify);
      const sentence = isNeeded && !field.value.trim() && MISSING[field.name];
      return sentence ? [{ field: nameOf(field), message: this.#translator.translate(sentence) }] : [];
    });
    if (problems.length) this.showProblems(problems);
    return problems.length > 0;
  }

  /** Add a button to the sentence above the button, with an optional list before it. */
  offer(label: string, onClick: () => unknown, list?: HTMLElement): void {
    this.#trouble.append(list ?? " ", makeButton(label, "send-anyway", onClick));
  }

  /** Show the countdown behind the sentence; only its own text changes, so that screen readers repeat no more. */
  showCountdown(text: string): void {
    this.#countdown.textContent = text;
    if (!this.#countdown.isConnected) this.#trouble.append(" ", this.#countdown);
  }

  #input(name: string): HTMLInputElement {
    return query<HTMLInputElement>(this.form, `#respond-${name}`);
  }

  get #fields(): Field[] {
    if (!this.guestFields || this.guestFields.hidden) return [this.area];
    return [...this.form.querySelectorAll<Field>(".field input, .field textarea")];
  }
}

/** The field's name in the service's answers. */
const nameOf = (field: Field): string => (field.name === "body" ? "body" : `author.${field.name}`);
