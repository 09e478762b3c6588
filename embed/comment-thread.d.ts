// Types for pages that use the elements from TypeScript: reference this file, or copy it.
// `document.querySelector("comment-thread")` then gives a CommentThreadElement.

export type Status = "approved" | "pending" | "rejected" | "spam" | "deleted";

/** `<comment-thread>`: a page's comments. Attributes: site, thread, thread-from, url, title, theme, lang, sort, eager. */
export interface CommentThreadElement extends HTMLElement {
  /** How many comments the thread has; NaN until they are loaded. */
  readonly count: number;
  /** Load the comments again. */
  reload(): Promise<void>;
  /** Open the form: to reply to a comment or, without a number, to the page. */
  reply(id?: number): Promise<void>;
  addEventListener<K extends keyof CommentThreadEventMap>(
    type: K,
    listener: (this: CommentThreadElement, event: CommentThreadEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

export interface CommentThreadEventMap extends HTMLElementEventMap {
  "comment-thread-loaded": CustomEvent<{ count: number; version: number }>;
  "comment-posted": CustomEvent<{ id: number; status: Status }>;
}

declare global {
  interface HTMLElementTagNameMap {
    "comment-thread": CommentThreadElement;
    /** How many comments a page has. Attributes: site, thread, thread-from. */
    "comment-count": HTMLElement;
    /** The newest comments of a site. Attributes: site, limit. */
    "recent-comments": HTMLElement;
  }
  interface DocumentEventMap {
    "comment-thread-loaded": CommentThreadEventMap["comment-thread-loaded"];
    "comment-posted": CommentThreadEventMap["comment-posted"];
  }
}
