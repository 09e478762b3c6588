// The reply form: one form that moves to where the reply will stand, and loses no word on the way. The service draws it;
// this makes it work.

import { solve, type Challenge } from "./challenge";
import { make, uuid } from "./dom";
import { Refused, type FieldProblem } from "./fragment";
import type { Host } from "./host";
import { guest, keepGuest, type Guest, type Keepsakes } from "./keepsakes";
import { tell } from "./misconfigured";
import { bearer, type Outgoing, type Posted, type Sanction, type Service } from "./service";
import { canSignIn, type Account } from "./signin";
import { toolbar } from "./toolbar";
import type { Words } from "./words";

/** What the page's thread says of writing here. */
export interface Terms {
  max: number; // characters
  guests: boolean;
  ways: [name: string, label: string][]; // to sign in: for the service, and for people
}

interface Listeners {
  posted: (answer: Posted, parent: number | null, isStillThere: boolean) => Promise<void>;
  identified: () => void;
}

/** What the service may want to know or be told before it takes a comment. */
interface Asked {
  type?: string;
  challenge?: Challenge;
  reasons?: { sentence: string; match?: string }[];
  sanction?: Sanction;
}

const CHALLENGES_MAX = 2;
const RETRY_S = [5, 10, 20, 40, 60];
const NEAR_THE_END = 0.1; // of what fits, when what is left begins to be counted

export class Compose {
  private readonly area = this.of<HTMLTextAreaElement>("textarea");
  private readonly heading = this.of("#respond-heading");
  private readonly cancel = this.of("[data-act=cancel]");
  private readonly identity = this.of(".identity");
  private readonly guestFields = this.form.querySelector<HTMLElement>(".guest");
  private readonly trouble = this.of(".trouble");
  private readonly send = this.of(".send");
  private readonly counter = make("span", { class: "counter", part: "counter" });
  private readonly countdown = make("span", { class: "retry" });
  private readonly terms = JSON.parse(this.host.section.dataset["terms"] || "{}") as Terms;
  private readonly waysDrawn = [...this.identity.childNodes];
  private readonly home = this.form.parentElement as HTMLElement;
  private readonly titleAtHome = this.heading.textContent ?? "";
  private readonly sendWords = this.send.textContent ?? "";
  private parent: number | null = null;
  private isSending = false;
  private acknowledged: Record<string, unknown> = {}; // what the service asked and the author has answered
  private solved = 0; // challenges, for the comment being sent
  private retry = 0;
  private tries = 0;

