// Signs a reader in: a window of the service, a code that comes back, and the tokens kept for this blog alone.

import { Refused } from "./fragment";
import { recall, remember } from "./memory";
import type { Service, Tokens, Who } from "./service";

interface Kept extends Who {
  access: string;
  refresh: string;
  until: number; // ms since 1970
}

interface Answer {
  state: string;
  iss: string;
  code?: string;
  error?: string;
}

/** A sign-in on its way in this page itself, because no window could be opened. It is kept in this tab alone. */
interface Away {
  site: string;
  state: string;
  verifier: string;
  redirect: string;
  scroll: number;
}

const GIVE_UP_MS = 10 * 60_000;
const EARLY_MS = 60_000; // refreshed this long before it ends
const AWAY = "commentsvc:signin";
const WINDOW = "popup,width=480,height=680";

/** Where PKCE can't be made (a page without https) nobody can sign in. */
export const canSignIn = (): boolean => "subtle" in crypto;

export class Account {
  private readonly name: string;

  constructor(
    private readonly service: Service,
    private readonly site: string,
  ) {
    this.name = `account:${site}`;
  }

  get who(): Who | null {
    return this.kept;
  }

  private get kept(): Kept | null {
    const kept = recall<Kept>(this.name);
    return typeof kept?.access === "string" && typeof kept.refresh === "string" ? kept : null;
  }

  /** A token that is good now, or null when nobody is signed in any more. Throws Refused when the service is away. */
  async token(): Promise<string | null> {
    const fresh = (): string | null => {
      const kept = this.kept;
      return kept && kept.until - EARLY_MS > Date.now() ? kept.access : null;
    };
    if (!this.kept) return null;
    // One tab at a time: a refresh token that is used twice ends the sign-in.
    return fresh() ?? alone(`commentsvc:${this.site}`, async () => fresh() ?? (await this.refresh()));
  }

  private async refresh(): Promise<string | null> {
    const kept = this.kept;
    if (!kept) return null;
    try {
      const form = { grant_type: "refresh_token", refresh_token: kept.refresh, client_id: this.site };
      return this.keep(await this.service.token(form), kept);
    } catch (error) {
      if (!(error instanceof Refused) || error.status === 0 || error.status >= 500) throw error;
      this.forget();
      return null;
    }
  }

  private keep(tokens: Tokens, who: Who): string {
    const kept: Kept = {
      name: who.name,
      provider: who.provider,
      avatar: who.avatar,
      access: tokens.access_token,
      refresh: tokens.refresh_token,
      until: Date.now() + tokens.expires_in * 1000,
    };
    remember(this.name, kept);
    return kept.access;
  }

  /** Take over what has changed of who is signed in (a picture comes a moment later); gives whether anything has. */
  learn(who: Who): boolean {
    const kept = this.kept;
    if (!kept || (kept.name === who.name && kept.avatar === who.avatar)) return false;
    remember(this.name, { ...kept, name: who.name, avatar: who.avatar });
    return true;
  }

  forget(): void {
    remember(this.name, null);
  }

  async signOut(): Promise<void> {
    const kept = this.kept;
    this.forget();
    if (kept) await this.service.revoke(this.site, kept.refresh);
  }

  /**
   * Ask the reader who they are, by one provider or (with "") by any; call it in the click itself, or browsers open no window.
   * Gives whether somebody is signed in afterwards; never, when the whole page had to leave. Throws Refused.
   */
  async signIn(provider: string, canceled: AbortSignal): Promise<boolean> {
    const popup = window.open("", "", WINDOW);
    const redirect = location.href.split("#", 1)[0] ?? "";
    const { verifier, state, challenge } = await proof();
    const address = this.service.authorize({
      client_id: this.site,
      redirect_uri: redirect,
      response_type: "code",
      code_challenge: challenge,
      code_challenge_method: "S256",
      state,
      response_mode: popup ? "web_message" : "fragment",
      provider,
    });
    if (!popup) {
      const away: Away = { site: this.site, state, verifier, redirect, scroll: window.scrollY };
      sessionStorage.setItem(AWAY, JSON.stringify(away));
      location.assign(address);
      return new Promise<never>(() => undefined);
    }
    popup.location.replace(address);
    canceled.addEventListener("abort", () => popup.close());
    const answer = await this.wait(state, canceled);
    return answer ? this.finish(answer, verifier, redirect) : false;
  }

