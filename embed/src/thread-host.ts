// The interface between the two bundles: what a thread on the page offers to the actions, and the other way round.

import type { Texts, Translator } from "./translator";

/** The page that the comments are about. */
export interface Page {
  site: string;
  /** The thread's key; what it is made of while the thread is not loaded. */
  thread: string;
  url: string;
  /** A canonical link of another origin, which is the page's address if that is one of the site's; "" for none. */
  canonical: string;
  title: string;
}

/** A thread on the page. */
export interface ThreadElement {
  readonly base: string;
  readonly root: ShadowRoot;
  readonly section: HTMLElement;
  readonly count: number;
  readonly page: Page;
  /** The sentences of the first bundle. */
  readonly texts: Texts;
  readonly order: string;
  /** The line that offers new comments. */
  readonly newsLine: HTMLElement;
  /** Aborted when another thread replaces this one, or the element leaves the page. */
  readonly gone: AbortSignal;
  /** Show a sentence below the comments, in a live region. */
  announce(sentence: string): void;
  /** The URL of a page of the thread. */
  pageUrl(more?: Record<string, string>): string;
  item(id: number): HTMLElement | null;
  /** Hide a comment's replies, or show them. */
  fold(item: HTMLElement, isFolded: boolean): void;
  /** Adapt what the service drew to this browser: relative times, folded replies. */
  prepare(root: HTMLElement): void;
  /** Draw loaded comments into a list; false when the thread was replaced meanwhile. */
  draw(items: Element[], list: Element, before?: Element | null): Promise<boolean>;
  emit(name: string, detail: object): void;
}

/** A thread on the page as the actions see it (FixedHost). */
export interface ThreadHost extends Omit<ThreadElement, "texts"> {
  readonly translator: Translator;
}

/** Everything that a reader can do besides reading. */
export interface Actions {
  /** Handle a click; it may have happened before this bundle was loaded. */
  clicked(target: Element): void;
  submit(form: HTMLFormElement): void;
  reply(id: number | null): void;
  /** Go to a comment, also if it is on a page not loaded yet. */
  find(id: number): void;
  /** The thread has changed: offer the comments that others have written. */
  changed(): void;
}

/** The second bundle, as the first one imports it. */
export interface ActionsModule {
  createActions(element: ThreadElement): Actions;
  /** Pass the answer in this page's address to the tab that waits for it (sign-in.ts). */
  handOver(): Promise<boolean>;
}
