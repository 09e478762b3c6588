// The second bundle: writing, signing in, voting, reporting, changing one's own comments. Loaded on demand.

import css from "./actions.css";
import { Account } from "./account";
import { Compose } from "./compose";
import { EditTokens } from "./edit-tokens";
import { FixedHost } from "./fixed-host";
import { foldClicked } from "./folding";
import { fillInFollower, follow } from "./follow";
import { HiddenAuthors } from "./hidden-authors";
import { goTo } from "./go-to";
import { insertComment, showCount } from "./insert";
import { LocalDrafts } from "./local-drafts";
import { NewComments } from "./new-comments";
import { OwnComments } from "./own-comments";
import { Paging } from "./paging";
import { ReactionController } from "./reactions";
import { attempt, refusalText } from "./refused";
import { bearer, Service, type Credentials, type PostedComment } from "./service";
import { handOver, SignIn } from "./sign-in";
import type { Actions, ThreadElement, ThreadHost } from "./thread-host";
import { phrase, type Translator } from "./translator";

export { handOver };

const styles = new CSSStyleSheet();
styles.replaceSync(css);

/** Make a thread on the page interactive. It answers at once and waits for scripts that must be loaded first. */
export const createActions = (element: ThreadElement): Actions => new ThreadActions(new FixedHost(element));

class ThreadActions implements Actions {
  readonly #host: ThreadHost;
  readonly #translator: Translator;
  readonly #service: Service;
  readonly #account: Account;
  readonly #signIn: SignIn;
  readonly #editTokens: EditTokens;
  readonly #hidden: HiddenAuthors;
  readonly #own: OwnComments;
  readonly #reactions: ReactionController;
  readonly #newComments: NewComments;
  readonly #paging: Paging;
  readonly #compose: Compose | null;
  readonly #textsLoaded: Promise<void>;
  readonly #begun: Promise<void>;

