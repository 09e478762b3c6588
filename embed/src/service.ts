// Speaks to the service for those who act: what it is asked, and what it answers when it refuses.

import { address, adopted, load, Refused, type FieldProblem } from "./fragment";
import type { Guest } from "./keepsakes";
import type { Texts } from "./words";

const SEND_TIMEOUT_MS = 30_000;

export interface Outgoing {
  site: string;
  thread: string;
  url: string;
  title: string;
  parent_id: number | null;
  body: string;
  author?: Guest; // none with a token
}

export interface Tokens {
  access_token: string;
  refresh_token: string;
  expires_in: number; // s
}

export interface Posted {
  id: number;
  status: string;
  reason: string | null;
  body: string;
  edit_token?: string;
}

/** Who is signed in here, as the form shows it. */
export interface Who {
  name: string;
  provider: string;
  avatar: string | null;
}

export interface Viewer {
  account: Who;
  pending: { id: number }[];
  own?: number[]; // comments of this thread that can still be changed
  votes: Record<string, number>;
}

/** What moderators want somebody to know before they write again. */
export interface Sanction {
  id: number;
  token: string;
}

/** Proves that somebody may do this: a token, or the right that came with a comment. */
export type Proof = Record<string, string>;

export const bearer = (token: string): Proof => ({ Authorization: `Bearer ${token}` });

/** The language of the page, in which the service is to answer; a header that needs no leave from it. */
const spoken = (lang: string): Proof => ({ "Accept-Language": lang });

export class Service {
  /** `base` has no slash at its end; it may have a path, behind a proxy on the blog's own origin. */
  constructor(readonly base: string) {}

  get origin(): string {
    return new URL(this.base).origin;
  }

  authorize(query: Record<string, string>): string {
    return address(this.base, "/auth/authorize", query);
  }

  /** Trade a code or a refresh token; throws Refused, like all that follow. */
  async token(form: Record<string, string>): Promise<Tokens> {
    return (await this.send("POST", "/auth/token", {}, new URLSearchParams(form))) as Tokens;
  }

  async revoke(site: string, token: string): Promise<void> {
    await this.send("POST", "/auth/revoke", {}, new URLSearchParams({ token, client_id: site }));
  }

  async texts(site: string, lang: string): Promise<{ lang: string; dir: string; texts: Texts }> {
    return (await this.send("GET", `/embed/v1/texts?${new URLSearchParams({ site, lang })}`)) as {
      lang: string;
      dir: string;
      texts: Texts;
    };
  }

  /** Who the token's holder is, and what of theirs is in the thread. */
  async viewer(site: string, thread: string, token: string): Promise<Viewer> {
    return (await this.send("GET", `/api/v1/viewer?${new URLSearchParams({ site, thread })}`, bearer(token))) as Viewer;
  }

  /** A comment as its author may see it, drawn. */
  async drawn(id: number, lang: string, proof: Proof, signal: AbortSignal): Promise<HTMLElement> {
    return adopted(
      (await load(address(this.base, "/embed/v1/comment", { id: String(id), lang }), "li.comment", signal, proof))
        .element,
    );
  }

  /** The same key again never makes a second comment. */
  async post(comment: object, lang: string, key: string, proof: Proof): Promise<Posted> {
    return (await this.send(
      "POST",
      "/api/v1/comments",
      { ...spoken(lang), "Idempotency-Key": key, ...proof },
      comment,
    )) as Posted;
  }

  async source(id: number, proof: Proof): Promise<string> {
    return ((await this.send("GET", `/api/v1/comments/${id}`, proof)) as Posted).body;
  }

  async edit(id: number, body: string, lang: string, proof: Proof): Promise<Posted> {
    return (await this.send("PATCH", `/api/v1/comments/${id}`, { ...spoken(lang), ...proof }, { body })) as Posted;
  }

  async withdraw(id: number, proof: Proof): Promise<void> {
    await this.send("DELETE", `/api/v1/comments/${id}`, proof);
  }

  async vote(id: number, value: number, proof: Proof): Promise<number> {
    return ((await this.send("PUT", `/api/v1/comments/${id}/vote`, proof, { value })) as { score: number }).score;
  }

  async flag(id: number, reason: string, text: string, lang: string, proof: Proof): Promise<void> {
    await this.send(
      "POST",
      `/api/v1/comments/${id}/flag`,
      { ...spoken(lang), ...proof },
      { reason, ...(text ? { text } : {}) },
    );
  }

  /** Whether a page of this origin may write here: a refused preflight looks like no network at all. */
  async mayWrite(site: string): Promise<boolean> {
    return ((await this.send("GET", `/embed/v1/may-write?${new URLSearchParams({ site })}`)) as { may_write: boolean })
      .may_write;
  }

  async acknowledge(site: string, sanction: Sanction): Promise<void> {
    await this.send(
      "POST",
      "/api/v1/sanctions/acknowledge",
      {},
      { site, sanction: sanction.id, token: sanction.token },
    );
  }

  async preview(site: string, body: string, signal: AbortSignal): Promise<HTMLElement> {
    const headers = { "Content-Type": "application/json", Accept: "text/html" };
    return adopted(
      (await load(`${this.base}/api/v1/preview`, ".body", signal, headers, JSON.stringify({ site, body }))).element,
    );
  }

  private async send(method: string, path: string, headers: Proof = {}, body?: object): Promise<unknown> {
    const isForm = body instanceof URLSearchParams;
    // A vote is sent also when its reader leaves the page at once; what is larger browsers let nobody send so.
    const request: RequestInit = {
      method,
      keepalive: method === "PUT",
      headers: body && !isForm ? { "Content-Type": "application/json", ...headers } : headers,
    };
    if (body) request.body = isForm ? body : JSON.stringify(body);
    let answer: Response;
    try {
      answer = await fetch(this.base + path, {
        credentials: "omit",
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
        ...request,
      });
    } catch {
      throw new Refused(0);
    }
    return read(answer);
  }
}

async function read(answer: Response): Promise<unknown> {
  if (answer.status === 204) return null;
  const body: unknown = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body;
  const problem = (body ?? {}) as { detail?: string; errors?: FieldProblem[] };
  throw new Refused(answer.status, problem.detail ?? "", problem.errors ?? [], problem as Record<string, unknown>);
}
