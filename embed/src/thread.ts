// <comment-thread>: shows a page's comments. Everything else a reader can do is loaded on demand (actions.ts).

import { make, makeButton } from "./dom";
import { adopt, load, serviceUrl } from "./fragment";
import type { Poller } from "./poller";
import type { Refused } from "./refused";
import { warnSiteOwner } from "./site-owner-warning";
import { hasStoredActions, readNumbers } from "./storage";
import { readCount, readTexts, readVersion } from "./thread-data";
import type { Actions, ActionsModule, Page, ThreadHost } from "./thread-host";
import { showTimes } from "./times";
import { FAILED, phrase, type Texts, type Translator } from "./translator";

export type PollerModule = typeof import("./poller");

/** What main.ts finds out once for all threads of a page. */
export interface ThreadConfig {
  /** The service's URL without a slash at the end; it may have a path, behind a proxy on the blog's own origin. */
  base: string;
  styles: CSSStyleSheet[];
  loadActions: () => Promise<ActionsModule>;
  loadPoller: () => Promise<PollerModule>;
}

const SORTS = ["oldest", "newest", "top"];
const LOAD_MARGIN = "1250px 0px"; // the distance at which browsers load lazy images
const BATCH = 5; // comments drawn without a pause, so that no task is long on a slow phone
const WATCH_MS = 10_000; // until the code that looks for new comments is loaded
const RETURN_PX = 99_999; // higher than any thread
const SETTLED_MS = 500; // after the page has loaded, browsers may still scroll to where the reader was
const MINUTE_MS = 60_000;

export class CommentThread extends HTMLElement implements ThreadHost {
  static readonly observedAttributes = ["site", "thread", "sort", "lang"];
  /** Set before the element is registered. */
  static config: ThreadConfig;

  readonly base = CommentThread.config.base;
  readonly root = this.attachShadow({ mode: "open" });
  readonly newsLine = make("p", { class: "news" });
  section: HTMLElement = make("section");
  /** Set by the actions. */
  declare translator: Translator;
  readonly #content = make("div", { class: "place" });
  readonly #status = make("p", { class: "status", role: "status" });
  readonly #frame = make("div", { class: "frame", part: "frame" }, this.#content, this.newsLine, this.#status);
  readonly #onHashChange = (): void => void this.#goToHash();
  readonly #onPrint = (): void => this.#showForPrint();
  #actions: Promise<Actions> | null = null;
  #lifetime = new AbortController();
  #poller: Poller | null = null;
  #observer: IntersectionObserver | null = null;
  #texts: Texts = {};
  #clock = 0;
  #timer = 0;
  #isScheduled = false;
  #isNear = false;
  #isShown = false;
  #hasActed = false;

