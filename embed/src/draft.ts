// The text in the form: which comment it replies to, its stored draft, and the idempotency key of sending it.

import { uuid } from "./dom";
import type { LocalDrafts } from "./local-drafts";

export class Draft {
  readonly #area: HTMLTextAreaElement;
  readonly #stored: LocalDrafts;
  #parent: number | null = null;

  constructor(area: HTMLTextAreaElement, stored: LocalDrafts) {
    this.#area = area;
    this.#stored = stored;
    const typed = area.value; // before this code was loaded
    area.value = [stored.take(null).text, typed].filter(Boolean).join("\n\n");
    if (typed) this.keep();
  }

  /** The comment that is replied to, or null for the page. */
  get parent(): number | null {
    return this.#parent;
  }

  get text(): string {
    return this.#area.value;
  }

  /** Show the draft of another place. */
  open(parent: number | null): void {
    this.#parent = parent;
    this.#area.value = this.#stored.take(parent).text;
  }

  keep(): void {
    this.#stored.write(this.#parent, { ...this.#stored.read(this.#parent), text: this.text });
  }

  /** The page is left, or shown again as it was (`isLeft` false): another tab may have written or posted meanwhile. */
  leave(isLeft: boolean): void {
    if (this.text) this.keep();
    if (isLeft) this.#stored.leave();
  }

  /** The comment to which a reply was begun most recently, or null. */
  get begunReply(): number | null {
    return this.#stored.replies()[0] ?? null;
  }

  /** Append the draft of a reply to the text, because the comment that it replies to is gone. */
  move(from: number): void {
    this.#area.value = [this.text, this.#stored.take(from).text].filter(Boolean).join("\n\n");
    this.#stored.write(from, { text: "" });
    this.keep();
  }

  /** The idempotency key for sending: the last one if the same request is sent again. `request` identifies it. */
  keyFor(request: string): string {
    const { key, request: last } = this.#stored.read(this.#parent);
    const used = key && last === request ? key : uuid();
    this.#stored.write(this.#parent, { text: this.text, key: used, request });
    return used;
  }

  /** Delete the draft of a place after it was sent. Text that was typed since stays. */
  sent(parent: number | null, text: string): void {
    if (this.#stored.read(parent).text === text) this.#stored.write(parent, { text: "" });
  }
}
