// Looks now and then whether a page of comments has changed, by its ETag; less and less often, and never in a hidden tab.

import { Refused } from "./fragment";

const FIRST_MS = 15_000;
const LAST_MS = 5 * 60_000;
const GROWTH = 1.5;

export class Watch {
  readonly #page: () => string;
  readonly #changed: () => Promise<void>;
  #etag: string | null;
  #timer = 0;
  #wait = FIRST_MS;
  #isStopped = false;
  readonly #onVisible = (): void => {
    window.clearTimeout(this.#timer);
    if (!document.hidden) {
      this.#wait = FIRST_MS;
      this.#plan(1000);
    }
  };

  /** `changed` is told each time that the page has another ETag than before. */
  constructor(page: () => string, etag: string | null, changed: () => Promise<void>) {
    this.#page = page;
    this.#etag = etag;
    this.#changed = changed;
    document.addEventListener("visibilitychange", this.#onVisible);
    this.#plan(this.#wait);
  }

  stop(): void {
    this.#isStopped = true;
    window.clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#onVisible);
  }

  #plan(wait: number): void {
    if (!document.hidden && !this.#isStopped) this.#timer = window.setTimeout(() => void this.#look(), wait);
  }

  async #look(): Promise<void> {
    this.#wait = Math.min(this.#wait * GROWTH, LAST_MS);
    try {
      const answer = await fetch(this.#page(), { method: "HEAD", cache: "no-store", credentials: "omit" });
      const etag = answer.headers.get("ETag");
      if (answer.ok && etag !== this.#etag) {
        this.#etag = etag;
        this.#wait = FIRST_MS;
        await this.#changed();
      }
    } catch (error) {
      // Offline or away: the next look will tell.
      if (!(error instanceof TypeError || error instanceof Refused)) throw error;
    }
    this.#plan(this.#wait);
  }
}