  connectedCallback(): void {
    if (!this.#frame.parentNode) this.#attach();
    addEventListener("hashchange", this.#onHashChange);
    addEventListener("beforeprint", this.#onPrint);
    this.#clock = setInterval(() => document.hidden || showTimes(this.#content, this.section.lang), MINUTE_MS);
    if (this.#isNear || this.hasAttribute("eager") || /^#comment(-\d|svc=)/.test(location.hash)) this.#come();
    else {
      this.#reserveHeight();
      this.#observer = new IntersectionObserver(
        (entries) => {
          if (entries.some((entry) => entry.isIntersecting)) this.#come();
        },
        { rootMargin: LOAD_MARGIN },
      );
      this.#observer.observe(this);
    }
  }

  disconnectedCallback(): void {
    removeEventListener("hashchange", this.#onHashChange);
    removeEventListener("beforeprint", this.#onPrint);
    clearInterval(this.#clock);
    this.#observer?.disconnect();
    this.#endLifetime();
  }

  attributeChangedCallback(_name: string, before: string | null, after: string | null): void {
    if (this.isConnected && this.#isNear && before !== after) this.#schedule();
  }

  /** How many comments the thread has; NaN until they are loaded. */
  get count(): number {
    return readCount(this.section);
  }

  /** Load the comments again. */
  reload(): Promise<void> {
    return this.#begin();
  }

  /** Open the form, to reply to a comment or (without a number) to the page. */
  reply(id?: number): Promise<void> {
    return this.#withActions((actions) => actions.reply(id ?? null));
  }

  get gone(): AbortSignal {
    return this.#lifetime.signal;
  }

  get page(): Page {
    const link = document.querySelector<HTMLLinkElement>('link[rel="canonical"][href]');
    const canonical = link?.href || location.href;
    const url = this.getAttribute("url") || canonical;
    const title = this.getAttribute("title") || document.title;
    return {
      site: this.getAttribute("site")?.trim() ?? "",
      thread: this.getAttribute("thread") || new URL(canonical).pathname,
      url: url.split("#", 1)[0] ?? "",
      title: title.slice(0, 500),
    };
  }

  get sort(): string {
    const sort = this.getAttribute("sort") ?? "";
    return SORTS.includes(sort) ? sort : "oldest";
  }

  get #lang(): string {
    return this.getAttribute("lang") || document.documentElement.lang;
  }

  pageUrl(more: Record<string, string> = {}): string {
    const { site, thread } = this.page;
    return serviceUrl(this.base, "/embed/v1/comments", { site, thread, sort: this.sort, lang: this.#lang, ...more });
  }

  #attach(): void {
    this.root.adoptedStyleSheets = [...CommentThread.config.styles];
    this.root.append(this.#frame);
    this.root.addEventListener("click", (event) => this.#clicked(event as MouseEvent));
    this.root.addEventListener("change", ({ target }) => {
      if ((target as Element).id === "sort") this.setAttribute("sort", (target as HTMLSelectElement).value);
    });
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      const form = event.target as HTMLFormElement;
      void this.#withActions((actions) => actions.submit(form));
    });
    for (const type of ["keydown", "keypress", "keyup"]) {
      this.root.addEventListener(type, (event) => keepPlainKey(event as KeyboardEvent));
    }
    // Touching the form or a comment's buttons, by any means, loads the code behind them.
    for (const type of ["focusin", "pointerover"]) {
      this.root.addEventListener(type, ({ target }) => {
        this.#fitColors();
        if (!this.#actions && (target as Element).closest(".home, .respond, .actions")) void this.#withActions();
      });
    }
    if (!this.nextSibling && this.querySelector(":scope > :not(noscript, a, .thread)")) {
      warnSiteOwner("what follows <comment-thread> is not shown. Close it by </comment-thread>, not by />.");
    }
  }

  /** Menus, dialogs and check boxes take the browser's dark colours where the page's text is light. */
  #fitColors(): void {
    // comments.css mixes this colour from the text's, so that it is "color(srgb 0.9 0.9 0.9)", however the page wrote it.
    const light = getComputedStyle(this.#frame)
      .outlineColor.match(/[\d.]+/g)
      ?.reduce((sum, one) => sum + Number(one), 0);
    this.#frame.style.colorScheme = Number(light) > 1.5 ? "dark" : "light";
  }

  /** After Back and Reload, the browser scrolls to where the reader was: that place must exist before comments do. */
  #reserveHeight(): void {
    const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
    if (document.readyState === "complete" || !/^[br]/.test(navigation?.type ?? "")) return;
    this.#content.style.minHeight = `${RETURN_PX}px`;
    addEventListener("load", () => setTimeout(() => this.#isNear || this.#releaseHeight(), SETTLED_MS));
  }

  #releaseHeight(): void {
    this.#content.style.minHeight = "";
  }

  /** The page is printed and the comments are not there yet: browsers do not wait for requests. */
  #showForPrint(): void {
    if (this.section.isConnected) return;
    try {
      const request = new XMLHttpRequest();
      request.open("GET", this.pageUrl(), false);
      request.send();
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const section = adopt(page.querySelector("section.thread") as HTMLElement);
      showTimes(section, section.lang);
      this.#content.replaceChildren(section);
    } catch (error) {
      this.#showFailure(error);
    }
  }

  #come(): void {
    this.#observer?.disconnect();
    this.#isNear = true;
    this.#schedule();
  }

  /** Several attributes set one after the other cause one reload. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (this.isConnected) void this.#begin();
    });
  }

  #endLifetime(): void {
    this.#lifetime.abort();
    this.#lifetime = new AbortController();
    clearTimeout(this.#timer);
    this.#poller?.stop();
    this.#poller = null;
    this.#actions = null;
  }

  async #begin(): Promise<void> {
    this.#endLifetime();
    const signal = this.gone;
    try {
      if (!this.page.site) {
        this.#showSetUp("Comments are not set up yet: give the comment-thread element a site attribute.");
        return;
      }
      this.setAttribute("aria-busy", "true");
      if (!this.#isShown) this.#content.replaceChildren(make("div", { class: "loading", part: "loading" }));
      await this.#load(signal);
    } catch (error) {
      if (!signal.aborted) this.#showFailure(error);
    } finally {
      if (!signal.aborted) {
        this.removeAttribute("aria-busy");
        this.#releaseHeight();
      }
    }
  }

  async #load(signal: AbortSignal): Promise<void> {
    const loading = load(this.pageUrl(), "section.thread", signal);
    showTimes(this.#content, this.#lang); // creates the date formats, which takes a while, during the request
    const { element, etag } = await loading;
    const version = readVersion(element);
    await pause();
    await this.#show(element);
    if (signal.aborted) return;
    this.#timer = setTimeout(() => void this.#watch(etag, signal), WATCH_MS);
    this.emit("comment-thread-loaded", { count: this.count, version });
    if (this.#hasActed || location.hash.startsWith("#commentsvc=") || hasStoredActions()) await this.#withActions();
    await this.#goToHash();
  }

  /** Look for new comments from now on. */
  async #watch(etag: string | null, signal: AbortSignal): Promise<void> {
    const { Poller } = await CommentThread.config.loadPoller();
    if (signal.aborted) return;
    const changed = (): Promise<void> => this.#withActions((actions) => actions.changed());
    this.#poller = new Poller(() => this.pageUrl(), etag, changed);
  }

  /** Draw a page of comments, a few at a time, and the form after them, so that nothing visible moves. */
  async #show(loaded: HTMLElement): Promise<void> {
    const isSorting = this.root.activeElement?.id === "sort";
    const items = detach(loaded, ":scope > .comments > *");
    const section = adopt(loaded);
    this.section = section;
    this.#texts = readTexts(section);
    const title = section.querySelector(".title bdi");
    if (title) title.textContent = this.page.title || title.textContent;
    const list = section.querySelector(".comments") as HTMLElement;
    const rest = document.createDocumentFragment();
    while (list.nextSibling) rest.append(list.nextSibling);
    this.#fitColors();
    this.#content.classList.add("is-filling");
    this.#content.replaceChildren(section);
    if (isSorting) this.root.getElementById("sort")?.focus(); // a replaced element loses the focus
    if (!(await this.draw(items, list))) return;
    section.append(rest);
    this.#content.classList.remove("is-filling");
    this.#isShown = true;
  }

  /** Draw comments and their replies, with pauses for the browser; false when the thread was replaced meanwhile. */
  async draw(items: Element[], list: Element, before: Element | null = null): Promise<boolean> {
    const { signal } = this.#lifetime;
    const waiting = items.map((item) => ({ item, list, before }));
    for (let drawn = 1, next; (next = waiting.shift()); drawn++) {
      const below = detach(next.item, ":scope > .replies > *");
      const own = adopt(next.item as HTMLElement);
      this.prepare(own);
      next.list.insertBefore(own, next.before);
      const replies = own.querySelector(":scope > .replies");
      if (replies) waiting.unshift(...below.map((item) => ({ item, list: replies, before: null })));
      if (drawn % BATCH === 1) await pause();
      if (signal.aborted) return false;
    }
    return true;
  }

  /** Adapt what the service drew to this browser: relative times, and the replies that the reader has folded. */
  prepare(root: HTMLElement): void {
    showTimes(root, this.section.lang);
    const folded = readNumbers(`folded:${this.page.site}`);
    if (folded.length === 0) return;
    for (const item of [root, ...root.querySelectorAll<HTMLElement>(".comment")]) {
      if (folded.includes(Number(item.dataset["id"]))) this.fold(item, true);
    }
  }

  fold(item: HTMLElement, isFolded: boolean): void {
    item.classList.toggle("is-folded", isFolded);
    item.querySelector(".fold")?.setAttribute("aria-expanded", String(!isFolded));
  }

  /** A sentence without values in the page's language. */
  #say(english: string): string {
    return (this.#texts[english] as string | undefined) ?? english;
  }

  #showSetUp(sentence: string): void {
    warnSiteOwner(sentence);
    this.#isShown = false;
    this.#content.replaceChildren(make("p", { class: "failed", part: "failed" }, sentence));
  }

  /** Any error ends here: an empty place says nothing. */
  #showFailure(error: unknown): void {
    const { site, thread } = this.page;
    const { status } = error as Partial<Refused>;
    if (status === 404) {
      this.#showSetUp(`Comments are not set up yet: there is no site “${site}” here. Correct the site attribute.`);
      return;
    }
    if (status === undefined) console.error(error);
    this.#isShown = false;
    const again = makeButton(this.#say(phrase("Try again")), "again", () => this.#begin());
    const hosted = serviceUrl(this.base, `/t/${encodeURIComponent(site)}`, { thread });
    const link = make("a", { href: hosted }, this.#say(phrase("Read and write comments on their own page")));
    const sentence = make("p", {}, this.#say(phrase("The comments could not be loaded.")), " ", link);
    this.#content.replaceChildren(make("div", { class: "failed", part: "failed", role: "alert" }, sentence, again));
  }

  /** Load the actions if they are not loaded yet, and run `then` with them. */
  async #withActions(then: (actions: Actions) => void = () => undefined): Promise<void> {
    const { signal } = this.#lifetime;
    this.#hasActed = true;
    const actions = (this.#actions ??= CommentThread.config.loadActions().then((found) => found.createActions(this)));
    try {
      const loaded = await actions;
      if (!signal.aborted) then(loaded);
    } catch (error) {
      if (this.#actions === actions) this.#actions = null;
      this.announce(this.#say(FAILED));
      console.warn(error);
    }
  }

  announce(sentence: string): void {
    this.#status.textContent = sentence;
  }

  emit(name: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  item(id: number): HTMLElement | null {
    return this.root.getElementById(`comment-${id}`);
  }

  #clicked(event: MouseEvent): void {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const target = (event.target as Element).closest("a.more, .fold, .permalink, a.reply, button[data-act]");
    if (!target) return;
    if (target.matches(".permalink")) {
      if ((target as HTMLAnchorElement).pathname === location.pathname) queueMicrotask(() => void this.#goToHash());
    } else {
      event.preventDefault();
      // Until the form has moved, typed text would go to the place that it moves away from.
      const area = target.matches(".reply") ? this.section.querySelector("textarea") : null;
      if (area) area.readOnly = true;
      void this.#withActions((actions) => actions.clicked(target)).finally(() => {
        if (area) area.readOnly = false;
      });
    }
  }

  /** Show the comment that the page's address names, even if it is on a page of the thread not loaded yet. */
  async #goToHash(): Promise<void> {
    const id = Number(/^#comment-(\d+)$/.exec(location.hash)?.[1]);
    if (!id) return;
    if (this.#isNear) await this.#withActions((actions) => actions.find(id));
    else this.#come();
  }
}

/** Keep plain keys in our fields: to the page's hotkeys, which look at the event's target, they are no fields. */
function keepPlainKey(event: KeyboardEvent): void {
  const { key } = event;
  const isForPage = event.ctrlKey || event.metaKey || key === "Tab" || (key === "Escape" && !event.isComposing);
  if (!isForPage && (event.target as Element).matches("input, textarea, select")) event.stopPropagation();
}

/** Let the browser paint and handle input before going on. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** The matching descendants, removed from the element. */
function detach(element: Element, selector: string): Element[] {
  const found = [...element.querySelectorAll(selector)];
  found.forEach((one) => one.remove());
  return found;
}
