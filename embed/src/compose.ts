// The reply form: connects its parts (draft, identity, submission, view). The service draws it, and it moves to the
// comment that is being replied to.

import type { Account } from "./account";
import { make } from "./dom";
import { Draft } from "./draft";
import { FormView } from "./form-view";
import { rememberedGuest, rememberGuest, type Guest } from "./guest";
import { Identity } from "./identity";
import type { LocalDrafts } from "./local-drafts";
import { attempt, problemSlug, Refused, refusalText } from "./refused";
import { bearer, type NewComment, type PostedComment, type Sanction, type Service } from "./service";
import type { SignIn } from "./sign-in";
import { warnSiteOwner } from "./site-owner-warning";
import { Submission, type SubmissionState } from "./submission";
import { readTerms, type Terms } from "./thread-data";
import type { ThreadHost } from "./thread-host";
import { makeToolbar, type Toolbar } from "./toolbar";
import type { Translator } from "./translator";

/** What the form of a thread held when the thread was drawn again: in another order, or elsewhere on the page. */
interface Kept {
  thread: string;
  parent: number | null;
  guest: Guest | null;
  isSaved: boolean;
  notify: string;
}

let kept: Kept | null = null;

export interface ComposeOptions {
  form: HTMLFormElement;
  host: ThreadHost;
  service: Service;
  drafts: LocalDrafts;
  account: Account;
  signIn: SignIn;
  /** `isStillThere`: the reader has not moved the form to another comment meanwhile. */
  onPosted: (posted: PostedComment, parent: number | null, isStillThere: boolean) => Promise<void>;
  onSignedIn: () => void;
}

export class Compose {
  readonly #options: ComposeOptions;
  readonly #host: ThreadHost;
  readonly #service: Service;
  readonly #translator: Translator;
  readonly #terms: Terms;
  readonly #view: FormView;
  readonly #draft: Draft;
  readonly #identity: Identity;
  readonly #submission: Submission;
  #toolbar: Toolbar | null = null;
  // The replies to go on with, until the reader moves the form.
  #wasOpen: number | null;
  #begun: number | null;
  #isSentByAccount = false;

