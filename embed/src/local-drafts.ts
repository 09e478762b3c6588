// What a browser keeps of somebody who writes: drafts, one's own comments, and, only if asked to, who one is.

import { recall, remember } from "./memory";

const OWN_MAX = 50;

export interface Guest {
  name: string;
  email: string;
  website: string;
}

/** A comment being written. `key` makes a second try of the very same request no second comment. */
export interface Draft {
  text: string;
  key?: string;
  request?: string;
}

/** A comment written here; the token proves it. */
export interface Own {
  id: number;
  token: string;
}

export class Keepsakes {
  constructor(private readonly thread: string) {}

  draft(parent: number | null): Draft {
    const kept = recall<Draft>(this.draftName(parent));
    return typeof kept?.text === "string" ? kept : { text: "" };
  }

  keepDraft(parent: number | null, draft: Draft): void {
    remember(this.draftName(parent), draft.text ? draft : null);
  }

  own(): Own[] {
    const kept = recall<Own[]>(`own:${this.thread}`);
    return Array.isArray(kept) ? kept.filter((own) => Number.isInteger(own?.id) && typeof own.token === "string") : [];
  }

  addOwn(own: Own): void {
    remember(`own:${this.thread}`, [...this.own(), own].slice(-OWN_MAX));
  }

  forgetOwn(id: number): void {
    remember(
      `own:${this.thread}`,
      this.own().filter((own) => own.id !== id),
    );
  }

  private draftName(parent: number | null): string {
    return `draft:${this.thread}:${parent ?? ""}`;
  }
}

/** The guest who asked to be remembered here, or null. */
export function guest(): Guest | null {
  const kept = recall<Guest>("guest");
  return typeof kept?.name === "string" ? kept : null;
}

export function keepGuest(value: Guest | null): void {
  remember("guest", value);
}
