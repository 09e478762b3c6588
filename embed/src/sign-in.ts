// Signs a reader in: a window of the service, an authorization code that comes back, and the tokens for this site.

import type { Account } from "./account";
import { makePkce } from "./pkce";
import type { Service } from "./service";

/** The service's answer to an authorization request. */
interface Answer {
  state: string;
  iss: string;
  code?: string;
  error?: string;
}

/** A sign-in for which the page itself was left, because no window could be opened. Kept in this tab only. */
interface PendingRedirect {
  site: string;
  state: string;
  verifier: string;
  redirect: string;
  scroll: number;
  /** The fragment that a router keeps the page in; "" for none. The answer takes its place. */
  route: string;
  parent: number | null;
}

const TIMEOUT_MS = 10 * 60_000;
const HAND_OVER_MS = 2000;
const CLOSED_POLL_MS = 500;
const PENDING = "commentsvc:signin";
const WINDOW = "popup,width=480,height=680";
// One for all sites of an origin: a page that the reader is led back to may have no thread yet that names its site.
const CHANNEL = "commentsvc";

export class SignIn {
  readonly #service: Service;
  readonly #account: Account;
  readonly #site: string;
  /** The comment that is replied to meanwhile, or null. It is known again when the page was left to sign in. */
  parent: number | null = null;

  constructor(service: Service, account: Account, site: string) {
    this.#service = service;
    this.#account = account;
    this.#site = site;
  }

  /**
   * Sign in by one provider or (with "") by any. Call it in the click itself, or browsers open no window.
   * Gives whether somebody is signed in afterwards; never resolves when the page itself is left. Throws Refused.
   * `onClosed`: the window seems to be closed. It may still be open: a provider's page can cut it off from its opener.
   */
  async start(provider: string, canceled: AbortSignal, onClosed = (): void => undefined): Promise<boolean> {
    const popup = window.open("", "", WINDOW);
    const redirect = location.href.split("#", 1)[0] ?? "";
    const { verifier, state, challenge } = await makePkce();
    if (canceled.aborted) {
      popup?.close();
      return false;
    }
    const url = this.#service.authorizeUrl({
      client_id: this.#site,
      redirect_uri: redirect,
      response_type: "code",
      code_challenge: challenge,
      code_challenge_method: "S256",
      state,
      response_mode: popup ? "web_message" : "fragment",
      provider,
    });
    if (!popup) {
      const { scrollY: scroll } = window;
      const route = /^#[/!]/.test(location.hash) ? location.hash : "";
      const pending: PendingRedirect = {
        site: this.#site,
        state,
        verifier,
        redirect,
        scroll,
        route,
        parent: this.parent,
      };
      sessionStorage.setItem(PENDING, JSON.stringify(pending));
      location.assign(url);
      return new Promise<never>(() => undefined);
    }
    popup.location.replace(url);
    canceled.addEventListener("abort", () => popup.close());
    const watching = setInterval(() => popup.closed && onClosed(), CLOSED_POLL_MS);
    const answer = await this.#wait(state, canceled);
    clearInterval(watching);
    return answer ? this.#finish(answer, verifier, redirect) : false;
  }

  /** Finish a sign-in for which this tab left the page. Gives whether there was one and somebody is signed in. */
  async resume(): Promise<boolean> {
    const answer = answerInHash();
    // Without an answer, the reader may be leaving for one at this moment.
    const pending = answer && takePending();
    if (!answer || pending?.site !== this.#site || pending.state !== answer.state) return false;
    clearHash();
    this.parent = pending.parent;
    window.scrollTo(0, pending.scroll);
    const isSignedIn = await this.#finish(answer, pending.verifier, pending.redirect);
    if (pending.route) location.hash = pending.route;
    return isSignedIn;
  }

  /** The answer: a message from the window, or from a page of this blog (`handOver`). Null when canceled or too late. */
  #wait(state: string, canceled: AbortSignal): Promise<Answer | null> {
    const signal = AbortSignal.any([canceled, AbortSignal.timeout(TIMEOUT_MS)]);
    return new Promise((resolve) => {
      const channel = new BroadcastChannel(CHANNEL);
      const done = (answer: Answer | null): void => {
        window.removeEventListener("message", onMessage);
        channel.close();
        resolve(answer);
      };
      const accept = (data: unknown): boolean => {
        const answer = (data as { commentsvc?: Answer } | null)?.commentsvc;
        if (answer?.state !== state) return false;
        done(answer);
        return true;
      };
      const onMessage = (event: MessageEvent): void => {
        if (event.origin === this.#service.origin) accept(event.data);
      };
      window.addEventListener("message", onMessage);
      channel.addEventListener("message", (event) => {
        const reply = new BroadcastChannel(CHANNEL);
        if (accept(event.data)) reply.postMessage({ taken: state });
        reply.close();
      });
      signal.addEventListener("abort", () => done(null));
    });
  }

  async #finish(answer: Answer, verifier: string, redirect: string): Promise<boolean> {
    if (answer.iss !== this.#service.base || !answer.code) return false;
    const tokens = await this.#service.token({
      grant_type: "authorization_code",
      code: answer.code,
      redirect_uri: redirect,
      client_id: this.#site,
      code_verifier: verifier,
    });
    const { account } = await this.#service.viewer(this.#site, location.pathname, tokens.access_token);
    this.#account.keep(tokens, account);
    return true;
  }
}

/**
 * In a window that the provider's page has cut off from its opener: pass the answer to the tab that waits for it, and
 * close. Gives whether this page is such a window.
 */
export async function handOver(): Promise<boolean> {
  const answer = answerInHash();
  if (!answer || hasPending()) return false;
  const channel = new BroadcastChannel(CHANNEL);
  const isTaken = new Promise<boolean>((resolve) => {
    channel.addEventListener("message", (event) => {
      if ((event.data as { taken?: string } | null)?.taken === answer.state) resolve(true);
    });
    setTimeout(() => resolve(false), HAND_OVER_MS);
  });
  clearHash();
  channel.postMessage({ commentsvc: answer });
  if (await isTaken) window.close();
  channel.close();
  return true;
}

function takePending(): PendingRedirect | null {
  try {
    const stored = sessionStorage.getItem(PENDING);
    sessionStorage.removeItem(PENDING);
    return stored ? (JSON.parse(stored) as PendingRedirect) : null;
  } catch {
    return null; // storage is blocked, so nothing was kept
  }
}

function hasPending(): boolean {
  try {
    return sessionStorage.getItem(PENDING) !== null;
  } catch {
    return false;
  }
}

/** The answer in the fragment of this page's address, which browsers send to no server. */
function answerInHash(): Answer | null {
  const answer = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  return answer["commentsvc"] === "1" && answer["state"] ? (answer as unknown as Answer) : null;
}

function clearHash(): void {
  history.replaceState(history.state, "", location.pathname + location.search);
}