  constructor(options: ComposeOptions) {
    const { form, host, service, drafts, account, signIn } = options;
    this.#options = options;
    this.#host = host;
    this.#service = service;
    this.#translator = host.translator;
    this.#terms = readTerms(host.section);
    this.#view = new FormView(form, host.translator);
    this.#draft = new Draft(this.#view.area, drafts);
    this.#identity = new Identity({
      element: this.#view.identity,
      guestFields: this.#view.guestFields,
      notifyField: this.#view.notifyField,
      account,
      signIn,
      serviceName: new URL(service.base).host,
      ways: this.#terms.ways,
      translator: host.translator,
      onStart: () => {
        this.#draft.keep();
        signIn.parent = this.#draft.parent;
      },
      onEnd: (isSignedIn, trouble) => {
        this.#view.showProblems([], trouble);
        if (!isSignedIn) return;
        options.onSignedIn();
        this.focus();
      },
    });
    this.#submission = new Submission({
      onChange: (state, before) => this.#showState(state, before),
      resend: () => this.submit(),
      mayWrite: () => this.#mayWrite(),
      gone: host.gone,
    });
    this.#view.area.addEventListener("input", () => this.#typed());
    form.addEventListener("keydown", (event) => this.#onKey(event));
    // A sandboxed frame may forbid forms; then no submit event follows the click.
    form.addEventListener("click", (event) => {
      if (!(event.target as Element).closest(".send")) return;
      event.preventDefault();
      void this.submit();
    });
    const { gone } = host;
    window.addEventListener("pagehide", () => this.#draft.leave(true), { signal: gone });
    window.addEventListener("pageshow", () => this.#draft.leave(false), { signal: gone });
    gone.addEventListener("abort", () => {
      kept = this.#keep();
      this.#draft.leave(true);
    });
    const guest = rememberedGuest();
    if (kept?.guest) this.#view.fillIn(kept.guest, kept.isSaved);
    else if (guest) this.#view.fillIn(guest, true);
    if (kept?.notify) this.#view.notify = kept.notify;
    const isSame = kept?.thread === `${host.page.site}:${host.page.thread}`;
    this.#wasOpen = (isSame && kept?.parent) || null;
    this.#begun = isSame ? null : this.#draft.begunReply;
    kept = null;
    this.#view.textChanged(this.#terms.max);
    this.drawIdentity();
  }

  /** Add the toolbar and redraw what is translated, once the sentences are loaded. */
  addToolbar(): void {
    const { site } = this.#host.page;
    this.#toolbar = makeToolbar(this.#view.area, this.#translator, () =>
      this.#service.preview(site, this.#draft.text, this.#host.gone),
    );
    this.#toolbar.element.append(this.#view.counter);
    if (this.#identity.profile) this.drawIdentity();
  }

  /** Handle a click on a button of the form; gives whether it was one. */
  clicked(target: Element): boolean {
    if (target.matches("a.reply")) this.replyTo(Number(target.getAttribute("data-reply")));
    else if (target.getAttribute("data-act") === "cancel") this.#cancelReply();
    else return this.#identity.clicked(target);
    return true;
  }

  focus(): void {
    this.#view.area.focus();
  }

  /**
   * Go on with the reply that was open (`parent`, else the one when the thread was drawn again) or that this browser
   * has a draft of. `find` loads the pages of the thread up to a comment.
   */
  async resume(parent: number | null, find: (id: number) => Promise<unknown>): Promise<void> {
    const open = parent ?? this.#wasOpen;
    if (open !== null) {
      await find(open);
      this.replyTo(open, parent !== null);
      return;
    }
    const begun = this.#begun;
    if (begun === null) return;
    if (!this.#draft.text && this.#host.item(begun)) {
      this.replyTo(begun, false);
      return;
    }
    const sentence = this.#translator.translate("You have begun to write a reply.");
    this.#view.offerAbove(sentence, this.#translator.translate("Continue"), () => {
      void find(begun).then(() => {
        if (this.#host.item(begun)) this.replyTo(begun);
        else this.#draft.move(begun);
      });
    });
  }

  /** Move the form to a comment, or back to the end of the thread; each place has its own draft. */
  replyTo(id: number | null, takesFocus = true): void {
    const item = id === null ? null : this.#host.item(id);
    this.#wasOpen = this.#begun = null;
    this.#toolbar?.endPreview();
    this.#submission.cancelRetry();
    this.#view.moveTo(item);
    this.#draft.open(item ? id : null);
    this.#view.textChanged(this.#terms.max);
    this.#view.clearProblems();
    if (takesFocus) this.focus();
  }

  /** Show who writes: the account that is signed in, or a guest. */
  drawIdentity(): void {
    this.#identity.draw();
  }

  async submit(): Promise<void> {
    this.#toolbar?.endPreview();
    if (this.#submission.isSending || this.#view.showMissing()) return;
    const { parent, text } = this.#draft;
    const { profile } = this.#identity;
    if (!profile && !this.#terms.guests) {
      this.#submission.cancelRetry();
      this.askToSignIn(this.#translator.translate("Please sign in to comment here. Your text is kept."));
      return;
    }
    const author = profile ? null : this.#view.guest;
    const page = this.#host.page;
    const { notify } = this.#view;
    const comment: NewComment = {
      ...page,
      parent_id: parent,
      body: text,
      ...(author ? { author } : {}),
      ...(notify ? { notify } : {}),
    };
    const request = [page.site, page.thread, parent, text, profile?.name ?? author, notify];
    const key = this.#draft.keyFor(JSON.stringify(request));
    if (author) rememberGuest(this.#view.savesGuest ? author : null);
    this.#isSentByAccount = profile !== null;
    await this.#submission.send(async (answers) => {
      const posted = await this.#post({ ...comment, ...this.#view.signals, ...answers }, key);
      this.#draft.sent(parent, text);
      const isStillThere = this.#draft.parent === parent;
      if (isStillThere) this.replyTo(null);
      await this.#options.onPosted(posted, parent, isStillThere);
    });
  }

  askToSignIn(sentence: string): void {
    this.drawIdentity();
    this.#view.showProblems([], sentence);
    this.#identity.focus();
  }

  async #post(comment: object, key: string): Promise<PostedComment> {
    const token = this.#isSentByAccount ? await this.#options.account.token() : null;
    if (this.#isSentByAccount && !token) throw new Refused(401);
    return this.#service.post(comment, this.#translator.lang, key, token ? bearer(token) : {});
  }

  #keep(): Kept {
    const { site, thread } = this.#host.page;
    const { guest, savesGuest, notify } = this.#view;
    return { thread: `${site}:${thread}`, parent: this.#draft.parent, guest, isSaved: savesGuest, notify };
  }

  #cancelReply(): void {
    const item = this.#view.form.closest(".comment");
    this.replyTo(null);
    item?.querySelector<HTMLElement>(":scope > article .reply")?.focus();
  }

  #onKey(event: KeyboardEvent): void {
    if (event.isComposing) return; // the key is the input method's
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void this.submit();
    } else if (event.key === "Escape" && this.#draft.parent !== null && !event.defaultPrevented) {
      event.stopPropagation(); // the page may close something by this key
      this.#cancelReply();
    }
  }

  #typed(): void {
    this.#draft.keep();
    this.#view.textChanged(this.#terms.max);
    this.#submission.textChanged();
  }

  #showState(state: SubmissionState, before: SubmissionState): void {
    const view = this.#view;
    const translator = this.#translator;
    if (state.name === "sending") {
      view.setBusy(state.isSolving ? translator.translate("Checking…") : translator.translate("Posting…"));
      if (before.name !== "sending") view.clearProblems();
      return;
    }
    if (before.name === "sending") view.setBusy(null);
    if (state.name === "idle" && before.name === "waiting") view.clearProblems();
    if (state.name === "refused") this.#showRefusal(state.error);
    if (state.name === "forbidden") this.#showForbidden();
    if (state.name === "waiting") {
      if (before.name !== "waiting") {
        view.showProblems([], translator.translate("Your comment could not be sent. Your text is kept."));
      }
      view.showCountdown(
        state.isOnline
          ? translator.translate("Trying again in %(num)s seconds…", { num: state.left_s })
          : translator.translate("You are offline. Your comment will be sent when you are back online."),
      );
    }
  }

  #showRefusal(error: Refused): void {
    const translator = this.#translator;
    if (error.status === 401 && this.#isSentByAccount) {
      this.#options.account.forget();
      this.askToSignIn(translator.translate("You have been signed out. Please sign in again; your text is kept."));
      return;
    }
    const { errors = [], reasons = [], sanction } = error.problem;
    this.#view.showProblems(errors, refusalText(error, translator));
    const slug = problemSlug(error);
    if (slug === "nudge") {
      const items = reasons.map(({ sentence, match }) =>
        make("li", {}, sentence, ...(match ? [" ", make("mark", {}, match)] : [])),
      );
      const sendAnyway = (): Promise<void> => {
        this.#submission.answer("send_anyway", true);
        return this.submit();
      };
      this.#view.offer(translator.translate("Send anyway"), sendAnyway, make("ul", {}, ...items));
    } else if (slug === "warned" && sanction) {
      this.#view.offer(translator.translate("I understand"), () => this.#acknowledge(sanction));
    }
  }

  /** Acknowledge a moderator's warning, and send the comment again. */
  async #acknowledge(sanction: Sanction): Promise<void> {
    await attempt(
      async () => {
        await this.#service.acknowledge(this.#host.page.site, sanction);
        await this.submit();
      },
      (error) => this.#view.showProblems([], refusalText(error, this.#translator)),
    );
  }

  /** Whether this page may write; true if the service does not answer that either. */
  async #mayWrite(): Promise<boolean> {
    return attempt(
      async () => {
        const { may_write, main_origin } = await this.#service.mayWrite(this.#host.page.site);
        if (!may_write) this.#warnOfOrigin(main_origin ?? "");
        return may_write;
      },
      () => true,
    );
  }

  #warnOfOrigin(mainOrigin: string): void {
    const { origin } = location;
    const { site } = this.#host.page;
    warnSiteOwner(
      `${origin} is not one of the origins of the site “${site}”, which is at ${mainOrigin}. Add it under “Allowed domains” in the site's settings, so that readers can write here. commentsvc site set ${site} lists all origins.`,
    );
  }

  #showForbidden(): void {
    const { origin } = location;
    const sentence = this.#translator.translate(
      "%(origin)s is not one of this site's origins. Its owner can add it to the site's settings.",
      { origin },
    );
    this.#view.showProblems([], sentence);
  }
}