  /** The answer, by message from the window or by way of a page of this blog; null when canceled or given up. */
  private wait(state: string, canceled: AbortSignal): Promise<Answer | null> {
    const signal = AbortSignal.any([canceled, AbortSignal.timeout(GIVE_UP_MS)]);
    return new Promise((resolve) => {
      const channel = new BroadcastChannel(channelName(this.site));
      const done = (answer: Answer | null): void => {
        window.removeEventListener("message", onMessage);
        channel.close();
        resolve(answer);
      };
      const take = (data: unknown): boolean => {
        const answer = (data as { commentsvc?: Answer } | null)?.commentsvc;
        if (answer?.state !== state) return false;
        done(answer);
        return true;
      };
      const onMessage = (event: MessageEvent): void => {
        if (event.origin === this.service.origin) take(event.data);
      };
      window.addEventListener("message", onMessage);
      channel.addEventListener("message", (event) => {
        const reply = new BroadcastChannel(channelName(this.site));
        if (take(event.data)) reply.postMessage({ taken: state });
        reply.close();
      });
      signal.addEventListener("abort", () => done(null));
    });
  }

  private async finish(answer: Answer, verifier: string, redirect: string): Promise<boolean> {
    if (answer.iss !== this.service.base || !answer.code) return false;
    const form = { grant_type: "authorization_code", code: answer.code, redirect_uri: redirect, client_id: this.site };
    const tokens = await this.service.token({ ...form, code_verifier: verifier });
    const { account } = await this.service.viewer(this.site, location.pathname, tokens.access_token);
    this.keep(tokens, account);
    return true;
  }

  /** Take up a sign-in that this very tab left the page for. Gives whether there was one that came back. */
  async resume(): Promise<boolean> {
    const answer = arrived();
    // Without an answer the reader may just be leaving for one.
    const away = answer && takeAway();
    if (!answer || away?.site !== this.site || away.state !== answer.state) return false;
    clearHash();
    window.scrollTo(0, away.scroll);
    return this.finish(answer, away.verifier, away.redirect);
  }
}

function takeAway(): Away | null {
  try {
    const kept = sessionStorage.getItem(AWAY);
    sessionStorage.removeItem(AWAY);
    return kept ? (JSON.parse(kept) as Away) : null;
  } catch {
    return null; // blocked: then nothing can have been left there
  }
}

/**
 * In a window that was cut off from the page that opened it: hand the code over to that page, and close.
 * Gives whether this page is such a window.
 */
export async function handOver(site: string): Promise<boolean> {
  const answer = arrived();
  if (!answer || isLeaving()) return false;
  const channel = new BroadcastChannel(channelName(site));
  const isTaken = new Promise<boolean>((resolve) => {
    channel.addEventListener("message", (event) => {
      if ((event.data as { taken?: string } | null)?.taken === answer.state) resolve(true);
    });
    setTimeout(() => resolve(false), 2000);
  });
  clearHash();
  channel.postMessage({ commentsvc: answer });
  if (await isTaken) window.close();
  channel.close();
  return true;
}

function isLeaving(): boolean {
  try {
    return sessionStorage.getItem(AWAY) !== null;
  } catch {
    return false;
  }
}

/** What the service put into this page's address, where no server sees it. */
function arrived(): Answer | null {
  const answer = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  return answer["commentsvc"] === "1" && answer["state"] ? (answer as unknown as Answer) : null;
}

function clearHash(): void {
  history.replaceState(history.state, "", location.pathname + location.search);
}

/** One tab at a time; where pages may hold no locks (a sandboxed frame), there is nobody to share with either. */
async function alone<T>(name: string, act: () => Promise<T>): Promise<T> {
  try {
    return await navigator.locks.request(name, act);
  } catch (error) {
    if (error instanceof DOMException && error.name === "SecurityError") return act();
    throw error;
  }
}

const channelName = (site: string): string => `commentsvc:${site}`;

/** RFC 7636: the verifier stays here, only its hash goes out. */
async function proof(): Promise<{ verifier: string; state: string; challenge: string }> {
  const verifier = encoded(crypto.getRandomValues(new Uint8Array(32)));
  const state = encoded(crypto.getRandomValues(new Uint8Array(16)));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return { verifier, state, challenge: encoded(new Uint8Array(digest)) };
}

const encoded = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replace(/[+/]/g, (c) => (c === "+" ? "-" : "_"))
    .replace(/=+$/, "");
