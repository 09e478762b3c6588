// What a thread on the page lets those do who act on it; the two bundles meet here and nowhere else.

import type { Words } from "./words";

/** The page that the comments are about. */
export interface Page {
  site: string;
  thread: string;
  url: string;
  title: string;
}

/** A sentence's way to the reader: where comments are, and what is told of them. */
export interface Host {
  readonly base: string;
  readonly element: HTMLElement;
  readonly root: ShadowRoot;
  readonly section: HTMLElement;
  readonly count: number;
  readonly page: Page;
  readonly words: Words;
  readonly sort: string;
  readonly news: HTMLElement; // where it is said that others have written
  readonly gone: AbortSignal; // aborted when another thread takes this one's place, or the element leaves the page
  /** Announce something and show it below the comments. */
  say(sentence: string): void;
  /** The address of a page of the thread. */
  ask(more?: Record<string, string>): string;
  item(id: number): HTMLElement | null;
  /** Bring a comment into view and the focus to it. */
  goTo(item: HTMLElement, isTarget?: boolean): void;
  /** Fit what the service drew to this browser: its times, what is folded. */
  prepare(root: HTMLElement): void;
  /** Draw what `load` brought into a list; false when the thread has gone meanwhile. */
  draw(items: Element[], list: Element, before?: Element | null): Promise<boolean>;
  tellRest(): void;
  emit(name: string, detail: object): void;
}

/** Everything that a reader can do besides reading. */
export interface Actor {
  /** Do what was clicked before all of this was here. */
  clicked(target: Element): void;
  submit(): void;
  reply(id: number | null): void;
  /** Go to a comment that is not on the pages read so far. */
  find(id: number): void;
  /** The thread has changed: say so, if others have written. */
  hasNews(): void;
}

export interface Act {
  act(host: Host): Actor;
}
