// <comment-thread>: shows a page's comments. Everything else a reader can do is loaded on demand (actions.ts).

import { ADDRESS_CHANGED, pageAddress, type PageAddress } from "./address";
import { make, makeButton } from "./dom";
import { adopt, load, serviceUrl } from "./fragment";
import type { Poller } from "./poller";
import type { Refused } from "./refused";
import { warnSiteOwner } from "./site-owner-warning";
import { hasStoredActions, readNumbers } from "./storage";
import { readCount, readTexts, readVersion } from "./thread-data";
import type { Actions, ActionsModule, Page, ThreadElement } from "./thread-host";
import { showTimes } from "./times";
import { FAILED, phrase, translate, type Texts } from "./translator";

export type FormModule = typeof import("./form");
export type KeyModule = typeof import("./page-key");
export type PollerModule = typeof import("./poller");

/** What main.ts finds out once for all threads of a page. */
export interface ThreadConfig {
  /** The service's URL without a slash at the end; it may have a path, behind a proxy on the blog's own origin. */
  base: string;
  styles: CSSStyleSheet[];
  loadActions: () => Promise<ActionsModule>;
  loadForm: () => Promise<FormModule>;
  loadKey: () => Promise<KeyModule>;
  loadPoller: () => Promise<PollerModule>;
}

const SORTS = ["oldest", "newest", "top"];
const LOAD_MARGIN = "1250px 0px"; // the distance at which browsers load lazy images
const BATCH = 5; // comments drawn without a pause, so that no task is long on a slow phone
const WATCH_MS = 10_000; // until the code that looks for new comments is loaded
const RETURN_PX = 99_999; // higher than any thread
const SETTLED_MS = 500; // after the page has loaded, browsers may still scroll to where the reader was
const MINUTE_MS = 60_000;

export class CommentThread extends HTMLElement implements ThreadElement {
  static readonly observedAttributes = ["site", "thread", "thread-from", "sort", "lang"];
  /** Set before the element is registered. */
  static config: ThreadConfig;

  readonly base = CommentThread.config.base;
  readonly root = this.attachShadow({ mode: "open" });
  readonly newsLine = make("p", { class: "news" });
  section: HTMLElement = make("section");
  texts: Texts = {};
  readonly #content = make("div", { class: "place" });
  readonly #status = make("p", { class: "status", role: "status" });
  readonly #frame = make("div", { class: "frame", part: "frame" }, this.#content, this.newsLine, this.#status);
  readonly #onAddressChange = (): void => this.#addressChanged();
  readonly #onHashChange = (): void => void this.#goToHash();
  readonly #onPrint = (): void => this.#showForPrint();
  #actions: Promise<Actions> | null = null;
  #begunActions: Promise<unknown> | null = null;
  #drawn: Promise<boolean> | null = null; // whether the thread and its form could be shown
  #lifetime = new AbortController();
  #poller: Poller | null = null;
  #keptAddress: PageAddress | undefined; // of the page whose thread is shown, or being loaded
  #shownPage = "";
  #observer: IntersectionObserver | null = null;
  #clock = 0;
  #timer = 0;
  #scheduled: Promise<void> | null = null;
  #isNear = false;
  #isShown = false;
  #hasActed = false;

