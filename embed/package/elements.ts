// The elements as pages see them. The analyzer makes custom-elements.json of this file.

export type Sort = "oldest" | "newest" | "top";
export type Theme = "auto" | "light" | "dark";
export type Status = "approved" | "pending" | "rejected" | "spam" | "deleted";

/**
 * A page's comments, and the form to write one.
 *
 * @tagname comment-thread
 * @attr {string} site - The site's key. Required.
 * @attr {string} thread - Which thread: the page's path, or an identifier of your own. By default the page's canonical link, else its address.
 * @attr {"hash"} thread-from - For pages that a script routes by the fragment, such as `#/post`.
 * @attr {string} url - The page's address. By default its canonical link, else its address.
 * @attr {string} title - The page's title. By default the document's.
 * @attr {"auto"|"light"|"dark"} theme - `auto` takes the page's colours; `light` and `dark` bring their own.
 * @attr {string} lang - The language, such as `de`. By default the page's, else the site's.
 * @attr {"oldest"|"newest"|"top"} sort - The order of the comments. By default `oldest`.
 * @attr {boolean} eager - Load the comments at once, and not when the reader comes near.
 * @fires {CustomEvent<{ count: number; version: number }>} comment-thread-loaded - The comments are shown.
 * @fires {CustomEvent<{ id: number; status: Status }>} comment-posted - The reader has posted a comment.
 * @slot - A copy of the comments, or a link to them, for readers and search engines without scripts.
 * @cssprop [--comment-gap=1.25em] - The space between comments.
 * @cssprop [--comment-indent=1.5em] - The indentation of replies.
 * @cssprop --comment-accent - Links, the focus ring and a vote that is cast; by default the text's colour.
 */
export declare class CommentThreadElement extends HTMLElement {
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

/**
 * How many comments a page has.
 *
 * @tagname comment-count
 * @attr {string} site - The site's key. Required.
 * @attr {string} thread - Which thread. By default the page's.
 * @attr {"hash"} thread-from - As of comment-thread.
 */
export declare class CommentCountElement extends HTMLElement {}

/**
 * The newest comments of a site, as a list of links.
 *
 * @tagname recent-comments
 * @attr {string} site - The site's key. Required.
 * @attr {number} limit - How many. By default 10.
 */
export declare class RecentCommentsElement extends HTMLElement {}

export interface CommentThreadEventMap extends HTMLElementEventMap {
  "comment-thread-loaded": CustomEvent<{ count: number; version: number }>;
  "comment-posted": CustomEvent<{ id: number; status: Status }>;
}

/** The attributes of the elements, for the types of JSX. `E` is what the framework adds, such as `ref` and `key`. */
export interface CommentElements<E = object> {
  "comment-thread": E & {
    site: string;
    thread?: string | undefined;
    "thread-from"?: "hash" | undefined;
    url?: string | undefined;
    title?: string | undefined;
    theme?: Theme | undefined;
    lang?: string | undefined;
    sort?: Sort | undefined;
    eager?: boolean | undefined;
  };
  "comment-count": E & { site: string; thread?: string | undefined };
  "recent-comments": E & { site: string; limit?: number | undefined };
}

declare global {
  interface HTMLElementTagNameMap {
    "comment-thread": CommentThreadElement;
    "comment-count": CommentCountElement;
    "recent-comments": RecentCommentsElement;
  }
  interface DocumentEventMap {
    "comment-thread-loaded": CommentThreadEventMap["comment-thread-loaded"];
    "comment-posted": CommentThreadEventMap["comment-posted"];
  }
}
