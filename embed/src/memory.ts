// What this browser remembers: drafts, one's own comments, and, only if asked to, who one is. Works without storage too.

const PREFIX = "commentsvc:";
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

const lost = new Map<string, string>(); // where storage is blocked, for as long as the page is open

/** What was kept under a name, or null. */
export function recall<T>(name: string): T | null {
  let text = lost.get(name) ?? null;
  try {
    text ??= localStorage.getItem(PREFIX + name);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null; // blocked, or not ours: as good as nothing
  }
}

/** Keep something as JSON; null forgets it. */
export function remember(name: string, value: unknown): void {
  const text = value === null ? null : JSON.stringify(value);
  try {
    if (text === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, text);
    lost.delete(name);
  } catch {
    if (text === null) lost.delete(name);
    else lost.set(name, text);
  }
}

export class Memory {
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
    const rest = this.own().filter((own) => own.id !== id);
    remember(`own:${this.thread}`, rest.length ? rest : null);
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