  connectedCallback(): void {
    if (!this.#frame.parentNode) this.#attach();
    addEventListener("hashchange", this.#onHashChange);
    addEventListener(ADDRESS_CHANGED, this.#onAddressChange);
    addEventListener("beforeprint", this.#onPrint);
    this.#clock = setInterval(() => document.hidden || showTimes(this.#content, this.section.lang), MINUTE_MS);
    if (this.#isNear || this.hasAttribute("eager") || /#comment(?:-\d|svc=)/.test(location.hash)) void this.#come();
    else {
      this.#reserveHeight();
      this.#observer = new IntersectionObserver(
        (entries) => {
          if (entries.some((entry) => entry.isIntersecting)) void this.#come();
        },
        { rootMargin: LOAD_MARGIN },
      );
      this.#observer.observe(this);
    }
  }

  disconnectedCallback(): void {
    removeEventListener("hashchange", this.#onHashChange);
    removeEventListener(ADDRESS_CHANGED, this.#onAddressChange);
    removeEventListener("beforeprint", this.#onPrint);
    this.#keptAddress = undefined; // it may be put into another page
    clearInterval(this.#clock);
    this.#observer?.disconnect();
    this.#endLifetime();
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (name === "thread-from") this.#keptAddress = undefined;
    if (this.isConnected && this.#isNear && before !== after) void this.#schedule();
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
  async reply(id?: number): Promise<void> {
    if (!this.#isNear) await this.#come();
    await this.#withActions((actions) => actions.reply(id ?? null));
  }

  get gone(): AbortSignal {
    return this.#lifetime.signal;
  }

  get page(): Page {
    const own = this.getAttribute("url");
    const { url, canonical } = this.#address;
    return {
      site: this.getAttribute("site")?.trim() ?? "",
      thread: this.section.dataset["key"] ?? this.#asked.thread,
      url: own ? make("a", { href: own }).href : url,
      canonical: own ? "" : canonical,
      title: (this.getAttribute("title") || document.title).slice(0, 500),
    };
  }

  get #address(): PageAddress {
    return (this.#keptAddress ??= pageAddress(this));
  }

  /** What the service makes the thread's key of. */
  get #asked(): { thread: string; canonical: string } {
    const thread = this.getAttribute("thread");
    return thread ? { thread, canonical: "" } : this.#address;
  }

  /** Not `sort`: React and Vue set a property of the attribute's name, where there is one, and not the attribute. */
  get order(): string {
    const sort = this.getAttribute("sort") ?? "";
    return SORTS.includes(sort) ? sort : "oldest";
  }

  get #lang(): string {
    return this.getAttribute("lang") || document.documentElement.lang;
  }

  pageUrl(more: Record<string, string> = {}): string {
    const { thread, canonical } = this.#asked;
    const query = { site: this.page.site, thread, canonical, sort: this.order, lang: this.#lang, ...more };
    return serviceUrl(this.base, "/embed/v1/comments", query);
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
    // Touching the form or a comment's buttons, by any means, loads the code behind them.
    for (const type of ["focusin", "pointerover"]) {
      this.root.addEventListener(type, ({ target }) => {
        if (!this.#actions && (target as Element).closest(".home, .respond, .actions")) void this.#withActions();
      });
    }
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

  #come(): Promise<void> {
    this.#observer?.disconnect();
    this.#isNear = true;
    return this.#schedule();
  }

  /**
   * Several attributes set one after the other cause one reload. Actions that are being loaded must first take over what
   * the reader has typed.
   */
  #schedule(): Promise<void> {
    const begin = async (): Promise<void> => {
      this.#scheduled = null;
      if (this.isConnected) await this.#begin();
    };
    return (this.#scheduled ??= Promise.resolve(this.#begunActions).then(begin, begin));
  }

  #endLifetime(): void {
    this.#lifetime.abort();
    this.#lifetime = new AbortController();
    clearTimeout(this.#timer);
    this.#poller?.stop();
    this.#poller = null;
    this.#actions = null;
  }

  /** Load the thread of another page, if the new address is that. */
  #addressChanged(): void {
    const before = this.#keptAddress?.thread;
    const now = pageAddress(this).thread;
    if (!before || before === now || this.getAttribute("thread")) return;
    const begin = (): void => {
      this.#keptAddress = undefined;
      void this.#schedule();
    };
    void CommentThread.config.loadKey().then(({ isSamePage }) => {
      if (!isSamePage(before, now, this.section.dataset)) begin();
    }, begin);
  }

  /** Take away what belongs to another page. */
  #clear(): void {
    const { thread, canonical } = this.#asked;
    const page = [this.page.site, thread, canonical].join("\n");
    if (page === this.#shownPage) return;
    this.#shownPage = page;
    this.#isShown = false;
    this.section = make("section");
    this.newsLine.replaceChildren();
    this.announce("");
  }

  async #begin(): Promise<void> {
    if (!(await (this.#drawn = this.#fill()))) return;
    this.emit("comment-thread-loaded", { count: this.count, version: readVersion(this.section) });
    if (this.#hasActed || /#comment(?:-\d|svc=)/.test(location.hash) || hasStoredActions()) await this.#withActions();
    await this.#goToHash();
  }

  async #fill(): Promise<boolean> {
    this.#endLifetime();
    this.#clear();
    const signal = this.gone;
    try {
      if (!this.page.site) {
        this.#showSetUp("Comments are not set up yet: give the comment-thread element a site attribute.");
        return false;
      }
      this.setAttribute("aria-busy", "true");
      if (!this.#isShown) this.#content.replaceChildren(make("div", { class: "loading", part: "loading" }));
      await this.#load(signal);
      return !signal.aborted;
    } catch (error) {
      if (!signal.aborted) this.#showFailure(error);
      return false;
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
    const form = CommentThread.config.loadForm().then(({ prepareForm }) => prepareForm(this), console.warn);
    await pause();
    await this.#show(element, form);
    if (!signal.aborted) this.#timer = setTimeout(() => void this.#watch(etag, signal), WATCH_MS);
  }

  /** Look for new comments from now on. */
  async #watch(etag: string | null, signal: AbortSignal): Promise<void> {
    const { Poller } = await CommentThread.config.loadPoller();
    if (signal.aborted) return;
    const changed = (): Promise<void> => this.#withActions((actions) => actions.changed());
    this.#poller = new Poller(() => this.pageUrl(), etag, changed);
  }

  /** Draw a page of comments, a few at a time, and the form after them, so that nothing visible moves. */
  async #show(loaded: HTMLElement, form: Promise<void>): Promise<void> {
    const isSorting = this.root.activeElement?.id === "sort";
    const items = detach(loaded, ":scope > .comments > *");
    const section = adopt(loaded);
    this.section = section;
    this.texts = readTexts(section);
    if (section.dataset["warning"]) warnSiteOwner(section.dataset["warning"]);
    const title = section.querySelector(".title bdi");
    if (title) title.textContent = this.page.title || title.textContent;
    const list = section.querySelector(".comments") as HTMLElement;
    const rest = document.createDocumentFragment();
    while (list.nextSibling) rest.append(list.nextSibling);
    this.#content.classList.add("is-filling");
    this.#content.replaceChildren(section);
    if (isSorting) this.root.getElementById("sort")?.focus(); // a replaced element loses the focus
    if (!(await this.draw(items, list))) return;
    await form; // without its styles it would change its place when they come
    if (!section.isConnected) return;
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
    const again = makeButton(translate(phrase("Try again"), this.texts), "again", () => this.#begin());
    const hosted = serviceUrl(this.base, `/t/${encodeURIComponent(site)}`, { thread });
    const link = make("a", { href: hosted }, translate("Read and write comments on their own page", this.texts));
    const sentence = make("p", {}, translate("The comments could not be loaded.", this.texts), " ", link);
    this.#content.replaceChildren(make("div", { class: "failed", part: "failed", role: "alert" }, sentence, again));
  }

  /** Load the actions if they are not loaded yet, and run `then` with them. They begin with a form, so it must be there. */
  async #withActions(then?: (actions: Actions) => void): Promise<void> {
    const signal = this.gone;
    this.#hasActed = true;
    if (!(await this.#drawn) || signal.aborted) return;
    const actions = (this.#actions ??= CommentThread.config.loadActions().then((found) => found.createActions(this)));
    this.#begunActions = actions;
    try {
      const loaded = await actions;
      if (this.gone === signal) then?.(loaded);
    } catch (error) {
      if (this.#actions === actions) this.#actions = null;
      this.announce(translate(FAILED, this.texts));
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
    const id = Number(/#comment-(\d+)$/.exec(location.hash)?.[1]);
    if (!id) return;
    if (!this.#isNear) void this.#come();
    else if (this.#isShown) await this.#withActions((actions) => actions.find(id));
  }
}

/** Let the browser paint and handle input before going on. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** The matching descendants, removed from the element. */
function detach(element: Element, selector: string): Element[] {
  const found = [...element.querySelectorAll(selector)];
  found.forEach((one) => one.remove());
  return found;
}
