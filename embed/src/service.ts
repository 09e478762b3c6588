// The service's API as the actions use it. Every method throws Refused when the service refuses or does not answer.

import { adopt, load, serviceUrl } from "./fragment";
import type { Guest } from "./guest";
import { attempt, Refused } from "./refused";
import type { Texts } from "./translator";

const TIMEOUT_MS = 30_000;

/** A comment as it is sent. */
export interface NewComment {
  site: string;
  thread: string;
  url: string;
  canonical: string;
  title: string;
  parent_id: number | null;
  body: string;
  author?: Guest; // absent when a token says who writes
  notify?: string; // "replies" or "thread": mail about replies to it, or about all new comments
}

export interface TokenPair {
  access_token: string;
  refresh_token: string;
  expires_in: number; // s
}

/** A comment as the service returns it. */
export interface PostedComment {
  id: number;
  status: string;
  reason: string | null;
  body: string;
  edit_token?: string;
}

/** The account that is signed in, as the form shows it. */
export interface Profile {
  name: string;
  provider: string;
  avatar: string | null;
  /** False: nothing can be mailed to it. Absent where an older version stored the profile. */
  has_email?: boolean | undefined;
}

export interface Viewer {
  account: Profile;
  pending: { id: number }[];
  own?: number[]; // comments of this thread that can still be changed
  votes: Record<string, number>;
}

/** A warning that its recipient must acknowledge before writing again. */
export interface Sanction {
  id: number;
  token: string;
}

/** Headers that authorise a request: a bearer token, or the edit token of a comment. */
/** `main_origin` is the address of the site, for a page that may not write. */
export interface MayWrite {
  may_write: boolean;
  main_origin?: string;
}

export type Credentials = Record<string, string>;

export const bearer = (token: string): Credentials => ({ Authorization: `Bearer ${token}` });

/** Asks for answers in the page's language; this header needs no CORS preflight. */
const acceptLanguage = (lang: string): Record<string, string> => ({ "Accept-Language": lang });

export class Service {
  readonly base: string;

  /** `base` has no slash at its end; it may have a path, behind a proxy on the blog's own origin. */
  constructor(base: string) {
    this.base = base;
  }

  get origin(): string {
    return new URL(this.base).origin;
  }

  authorizeUrl(query: Record<string, string>): string {
    return serviceUrl(this.base, "/auth/authorize", query);
  }

  /** Exchange an authorization code or a refresh token. */
  async token(form: Record<string, string>): Promise<TokenPair> {
    return (await this.#send("POST", "/auth/token", {}, new URLSearchParams(form))) as TokenPair;
  }

  async revoke(site: string, token: string): Promise<void> {
    await this.#send("POST", "/auth/revoke", {}, new URLSearchParams({ token, client_id: site }));
  }

  async texts(site: string, lang: string): Promise<{ lang: string; dir: string; texts: Texts }> {
    const query = new URLSearchParams({ site, lang });
    return (await this.#send("GET", `/embed/v1/texts?${query}`)) as { lang: string; dir: string; texts: Texts };
  }

  /** The account that the token belongs to, and its own comments and votes in the thread. */
  async viewer(site: string, thread: string, token: string): Promise<Viewer> {
    const query = new URLSearchParams({ site, thread });
    return (await this.#send("GET", `/api/v1/viewer?${query}`, bearer(token))) as Viewer;
  }

  /** A comment's HTML as its author may see it. */
  async drawn(id: number, lang: string, credentials: Credentials, signal: AbortSignal): Promise<HTMLElement> {
    const url = serviceUrl(this.base, "/embed/v1/comment", { id: String(id), lang });
    return adopt((await load(url, "li.comment", signal, credentials)).element);
  }

  /** Whether there is no comment with this number that everybody may read; false if the service does not say so. */
  async isGone(id: number): Promise<boolean> {
    return attempt(
      async () => {
        await this.#send("GET", `/api/v1/comments/${id}`);
        return false;
      },
      ({ status }) => status === 404,
    );
  }

  /** Post a comment. A second request with the same idempotency key returns the first one's comment. */
  async post(comment: object, lang: string, key: string, credentials: Credentials): Promise<PostedComment> {
    const headers = { ...acceptLanguage(lang), "Idempotency-Key": key, ...credentials };
    return (await this.#send("POST", "/api/v1/comments", headers, comment)) as PostedComment;
  }

  /** The Markdown of a comment. */
  async source(id: number, credentials: Credentials): Promise<string> {
    return ((await this.#send("GET", `/api/v1/comments/${id}`, credentials)) as PostedComment).body;
  }

  async edit(id: number, body: string, lang: string, credentials: Credentials): Promise<PostedComment> {
    const headers = { ...acceptLanguage(lang), ...credentials };
    return (await this.#send("PATCH", `/api/v1/comments/${id}`, headers, { body })) as PostedComment;
  }

  async withdraw(id: number, credentials: Credentials): Promise<void> {
    await this.#send("DELETE", `/api/v1/comments/${id}`, credentials);
  }

  /** Vote 1, -1 or 0 (none); gives the comment's new score. */
  async vote(id: number, value: number, credentials: Credentials): Promise<number> {
    const answer = (await this.#send("PUT", `/api/v1/comments/${id}/vote`, credentials, { value })) as {
      score: number;
    };
    return answer.score;
  }

  /** Ask for mail about a thread; the address is asked to confirm it. */
  async follow(subscription: Record<string, string>, lang: string): Promise<void> {
    await this.#send("POST", "/api/v1/subscriptions", acceptLanguage(lang), subscription);
  }

  async flag(id: number, reason: string, text: string, lang: string, credentials: Credentials): Promise<void> {
    const headers = { ...acceptLanguage(lang), ...credentials };
    await this.#send("POST", `/api/v1/comments/${id}/flag`, headers, { reason, ...(text ? { text } : {}) });
  }

  /** Whether pages of this origin may write; a refused CORS preflight cannot be told from a broken network. */
  async mayWrite(site: string): Promise<MayWrite> {
    return (await this.#send("GET", `/embed/v1/may-write?${new URLSearchParams({ site })}`)) as MayWrite;
  }

  async acknowledge(site: string, sanction: Sanction): Promise<void> {
    const body = { site, sanction: sanction.id, token: sanction.token };
    await this.#send("POST", "/api/v1/sanctions/acknowledge", {}, body);
  }

  /** The HTML that the service would make of the Markdown. */
  async preview(site: string, body: string, signal: AbortSignal): Promise<HTMLElement> {
    const headers = { "Content-Type": "application/json", Accept: "text/html" };
    const url = `${this.base}/api/v1/preview`;
    return adopt((await load(url, ".body", signal, headers, JSON.stringify({ site, body }))).element);
  }

  async #send(method: string, path: string, headers: Record<string, string> = {}, body?: object): Promise<unknown> {
    const isForm = body instanceof URLSearchParams;
    const request: RequestInit = {
      method,
      // A vote is delivered even if the reader leaves the page at once. Browsers limit keepalive to small bodies.
      keepalive: method === "PUT",
      headers: body && !isForm ? { "Content-Type": "application/json", ...headers } : headers,
      credentials: "omit",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    };
    if (body) request.body = isForm ? body : JSON.stringify(body);
    const response = await fetch(this.base + path, request).catch(() => {
      throw new Refused(0);
    });
    return readAnswer(response);
  }
}

async function readAnswer(response: Response): Promise<unknown> {
  if (response.status === 204) return null;
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  throw new Refused(response.status, body ?? undefined);
}
