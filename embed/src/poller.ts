// Asks by ETag whether a page of comments has changed: less and less often, and never in a hidden tab.

const FIRST_MS = 15_000;
const LAST_MS = 5 * 60_000;
const GROWTH = 1.5;
const SOON_MS = 1000;

export class Poller {
  readonly #url: () => string;
  readonly #onChange: () => Promise<void>;
  readonly #onVisible = (): void => {
    clearTimeout(this.#timer);
    if (!document.hidden) {
      this.#wait_ms = FIRST_MS;
      this.#schedule(SOON_MS);
    }
  };
  #etag: string | null;
  #timer = 0;
  #wait_ms = FIRST_MS;
  #isStopped = false;

  /** `onChange` is called each time that the page has another ETag than before; `etag` is that of the page shown. */
  constructor(url: () => string, etag: string | null, onChange: () => Promise<void>) {
    this.#url = url;
    this.#etag = etag;
    this.#onChange = onChange;
    document.addEventListener("visibilitychange", this.#onVisible);
    this.#schedule(SOON_MS);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#onVisible);
  }

  #schedule(wait_ms: number): void {
    if (!document.hidden && !this.#isStopped) this.#timer = setTimeout(() => void this.#poll(), wait_ms);
  }

  async #poll(): Promise<void> {
    this.#wait_ms = Math.min(this.#wait_ms * GROWTH, LAST_MS);
    // Offline, or the service is away: the next poll may succeed.
    const response = await fetch(this.#url(), { method: "HEAD", cache: "no-store", credentials: "omit" }).catch(
      () => null,
    );
    const etag = response?.headers.get("ETag") ?? null;
    if (response?.ok && etag !== this.#etag) {
      this.#etag = etag;
      this.#wait_ms = FIRST_MS;
      await this.#onChange();
    }
    this.#schedule(this.#wait_ms);
  }
}