  constructor(host: ThreadHost) {
    const { site, thread } = host.page;
    if (!host.root.adoptedStyleSheets.includes(styles)) host.root.adoptedStyleSheets.push(styles);
    this.#host = host;
    this.#translator = host.translator;
    this.#service = new Service(host.base);
    this.#account = new Account(this.#service, site);
    this.#signIn = new SignIn(this.#service, this.#account, site);
    this.#editTokens = new EditTokens(`${site}:${thread}`);
    this.#hidden = new HiddenAuthors(host);
    const drafts = new LocalDrafts(`${site}:${thread}`);
    drafts.takeOver(`${site}:${formerKey(host)}`);
    this.#own = new OwnComments(host, this.#service, drafts, (id) => this.#credentialsFor(id));
    this.#reactions = new ReactionController(host, this.#service, this.#account, this.#hidden, () =>
      this.#compose?.askToSignIn(this.#translator.translate("Please sign in to vote.")),
    );
    this.#newComments = new NewComments(host, this.#hidden);
    this.#paging = new Paging(host, this.#service, this.#hidden);
    const form = host.section.querySelector<HTMLFormElement>("form.respond");
    this.#compose = form && this.#makeCompose(form, drafts);
    const followForm = host.section.querySelector<HTMLFormElement>("form.follow");
    if (followForm) fillInFollower(followForm);
    this.#textsLoaded = this.#loadTexts();
    this.#begun = this.#begin();
  }

  clicked(target: Element): void {
    if (foldClicked(this.#host, target)) return;
    if (this.#compose?.clicked(target) || this.#own.clicked(target) || this.#paging.clicked(target)) return;
    void this.#textsLoaded.then(() => this.#reactions.clicked(target));
  }

  submit(form: HTMLFormElement): void {
    if (form.matches(".follow")) void this.#textsLoaded.then(() => follow(form, this.#host, this.#service));
    else void this.#compose?.submit();
  }

  reply(id: number | null): void {
    this.#compose?.replyTo(id);
  }

  find(id: number): void {
    const item = this.#host.item(id);
    if (item) goTo(this.#host, item);
    else void this.#begun.then(() => this.#paging.find(id)); // it may be the reader's own, which nobody else sees
  }

  changed(): void {
    void this.#textsLoaded.then(() => this.#newComments.look());
  }

  #makeCompose(form: HTMLFormElement, drafts: LocalDrafts): Compose {
    return new Compose({
      form,
      host: this.#host,
      service: this.#service,
      drafts,
      account: this.#account,
      signIn: this.#signIn,
      onPosted: (posted, parent, isStillThere) => this.#posted(posted, parent, isStillThere),
      onSignedIn: () => void this.#showOwn(),
    });
  }

  /** All sentences: the first bundle came with only its own. */
  async #loadTexts(): Promise<void> {
    const { site } = this.#host.page;
    await attempt(
      async () => {
        this.#translator.texts = (await this.#service.texts(site, this.#translator.lang)).texts;
      },
      () => undefined, // the English sentences are shown
    );
    this.#compose?.addToolbar();
    this.#hidden.apply();
  }

  async #begin(): Promise<void> {
    await this.#textsLoaded;
    const isResumed = await this.#resumeSignIn();
    if (isResumed) this.#compose?.drawIdentity();
    await this.#showOwn();
    if (isResumed) this.#compose?.focus();
    await this.#compose?.resume(this.#signIn.parent, (id) => this.#paging.load(id));
  }

  /** Finish a sign-in that has led back to this page, in this tab or for the tab that waits for it. */
  async #resumeSignIn(): Promise<boolean> {
    return attempt(
      async () => !(await handOver()) && (await this.#signIn.resume()),
      (error) => {
        this.#host.announce(refusalText(error, this.#translator));
        return false;
      },
    );
  }

  async #credentialsFor(id: number): Promise<Credentials | null> {
    const known = this.#editTokens.all().find((one) => one.id === id);
    if (known) return { "X-Edit-Token": known.token };
    const token = await this.#account.token();
    return token ? bearer(token) : null;
  }

  async #posted(posted: PostedComment, parent: number | null, isStillThere: boolean): Promise<void> {
    const host = this.#host;
    if (posted.edit_token) this.#editTokens.add({ id: posted.id, token: posted.edit_token });
    host.announce([this.#translator.translate(outcome(posted)), posted.reason].filter(Boolean).join(" "));
    host.emit("comment-posted", { id: posted.id, status: posted.status });
    await attempt(
      () => this.#showPosted(posted, parent, isStillThere),
      () => undefined, // the comment is stored, and the announcement says so; only drawing it did not work
    );
  }

  async #showPosted(posted: PostedComment, parent: number | null, isStillThere: boolean): Promise<void> {
    const host = this.#host;
    const credentials = (await this.#credentialsFor(posted.id)) ?? {};
    const item = await this.#service.drawn(posted.id, this.#translator.lang, credentials, host.gone);
    if (parent) item.dataset["parent"] = String(parent);
    if (!host.item(posted.id)) insertComment(host, item);
    if (posted.status === "approved") showCount(host, host.count + 1);
    this.#own.offer(posted.id);
    if (isStillThere) goTo(host, host.item(posted.id) ?? item);
  }

  /** Show the reader's comments that nobody else sees yet, and which ones can still be changed. */
  async #showOwn(): Promise<void> {
    const own: { id: number; credentials: Credentials }[] = this.#editTokens
      .all()
      .map(({ id, token }) => ({ id, credentials: { "X-Edit-Token": token } }));
    await attempt(
      async () => {
        const token = await this.#account.token();
        if (!token) return;
        for (const id of await this.#loadViewer(token)) own.push({ id, credentials: bearer(token) });
      },
      () => undefined, // the service does not answer: the comments of the account are not marked this time
    );
    await Promise.all(own.map(({ id, credentials }) => this.#showOneOfOwn(id, credentials)));
  }

  /** Show the account's profile and votes; gives the ids of its comments that need their author's view. */
  async #loadViewer(token: string): Promise<Set<number>> {
    const { site, thread } = this.#host.page;
    const viewer = await this.#service.viewer(site, thread, token);
    if (this.#account.update(viewer.account)) this.#compose?.drawIdentity();
    this.#reactions.showVotes(viewer.votes);
    return new Set([...viewer.pending.map(({ id }) => id), ...(viewer.own ?? [])]);
  }

  async #showOneOfOwn(id: number, credentials: Credentials): Promise<void> {
    const host = this.#host;
    await attempt(
      async () => {
        if (!host.item(id)) {
          const item = await this.#service.drawn(id, this.#translator.lang, credentials, host.gone);
          if (item.dataset["status"] && !host.item(id)) insertComment(host, item);
        }
        this.#own.offer(id);
      },
      (error) => {
        if (error.status === 404) this.#editTokens.forget(id);
      },
    );
  }
}

function outcome(posted: PostedComment): string {
  if (posted.status === "approved") return phrase("Your comment is published.");
  if (posted.status === "pending") return phrase("Your comment is awaiting moderation.");
  return phrase("Your comment was not published.");
}

/** The name that drafts of this thread had before the service made keys of addresses. */
function formerKey(host: ThreadHost): string {
  const asked = new URL(host.pageUrl()).searchParams;
  return (asked.get("canonical") ?? asked.get("thread") ?? "").replace(/^https?:\/\/[^/]*|[?#].*$/g, "");
}
