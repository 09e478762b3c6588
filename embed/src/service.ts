// Speaks to the service: where it is, what it is asked, and what it answers when it refuses.

import type { Guest } from "./memory";

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
  author: Guest;
}

export interface Posted {
  id: number;
  status: string;
  reason: string | null;
  edit_token?: string;
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
  async post(comment: Outgoing, key: string): Promise<Posted> {
    let answer: Response;
    try {
      answer = await fetch(`${this.base}/api/v1/comments`, {
        method: "POST",
        credentials: "omit",
        headers: { "Content-Type": "application/json", "Idempotency-Key": key },
        body: JSON.stringify(comment),
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      });
    } catch {
      throw new Refused(0, "");
    }
    return (await read(answer)) as Posted;
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

  private async get(path: string, query: string[][]): Promise<unknown> {
    let answer: Response;
    try {
      answer = await fetch(`${this.base}${path}?${new URLSearchParams(query)}`, { credentials: "omit" });
    } catch {
      throw new Refused(0, "");
    }
    return read(answer);
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
