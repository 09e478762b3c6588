// Who writes: the account that is signed in, or a guest who may sign in. Draws that part of the form.

import type { Account } from "./account";
import { make, makeButton } from "./dom";
import { canSignIn } from "./pkce";
import { attempt, refusalText } from "./refused";
import type { Profile } from "./service";
import type { SignIn } from "./sign-in";
import type { Terms } from "./thread-data";
import type { Translator } from "./translator";

export interface IdentityOptions {
  /** The element with the ways to sign in, as the service drew them. */
  element: HTMLElement;
  /** The fields for name and addresses; null when the site takes no guests. */
  guestFields: HTMLElement | null;
  /** The choice of what to mail; null where the service sends no mail. */
  notifyField: HTMLElement | null;
  account: Account;
  signIn: SignIn;
  /** The service's host name. */
  serviceName: string;
  ways: Terms["ways"];
  translator: Translator;
  onStart: () => void;
  /** The sign-in has ended; `trouble` is empty or says why nobody is signed in. */
  onEnd: (isSignedIn: boolean, trouble: string) => void;
}

export class Identity {
  readonly #options: IdentityOptions;
  readonly #element: HTMLElement;
  readonly #drawnWays: ChildNode[];

  constructor(options: IdentityOptions) {
    this.#options = options;
    this.#element = options.element;
    this.#drawnWays = [...options.element.childNodes];
  }

  /** The account that is signed in, or null for a guest. */
  get profile(): Profile | null {
    return this.#options.account.profile;
  }

  draw(): void {
    const { profile } = this;
    const { guestFields, notifyField } = this.#options;
    if (guestFields) guestFields.hidden = profile !== null;
    if (notifyField) notifyField.hidden = profile?.has_email === false;
    if (profile) {
      this.#element.replaceChildren(...this.#signedIn(profile));
      return;
    }
    const ways = canSignIn() ? this.#drawnWays : [];
    // Buttons that are there already stay: replacing one under the pointer would lose its click and the focus.
    if (this.#element.firstChild !== (ways[0] ?? null)) this.#element.replaceChildren(...ways);
  }

  /** Focus the first way to sign in. */
  focus(): void {
    this.#element.querySelector("button")?.focus();
  }

  /** Handle a click on a way to sign in; gives whether it was one. */
  clicked(target: Element): boolean {
    if (target.getAttribute("data-act") !== "sign-in") return false;
    void this.#signIn(target.getAttribute("data-way") ?? "", target.textContent);
    return true;
  }

  #signedIn(profile: Profile): HTMLElement[] {
    const { account, serviceName, translator, ways } = this.#options;
    const label = ways.find(([key]) => key === profile.provider)?.[1] ?? profile.provider;
    const sentence =
      profile.provider === "email"
        ? translator.translate("You are commenting using your email address.")
        : translator.translate("You are commenting using your %(label)s account.", { label });
    const avatar = profile.avatar
      ? [make("img", { class: "face", src: profile.avatar, alt: "", width: "32", height: "32" })]
      : [];
    const name = make("b", {}, make("bdi", {}, profile.name));
    const logOut = makeButton(translator.translate("Log out"), "log-out", () => this.#logOut(account));
    const change = makeButton(translator.translate("Change"), "change", () => this.#signIn("", serviceName));
    return [
      make("p", { class: "signed-in" }, ...avatar, make("span", {}, name, ": ", sentence)),
      make("p", { class: "signed-in" }, logOut, change),
    ];
  }

  /** Runs in the click itself up to the opening of the window, or browsers would open none. */
  async #signIn(provider: string, label: string): Promise<void> {
    const { onStart, onEnd, signIn, translator } = this.#options;
    const canceled = new AbortController();
    onStart();
    const hint = make("span", { class: "closed-hint" });
    const going = signIn.start(provider, canceled.signal, () => {
      hint.textContent = translator.translate("If you closed the sign-in window, cancel and try again.");
    });
    const cancel = makeButton(translator.translate("Cancel"), "cancel-signin", () => canceled.abort());
    const sentence = translator.translate("Connecting to %(label)s…", { label });
    this.#element.replaceChildren(make("p", { class: "connecting", role: "status" }, sentence, " ", hint, " ", cancel));
    cancel.focus();
    let trouble = "";
    await attempt<unknown>(
      () => going,
      (error) => (trouble = refusalText(error, translator)),
    );
    this.draw();
    onEnd(this.profile !== null, trouble);
    if (!this.profile) {
      this.#element.querySelector<HTMLElement>(provider ? `[data-way="${CSS.escape(provider)}"]` : "button")?.focus();
    }
  }

  async #logOut(account: Account): Promise<void> {
    await attempt(
      () => account.signOut(),
      () => undefined, // forgotten in this browser all the same; the tokens expire
    );
    this.draw();
    this.focus();
  }
}
