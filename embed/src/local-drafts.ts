// The drafts of a thread, kept in this browser: one for the page and one for each comment that is being replied to.

import { readStored, writeStored } from "./storage";

/** `key` is the idempotency key of the last attempt to send, `request` what that attempt sent. */
export interface StoredDraft {
  text: string;
  key?: string;
  request?: string;
}

export class LocalDrafts {
  readonly #thread: string;

  constructor(thread: string) {
    this.#thread = thread;
  }

  /** `parent` is the comment replied to, or null for the page. */
  read(parent: number | null): StoredDraft {
    const stored = readStored(this.#name(parent)) as StoredDraft | null;
    return typeof stored?.text === "string" ? stored : { text: "" };
  }

  /** Keep a draft; an empty one is deleted. */
  write(parent: number | null, draft: StoredDraft): void {
    writeStored(this.#name(parent), draft.text ? draft : null);
  }

  #name(parent: number | null): string {
    return `draft:${this.#thread}:${parent ?? ""}`;
  }
}
