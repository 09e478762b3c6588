// A thread as it was when its actions began. The element on the page may go over to another page's thread while a
// comment is being sent: that comment still goes where its reader saw the form, and is not shown anywhere else.

import { make } from "./dom";
import type { Page, ThreadElement, ThreadHost } from "./thread-host";
import { Translator } from "./translator";

export class FixedHost implements ThreadHost {
  readonly base: string;
  readonly root: ShadowRoot;
  readonly section: HTMLElement;
  readonly page: Page;
  readonly translator: Translator;
  readonly order: string;
  readonly gone: AbortSignal;
  readonly #host: ThreadElement;
  readonly #pageUrl: string;

  constructor(host: ThreadElement) {
    this.#host = host;
    this.translator = new Translator(host.section.lang, host.texts);
    this.#pageUrl = host.pageUrl();
    ({
      base: this.base,
      root: this.root,
      section: this.section,
      page: this.page,
      order: this.order,
      gone: this.gone,
    } = host);
  }

  get count(): number {
    return Number(this.section.dataset["count"]);
  }

  get newsLine(): HTMLElement {
    return this.gone.aborted ? make("p") : this.#host.newsLine;
  }

  announce(sentence: string): void {
    if (!this.gone.aborted) this.#host.announce(sentence);
  }

  pageUrl(more: Record<string, string> = {}): string {
    const url = new URL(this.#pageUrl);
    for (const [name, value] of Object.entries(more)) url.searchParams.set(name, value);
    return url.href;
  }

  item(id: number): HTMLElement | null {
    return this.section.querySelector(`#comment-${id}`);
  }

  fold(item: HTMLElement, isFolded: boolean): void {
    this.#host.fold(item, isFolded);
  }

  prepare(root: HTMLElement): void {
    this.#host.prepare(root);
  }

  async draw(items: Element[], list: Element, before: Element | null = null): Promise<boolean> {
    return !this.gone.aborted && this.#host.draw(items, list, before);
  }

  emit(name: string, detail: object): void {
    this.#host.emit(name, detail);
  }
}