  constructor(
    readonly form: HTMLFormElement,
    private readonly host: Host,
    private readonly service: Service,
    private readonly keepsakes: Keepsakes,
    private readonly account: Account,
    private readonly words: Words,
    private readonly listeners: Listeners,
  ) {
    const typed = this.area.value; // before all of this was here
    const known = guest();
    if (known && this.guestFields) {
      for (const name of ["name", "email", "website"] as const)
        if (!this.input(name).value) this.input(name).value = known[name];
      this.of<HTMLInputElement>("#respond-save").checked = true;
    }
    this.area.addEventListener("input", () => this.typed());
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        void this.submit();
      } else if (event.key === "Escape" && this.parent !== null && !event.defaultPrevented) {
        this.cancelReply();
      }
    });
    window.addEventListener("online", () => this.retry && void this.submit(), { signal: host.gone });
    host.gone.addEventListener("abort", () => this.stopRetrying());
    this.area.value = [this.keepsakes.draft(null).text, typed].filter(Boolean).join("\n\n");
    if (typed) this.keep();
    this.grow();
    this.count();
    this.identify();
  }

  /** Put on what is said in the page's language, now that it is known. */
  dress(): void {
    const { host, service } = this;
    const bar = toolbar(
      this.area,
      this.words,
      (signal) => service.preview(host.page.site, this.area.value, signal),
      host.gone,
    );
    bar.append(this.counter);
    if (this.account.who) this.identify();
  }

  /** Do what a button of the form is for; gives whether it was one. */
  clicked(target: Element): boolean {
    const act = target.getAttribute("data-act");
    if (target.matches("a.reply")) this.replyTo(Number(target.getAttribute("data-reply")));
    else if (act === "cancel") this.cancelReply();
    else if (act === "sign-in") void this.signIn(target.getAttribute("data-way") ?? "", target.textContent ?? "");
    else return false;
    return true;
  }

  focus(): void {
    this.area.focus();
  }

  /** Take the form to a comment, or back to the end; each place has its own draft. */
  replyTo(id: number | null): void {
    const item = id === null ? null : this.host.item(id);
    const name = item?.querySelector(".author")?.textContent?.trim() ?? "";
    this.parent = item ? id : null;
    this.stopRetrying();
    if (item) item.querySelector(":scope > article")?.after(this.form);
    else this.home.append(this.form);
    this.heading.textContent = item ? this.words.say("Reply to %(name)s", { name }) : this.titleAtHome;
    this.cancel.hidden = !item;
    this.area.value = this.keepsakes.draft(this.parent).text;
    this.grow();
    this.count();
    this.show([]);
    this.focus();
  }

  private cancelReply(): void {
    const item = this.form.closest(".comment");
    this.replyTo(null);
    item?.querySelector<HTMLElement>(":scope > article .reply")?.focus();
  }

  /** Show who writes: somebody signed in, or a guest who may sign in. */
  identify(): void {
    const { who } = this.account;
    if (this.guestFields) this.guestFields.hidden = who !== null;
    if (who) {
      const label = this.terms.ways.find(([name]) => name === who.provider)?.[1] ?? who.provider;
      const sentence =
        who.provider === "email"
          ? this.words.say("You are commenting using your e-mail address.")
          : this.words.say("You are commenting using your %(label)s account.", { label });
      const picture = who.avatar
        ? [make("img", { class: "face", src: who.avatar, alt: "", width: "32", height: "32" })]
        : [];
      const change = this.words.say("Change");
      this.identity.replaceChildren(
        make(
          "p",
          { class: "signed-in" },
          ...picture,
          make("span", {}, make("b", {}, make("bdi", {}, who.name)), ": ", sentence),
        ),
        make(
          "p",
          { class: "signed-in" },
          this.button(this.words.say("Log out"), "log-out", () => void this.logOut()),
          this.button(change, "change", () => void this.signIn("", change)),
        ),
      );
    } else {
      const ways = canSignIn() ? this.waysDrawn : [];
      // Left where they stand: a button that is taken out under the finger loses its click, and the focus.
      if (this.identity.firstChild !== (ways[0] ?? null)) this.identity.replaceChildren(...ways);
    }
  }

  private button(words: string, part: string, act: () => unknown): HTMLButtonElement {
    const button = make("button", { type: "button", class: part, part }, words);
    button.addEventListener("click", act);
    return button;
  }

  /** Runs in the click itself up to the window's opening, or browsers would open none. */
  private async signIn(provider: string, label: string): Promise<void> {
    const giveUp = new AbortController();
    this.keep();
    const going = this.account.signIn(provider, giveUp.signal);
    const cancel = this.button(this.words.say("Cancel"), "cancel-signin", () => giveUp.abort());
    const sentence = this.words.say("Connecting to %(label)s…", { label });
    this.identity.replaceChildren(make("p", { class: "connecting", role: "status" }, sentence, " ", cancel));
    cancel.focus();
    let trouble = "";
    try {
      await going;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      trouble = error.message || this.words.say("That did not work. Nothing is lost; please try again.");
    }
    this.identify();
    this.show([], trouble);
    if (this.account.who) {
      this.listeners.identified();
      this.focus();
    } else [...this.identity.querySelectorAll("button")].find((button) => button.textContent === label)?.focus();
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

  private typed(): void {
    this.keep();
    this.grow();
    this.count();
    this.acknowledged = {};
    if (this.retry) {
      this.stopRetrying();
      this.show([]);
    }
  }

  private keep(): void {
    this.keepsakes.keepDraft(this.parent, { ...this.keepsakes.draft(this.parent), text: this.area.value });
  }

  /** The box grows with its words; where browsers can't do that by themselves. */
  private grow(): void {
    if (CSS.supports("field-sizing", "content")) return;
    this.area.style.height = "auto";
    this.area.style.height = `${this.area.scrollHeight + 4}px`;
  }

  private count(): void {
    const left = this.terms.max - [...this.area.value].length;
    const isNear = left < this.terms.max * NEAR_THE_END;
    this.counter.textContent = isNear ? this.words.say("%(num)s characters left", { num: left }) : "";
    this.counter.classList.toggle("is-over", left < 0);
  }

  async submit(): Promise<void> {
    if (this.isSending || this.findMissing()) return;
    window.clearTimeout(this.retry);
    this.retry = 0;
    const { parent } = this;
    const signedIn = this.account.who;
    if (!signedIn && !this.terms.guests)
      return this.askToSignIn(this.words.say("Please sign in to comment here. Your text is kept."));
    const text = this.area.value;
    const author = signedIn ? {} : { author: this.who() };
    const outgoing: Outgoing = { ...this.host.page, parent_id: parent, body: text, ...author };
    const request = JSON.stringify([outgoing.site, outgoing.thread, parent, text, signedIn?.name ?? outgoing.author]);
    const kept = this.keepsakes.draft(parent);
    const key = kept.key && kept.request === request ? kept.key : uuid();
    this.keepsakes.keepDraft(parent, { text, key, request });
    if (outgoing.author) keepGuest(this.of<HTMLInputElement>("#respond-save").checked ? outgoing.author : null);
    this.busy(true);
    let isToBeSentAgain = false;
    try {
      const token = signedIn ? await this.account.token() : null;
      if (signedIn && !token) return this.signedOut();
      const body = { ...outgoing, ...this.signs(), ...this.acknowledged };
      const answer = await this.service.post(body, this.words.lang, key, token ? bearer(token) : {});
      this.tries = 0;
      this.acknowledged = {};
      this.solved = 0;
      // What was written while this was on its way stays, and whoever has gone on to another comment is left in peace.
      if (this.keepsakes.draft(parent).text === text) this.keepsakes.keepDraft(parent, { text: "" });
      const isStillThere = this.parent === parent;
      if (isStillThere) {
        this.replyTo(null);
      }
      await this.listeners.posted(answer, parent, isStillThere);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 401 && signedIn) return this.signedOut();
      if (error.status && error.status < 500) isToBeSentAgain = await this.refused(error);
      else if (!(await this.isForbidden())) this.tryAgainLater();
    } finally {
      this.busy(false);
    }
    if (isToBeSentAgain) await this.submit();
  }

  /** Say why, and offer what can be done about it; gives whether it has been done already. */
  private async refused(error: Refused): Promise<boolean> {
    this.tries = 0;
    const { type, challenge, reasons, sanction } = error.problem as Asked;
    const slug = type?.split("#problem-")[1];
    if (slug === "challenge" && challenge && this.solved++ < CHALLENGES_MAX) {
      this.send.textContent = this.words.say("Checking…");
      const found = await solve(challenge);
      if (found) this.acknowledged["challenge"] = found;
      if (found) return true;
    }
    this.show(error.problems, error.message || this.words.say("That did not work. Nothing is lost; please try again."));
    if (slug === "nudge") {
      const found = (reasons ?? []).map(({ sentence, match }) =>
        make("li", {}, sentence, ...(match ? [" ", make("mark", {}, match)] : [])),
      );
      this.trouble.append(
        make("ul", {}, ...found),
        this.offer(this.words.say("Send to the moderators as it is"), () => (this.acknowledged["send_anyway"] = true)),
      );
    } else if (slug === "warned" && sanction) {
      const { site } = this.host.page;
      this.trouble.append(
        " ",
        this.offer(this.words.say("I understand"), () => this.service.acknowledge(site, sanction)),
      );
    }
    return false;
  }

  /** A button that does something and sends the comment again. */
  private offer(label: string, act: () => unknown): HTMLButtonElement {
    return this.button(label, "send-anyway", async () => {
      try {
        await act();
        await this.submit();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        this.show([], error.message || this.words.say("That did not work. Nothing is lost; please try again."));
      }
    });
  }

  /** What tells a person from a program: a field that nobody sees, and how long the page was open. */
  private signs(): Record<string, unknown> {
    const trap = this.form.querySelector<HTMLInputElement>(".trap input")?.value ?? "";
    return { elapsed_ms: Math.round(performance.now()), ...(trap ? { trap } : {}) };
  }

  private who(): Guest {
    return { name: this.input("name").value, email: this.input("email").value, website: this.input("website").value };
  }

  /** The network or the service is away: the text is kept, and sent again by itself; the same key makes no second comment. */
  private tryAgainLater(): void {
    const wait = RETRY_S[Math.min(this.tries++, RETRY_S.length - 1)] ?? 60;
    let left = wait;
    const tick = (): void => {
      if (left <= 0) return void this.submit();
      this.countdown.textContent = navigator.onLine
        ? this.words.say("Trying again in %(num)s seconds…", { num: left })
        : this.words.say("You are offline; it will be sent when you are back.");
      if (navigator.onLine) left--;
      this.retry = window.setTimeout(tick, 1000);
    };
    this.show([], this.words.say("Your comment could not be sent. Your text is kept."));
    this.trouble.append(" ", this.countdown);
    tick();
  }

  /** Say so when it is not the network but this page that may not write here. */
  private async isForbidden(): Promise<boolean> {
    try {
      if (await this.service.mayWrite(this.host.page.site)) return false;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return false;
    }
    const { origin } = location;
    tell(
      `${origin} is not one of the origins of the site “${this.host.page.site}”. Add it in the site's settings, and readers can write here.`,
    );
    this.show(
      [],
      this.words.say("%(origin)s is not one of this site's origins. Its owner can add it to the site's settings.", {
        origin,
      }),
    );
    return true;
  }

  private stopRetrying(): void {
    window.clearTimeout(this.retry);
    this.retry = this.tries = 0;
  }

  private signedOut(): void {
    this.account.forget();
    this.askToSignIn(this.words.say("You have been signed out. Please sign in again; your text is kept."));
  }

  askToSignIn(sentence: string): void {
    this.identify();
    this.show([], sentence);
    this.identity.querySelector("button")?.focus();
  }

  private busy(isSending: boolean): void {
    this.isSending = isSending;
    // Not `disabled`: that would take the focus away from whoever pressed it.
    this.send.setAttribute("aria-disabled", String(isSending));
    this.send.textContent = isSending ? this.words.say("Posting…") : this.sendWords;
    if (isSending) this.show([]);
  }

  private of<E extends HTMLElement = HTMLElement>(selector: string): E {
    return this.form.querySelector<E>(selector)!;
  }

  private input(name: string): HTMLInputElement {
    return this.of<HTMLInputElement>(`#respond-${name}`);
  }

  private get fields(): (HTMLInputElement | HTMLTextAreaElement)[] {
    const all = [...this.form.querySelectorAll<HTMLInputElement>(".field input, .field textarea")];
    return this.guestFields?.hidden === false ? all : [this.area];
  }

  private findMissing(): boolean {
    const missing = this.fields.filter((field) => field.required && !field.value.trim());
    const sentence = (field: HTMLElement): string => {
      const label = this.of(`label[for=${field.id}]`).firstChild?.textContent?.trim() ?? "";
      return field === this.area
        ? this.words.say("Please write your comment first.")
        : this.words.say("%(label)s is required.", { label });
    };
    if (missing.length) this.show(missing.map((field) => ({ field: nameOf(field), message: sentence(field) })));
    return missing.length > 0;
  }

  /** Put each problem beside its field, what has no field above the button, and the focus where it can be mended. */
  private show(problems: FieldProblem[], otherwise = ""): void {
    const { fields } = this;
    const placed = fields.filter((field) => {
      const found = problems.filter((problem) => problem.field === nameOf(field));
      const note = this.of(`#${field.id}-problem`);
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
    const homeless = problems.filter((problem) => !fields.some((field) => nameOf(field) === problem.field));
    const sentence = homeless.map((problem) => problem.message).join(" ") || (placed.length ? "" : otherwise);
    this.trouble.textContent = sentence;
    this.trouble.hidden = !sentence;
    placed[0]?.focus();
  }
}

/** What the service calls a field of the form. */
const nameOf = (field: HTMLInputElement | HTMLTextAreaElement): string =>
  field.name === "body" ? "body" : `author.${field.name}`;
