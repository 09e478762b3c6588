// The drafts of a thread, kept in this browser: of a comment, of a reply to each comment, of a change of each comment.
// Each page that is open has its own, so that two tabs do not overwrite each other's. One that was left is anybody's.

import { uuid } from "./dom";
import { readStored, storedNames, writeStored } from "./storage";

/** `key` is the idempotency key of the last attempt to send, `request` what that attempt sent. */
export interface StoredDraft {
  text: string;
  key?: string;
  request?: string;
}

/** The comment that is replied to, null for the page; `edit-` and a number for a comment that is changed. */
export type Place = number | null | `edit-${number}`;

/** `page` is the open page that it belongs to, `at` the time when it was written, in ms since 1970. */
interface Entry extends StoredDraft {
  page?: string;
  at?: number;
  isLeft?: boolean;
}

// A page that crashed, or was ended by a phone to save memory, does not say that it leaves.
const LOST_MS = 60_000;

const thisPage = uuid();

export class LocalDrafts {
  readonly #start: string;
  readonly #page: string;

  constructor(thread: string, page = thisPage) {
    this.#start = `draft:${thread}:`;
    this.#page = page;
  }

  /** Take over the drafts that an older version kept under another spelling of the thread's key. */
  takeOver(thread: string): void {
    const start = `draft:${thread}:`;
    if (start === this.#start) return;
    for (const name of storedNames(start)) {
      const current = this.#start + name.slice(start.length);
      writeStored(current, [...this.#entries(current), ...this.#entries(name)]);
      writeStored(name, null);
    }
  }

  /** This page's draft; an empty one if there is none. */
  read(place: Place): StoredDraft {
    return this.#entries(this.#name(place)).find((entry) => this.#isOwn(entry)) ?? { text: "" };
  }

  /** This page's draft, else the newest that another page has left, which becomes this page's. */
  take(place: Place): StoredDraft {
    const name = this.#name(place);
    const entries = this.#entries(name);
    const found = entries.find((entry) => this.#isOwn(entry)) ?? entries.find(isLeft);
    if (!found) return { text: "" };
    writeStored(name, [{ ...found, page: this.#page, isLeft: false }, ...entries.filter((entry) => entry !== found)]);
    return found;
  }

  /** Keep this page's draft; an empty one is deleted. */
  write(place: Place, draft: StoredDraft): void {
    const name = this.#name(place);
    const others = this.#entries(name).filter((entry) => !this.#isOwn(entry));
    writeStored(name, draft.text ? [{ ...draft, page: this.#page, at: Date.now() }, ...others] : others);
  }

  /** The comments with a draft of a reply that this page may take, the last one written first. */
  replies(): number[] {
    return storedNames(this.#start)
      .flatMap((name) => {
        const found = this.#entries(name).find((entry) => this.#isOwn(entry) || isLeft(entry));
        return found ? [{ id: Number(name.slice(this.#start.length)), at: found.at ?? 0 }] : [];
      })
      .filter(({ id }) => id > 0) // neither the page nor a change
      .sort((one, other) => other.at - one.at)
      .map(({ id }) => id);
  }

  /** Say that this page is left: the next one may take its drafts. */
  leave(): void {
    for (const name of storedNames(this.#start)) {
      writeStored(
        name,
        this.#entries(name).map((entry) => (this.#isOwn(entry) ? { ...entry, isLeft: true } : entry)),
      );
    }
  }

  #isOwn(entry: Entry): boolean {
    return entry.page === this.#page;
  }

  #entries(name: string): Entry[] {
    return [readStored(name)].flat().filter(isEntry);
  }

  #name(place: Place): string {
    return `${this.#start}${place ?? ""}`;
  }
}

const isEntry = (value: unknown): value is Entry => typeof (value as Entry | null)?.text === "string";

const isLeft = (entry: Entry): boolean => Boolean(entry.isLeft) || !(Date.now() - (entry.at ?? 0) < LOST_MS);
