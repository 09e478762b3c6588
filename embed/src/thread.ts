// <comment-thread>: shows a page's comments. Everything else a reader can do is loaded on demand (actions.ts).

import { make } from "./dom";
import { adopt, load, serviceUrl } from "./fragment";
import { Poller } from "./poller";
import { attempt, type Refused } from "./refused";
import { warnSiteOwner } from "./site-owner-warning";
import { hasStoredActions, readNumbers, writeStored } from "./storage";
import { readCount, readTexts, readVersion } from "./thread-data";
import type { Actions, ActionsModule, Page, ThreadHost } from "./thread-host";
import { showTimes } from "./times";
import { FAILED, Translator } from "./translator";

/** What main.ts finds out once for all threads of a page. */
export interface ThreadConfig {
  /** The service's URL without a slash at the end; it may have a path, behind a proxy on the blog's own origin. */
  base: string;
  styles: CSSStyleSheet[];
  loadActions: () => Promise<ActionsModule>;
}

const SORTS = ["oldest", "newest", "top"];
const LOAD_MARGIN = "1250px 0px"; // the distance at which browsers load lazy images
const BATCH = 5; // comments drawn without a pause, so that no task is long on a slow phone
const FOLDED_MAX = 200; // folded threads remembered for each site
const MINUTE_MS = 60_000;

export class CommentThread extends HTMLElement implements ThreadHost {
  static readonly observedAttributes = ["site", "thread", "sort", "lang"];
  /** Set before the element is registered. */
  static config: ThreadConfig;

  readonly base = CommentThread.config.base;
  readonly root = this.attachShadow({ mode: "open" });
  readonly newsLine = make("p", { class: "news" });
  section: HTMLElement = make("section");
  translator = new Translator();
  readonly #content = make("div", { class: "place" });
  readonly #status = make("p", { class: "status", role: "status" });
  readonly #frame = make("div", { class: "frame", part: "frame" }, this.#content, this.newsLine, this.#status);
  readonly #onHashChange = (): void => void this.#goToHash();
  #actions: Promise<Actions> | null = null;
  #lifetime = new AbortController();
  #poller: Poller | null = null;
  #observer: IntersectionObserver | null = null;
  #clock = 0;
  #isScheduled = false;
  #isNear = false;
  #isShown = false;

