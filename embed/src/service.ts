// Speaks to the service: where it is, what it is asked, and what it answers when it refuses.

import type { Guest } from "./memory";
import type { Who } from "./signin";

const SEND_TIMEOUT_MS = 30_000;

export interface FieldProblem {
  field: string;
  message: string;
}

/** A refusal in the service's own words; `status` 0 when no answer came at all. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly problems: FieldProblem[] = [],
  ) {
    super(detail);
  }
}

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
  edit_token?: string;
}

export interface Viewer {
  account: Who;
  pending: { id: number }[];
}

export interface Recent {
  id: number;
  author: { name: string };
  excerpt: string;
  permalink: string;
  thread: { title: string; key: string };
}

export class Service {
  /** `base` has no slash at its end; it may have a path, behind a proxy on the blog's own origin. */
  constructor(readonly base: string) {}

  get origin(): string {
    return new URL(this.base).origin;
  }

  authorize(query: Record<string, string>): string {
    return this.address("/auth/authorize", query);
  }

  /** Trade a code or a refresh token; throws Refused. */
  async token(form: Record<string, string>): Promise<Tokens> {
    return (await this.send("/auth/token", { body: new URLSearchParams(form) })) as Tokens;
  }

  async revoke(site: string, token: string): Promise<void> {
    await this.send("/auth/revoke", { body: new URLSearchParams({ token, client_id: site }) });
  }

  /** Who the token's holder is, and what of theirs waits in the thread; throws Refused. */
  async viewer(site: string, thread: string, token: string): Promise<Viewer> {
    const query = new URLSearchParams({ site, thread });
    const headers = { Authorization: `Bearer ${token}` };
    return (await this.send(`/api/v1/viewer?${query}`, { method: "GET", headers })) as Viewer;
  }

  hosted(site: string, thread: string): string {
    return this.address(`/t/${encodeURIComponent(site)}`, { thread });
  }

  fragment(site: string, thread: string, sort: string, cursor: string, lang: string): string {
    return this.address("/embed/v1/comments", { site, thread, sort, cursor, lang });
  }

  ownComment(id: number): string {
    return this.address("/embed/v1/comment", { id: String(id) });
  }

  /** Send a comment; throws Refused. The same key again never makes a second comment. */
  async post(comment: Outgoing, key: string, token: string | null): Promise<Posted> {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": key, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    return (await this.send("/api/v1/comments", { headers, body: JSON.stringify(comment) })) as Posted;
  }

  private async send(path: string, more: RequestInit): Promise<unknown> {
    let answer: Response;
    try {
      const signal = AbortSignal.timeout(SEND_TIMEOUT_MS);
      answer = await fetch(this.base + path, { method: "POST", credentials: "omit", signal, ...more });
    } catch {
      throw new Refused(0, "");
    }
    return read(answer);
  }

  async counts(site: string, threads: string[]): Promise<Record<string, number>> {
    const query = threads.map((thread) => ["thread", thread]);
    const answer = (await this.get("/api/v1/counts", [["site", site], ...query])) as { counts: Record<string, number> };
    return answer.counts;
  }

  async recent(site: string, limit: string): Promise<Recent[]> {
    const query = [["site", site], ...(limit ? [["limit", limit]] : [])];
    return ((await this.get("/api/v1/recent", query)) as { comments: Recent[] }).comments;
  }

  private get(path: string, query: string[][]): Promise<unknown> {
    return this.send(`${path}?${new URLSearchParams(query)}`, { method: "GET" });
  }

  private address(path: string, query: Record<string, string>): string {
    const given = Object.entries(query).filter(([, value]) => value);
    return `${this.base}${path}?${new URLSearchParams(given)}`;
  }
}

async function read(answer: Response): Promise<unknown> {
  const body: unknown = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body;
  const problem = (body ?? {}) as { detail?: string; errors?: FieldProblem[] };
  throw new Refused(answer.status, problem.detail ?? "", problem.errors ?? []);
}