  connectedCallback(): void {
    if (!this.#frame.parentNode) this.#attach();
    addEventListener("hashchange", this.#onHashChange);
    this.#clock = setInterval(() => document.hidden || showTimes(this.#content, this.translator.lang), MINUTE_MS);
    if (this.#isNear || this.hasAttribute("eager") || /^#comment(-\d|svc=)/.test(location.hash)) this.#come();
    else {
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
      void this.#withActions((actions) => actions.submit());
    });
    // Touching the form or a comment's buttons, by any means, loads the code behind them.
    for (const type of ["focusin", "pointerover"]) {
      this.root.addEventListener(type, ({ target }) => {
        if (!this.#actions && (target as Element).closest(".respond, .actions")) void this.#withActions();
      });
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
    this.#poller?.stop();
    this.#poller = null;
    this.#actions = null;
  }

  async #begin(): Promise<void> {
    this.#endLifetime();
    const signal = this.gone;
    if (!this.page.site) {
      this.#showSetUp("Comments are not set up yet: give the comment-thread element a site attribute.");
      return;
    }
    this.setAttribute("aria-busy", "true");
    if (!this.#isShown) this.#content.replaceChildren(make("div", { class: "loading", part: "loading" }));
    try {
      await attempt(
        () => this.#load(signal),
        (error) => {
          if (!signal.aborted) this.#showFailure(error);
        },
      );
    } finally {
      if (!signal.aborted) this.removeAttribute("aria-busy");
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
    this.#poller = new Poller(
      () => this.pageUrl(),
      etag,
      () => this.#withActions((actions) => actions.changed()),
    );
    this.emit("comment-thread-loaded", { count: this.count, version });
    if (location.hash.startsWith("#commentsvc=") || hasStoredActions()) await this.#withActions();
    await this.#goToHash();
  }

  /** Draw a page of comments, a few at a time, and the form after them, so that nothing visible moves. */
  async #show(loaded: HTMLElement): Promise<void> {
    const isSorting = this.root.activeElement?.id === "sort";
    const items = detach(loaded, ":scope > .comments > *");
    const section = adopt(loaded);
    this.section = section;
    this.translator = new Translator(section.lang, readTexts(section));
    const title = section.querySelector(".title bdi");
    if (title) title.textContent = this.page.title || title.textContent;
    const list = section.querySelector(".comments") as HTMLElement;
    const rest = document.createDocumentFragment();
    while (list.nextSibling) rest.append(list.nextSibling);
    this.#content.classList.add("is-filling");
    this.#content.replaceChildren(section);
    if (isSorting) this.root.getElementById("sort")?.focus(); // a replaced element loses the focus
    if (!(await this.draw(items, list))) return;
    section.append(rest);
    this.#content.classList.remove("is-filling");
    this.#isShown = true;
    this.showRemaining();
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
    showTimes(root, this.translator.lang);
    const folded = readNumbers(`folded:${this.page.site}`);
    if (folded.length === 0) return;
    for (const item of [root, ...root.querySelectorAll<HTMLElement>(".comment")]) {
      if (folded.includes(Number(item.dataset["id"]))) this.#fold(item, true);
    }
  }

  #fold(item: HTMLElement, isFolded: boolean): void {
    item.classList.toggle("is-folded", isFolded);
    item.querySelector(".fold")?.setAttribute("aria-expanded", String(!isFolded));
  }

  #toggleFold(item: HTMLElement): void {
    const isFolded = !item.classList.contains("is-folded");
    const id = Number(item.dataset["id"]);
    const others = readNumbers(`folded:${this.page.site}`).filter((other) => other !== id);
    this.#fold(item, isFolded);
    writeStored(`folded:${this.page.site}`, isFolded ? [...others, id].slice(-FOLDED_MAX) : others);
  }

  showRemaining(): void {
    const more = this.#content.querySelector(".thread > .more");
    const num = this.count - this.#content.querySelectorAll(".comment:not(.is-gone, [data-status])").length;
    if (more && num > 0) more.textContent = this.translator.translate("Show %(num)s more comments", { num });
  }

  #showSetUp(sentence: string): void {
    warnSiteOwner(sentence);
    this.#isShown = false;
    this.#content.replaceChildren(make("p", { class: "failed", part: "failed" }, sentence));
  }

  #showFailure(error: Refused): void {
    const { site, thread } = this.page;
    if (error.status === 404) {
      this.#showSetUp(`Comments are not set up yet: there is no site “${site}” here. Correct the site attribute.`);
      return;
    }
    this.#isShown = false;
    const again = make(
      "button",
      { type: "button", class: "again", part: "again" },
      this.translator.translate("Try again"),
    );
    again.addEventListener("click", () => void this.#begin());
    const hosted = serviceUrl(this.base, `/t/${encodeURIComponent(site)}`, { thread });
    const link = make("a", { href: hosted }, this.translator.translate("Read and write comments on their own page"));
    const sentence = make("p", {}, this.translator.translate("The comments could not be loaded."), " ", link);
    this.#content.replaceChildren(make("div", { class: "failed", part: "failed", role: "alert" }, sentence, again));
  }

  /** Load the actions if they are not loaded yet, and run `then` with them. */
  async #withActions(then: (actions: Actions) => void = () => undefined): Promise<void> {
    const { signal } = this.#lifetime;
    const actions = (this.#actions ??= CommentThread.config.loadActions().then((found) => found.createActions(this)));
    try {
      const loaded = await actions;
      if (!signal.aborted) then(loaded);
    } catch (error) {
      if (this.#actions === actions) this.#actions = null;
      this.announce(this.translator.translate(FAILED));
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
    const item = target.closest<HTMLElement>(".comment");
    if (item && target.matches(".fold")) this.#toggleFold(item);
    else if (target.matches(".permalink")) {
      if (item && (target as HTMLAnchorElement).pathname === location.pathname) queueMicrotask(() => this.goTo(item));
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
    const item = this.item(id);
    if (item) this.goTo(item);
    else if (id) await this.#withActions((actions) => actions.find(id));
  }

  goTo(item: HTMLElement, isTarget = true): void {
    this.#content.querySelectorAll(".is-target").forEach((old) => old.classList.remove("is-target"));
    item.classList.toggle("is-target", isTarget);
    const closestFolded = (from: Element): HTMLElement | null | undefined => from.parentElement?.closest(".is-folded");
    for (let above = closestFolded(item); above; above = closestFolded(above)) this.#fold(above, false);
    item.tabIndex = -1;
    item.focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest" });
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
