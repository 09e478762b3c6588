// <comment-thread>: shows a page's comments. What it takes to act on them is loaded when somebody reaches for it.

import { make } from "./dom";
import { address, adopted, load, Refused } from "./fragment";
import type { Act, Actor, Host, Page } from "./host";
import { hasKept, recallNumbers, remember } from "./memory";
import { tell as tellOwner } from "./misconfigured";
import { tell } from "./times";
import { Watch } from "./watch";
import { Words, type Texts } from "./words";

declare const ACT: string; // the file of the other bundle; build.mjs knows its name

const SORTS = ["oldest", "newest", "top"];
const NEAR = "1250px 0px"; // as browsers do with images; nothing is asked for before the reader comes this near
const AT_ONCE = 5; // comments drawn in one go, so that no task is long on a slow phone
const FOLDED_MAX = 200; // remembered on a blog
const MINUTE_MS = 60_000;

export function commentThread(base: string, styles: CSSStyleSheet) {
  let tries = 0;

  /** The other bundle; a failed try is not remembered by a browser under another name. */
  const bundle = (): Promise<Act> => import(`${base}/embed/${ACT}${tries++ ? `?${tries}` : ""}`) as Promise<Act>;
  let loading: Promise<Act> | null = null;
  const loadAct = (): Promise<Act> => {
    loading ??= bundle().catch((error: unknown) => {
      loading = null;
      throw error;
    });
    return loading;
  };

  return class CommentThread extends HTMLElement implements Host {
    static readonly observedAttributes = ["site", "thread", "sort", "lang"];

    readonly base = base;
    readonly root = this.attachShadow({ mode: "open" });
    section: HTMLElement = make("section");
    words = new Words();
    readonly #place = make("div", { class: "place" });
    readonly news = make("p", { class: "news" });
    readonly #status = make("p", { class: "status", role: "status" });
    readonly #frame = make("div", { class: "frame", part: "frame" }, this.#place, this.news, this.#status);
    #actor: Promise<Actor> | null = null;
    #leaving = new AbortController();
    #watch: Watch | null = null;
    #near: IntersectionObserver | null = null;
    #clock = 0;
    #isScheduled = false;
    #isNear = false;
    #isShown = false;
    readonly #onHash = (): void => void this.#goToHash();

    connectedCallback(): void {
      if (!this.#frame.parentNode) {
        this.root.adoptedStyleSheets = [styles];
        this.root.append(this.#frame);
        this.root.addEventListener("click", (event) => this.#clicked(event as MouseEvent));
        this.root.addEventListener("change", ({ target }) => {
          if ((target as Element).id === "sort") this.setAttribute("sort", (target as HTMLSelectElement).value);
        });
        this.root.addEventListener("submit", (event) => {
          event.preventDefault();
          void this.#reach((actor) => actor.submit());
        });
        // Reaching for the form, by whatever means, brings what makes it work.
        for (const type of ["focusin", "pointerover"]) {
          this.root.addEventListener(type, (event) => {
            if (!this.#actor && (event.target as Element).closest(".respond, .actions")) void this.#reach();
          });
        }
      }
      window.addEventListener("hashchange", this.#onHash);
      this.#clock = window.setInterval(() => {
        if (!document.hidden) tell(this.#place, this.words.lang);
      }, MINUTE_MS);
      if (this.#isNear || this.hasAttribute("eager") || /^#comment(-\d|svc=)/.test(location.hash)) this.#come();
      else {
        this.#near = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && this.#come(), {
          rootMargin: NEAR,
        });
        this.#near.observe(this);
      }
    }

    disconnectedCallback(): void {
      window.removeEventListener("hashchange", this.#onHash);
      window.clearInterval(this.#clock);
      this.#near?.disconnect();
      this.#leave();
    }

    attributeChangedCallback(_name: string, before: string | null, after: string | null): void {
      if (this.isConnected && this.#isNear && before !== after) this.#schedule();
    }

    /** How many comments the thread has; NaN while they are not there. */
    get count(): number {
      return Number(this.section.dataset["count"]);
    }

    /** Ask for the comments again. */
    reload(): Promise<void> {
      return this.#begin();
    }

    /** Open the form, to answer a comment or (without a number) the page. */
    reply(id?: number): Promise<void> {
      return this.#reach((actor) => actor.reply(id ?? null));
    }

    get element(): HTMLElement {
      return this;
    }

    get gone(): AbortSignal {
      return this.#leaving.signal;
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

    ask(more: Record<string, string> = {}): string {
      const { site, thread } = this.page;
      return address(base, "/embed/v1/comments", { site, thread, sort: this.sort, lang: this.#lang, ...more });
    }

    #come(): void {
      this.#near?.disconnect();
      this.#isNear = true;
      this.#schedule();
    }

    /** Several attributes set one after the other are one change. */
    #schedule(): void {
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      queueMicrotask(() => {
        this.#isScheduled = false;
        if (this.isConnected) void this.#begin();
      });
    }

    #leave(): void {
      this.#leaving.abort();
      this.#leaving = new AbortController();
      this.#watch?.stop();
      this.#watch = null;
      this.#actor = null;
    }

    async #begin(): Promise<void> {
      this.#leave();
      const signal = this.gone;
      const { site } = this.page;
      if (!site) return this.#setUp("Comments are not set up yet: give the comment-thread element a site attribute.");
      this.setAttribute("aria-busy", "true");
      if (!this.#isShown) this.#place.replaceChildren(make("div", { class: "loading", part: "loading" }));
      try {
        const loading = load(this.ask(), "section.thread", signal);
        tell(this.#place, this.#lang); // what writes times takes a while to make; now there is time
        const { element, etag } = await loading;
        await pause();
        await this.#show(element);
        if (signal.aborted) return;
        this.#watch = new Watch(
          () => this.ask(),
          etag,
          () => this.#reach((actor) => actor.hasNews()),
        );
        this.emit("comment-thread-loaded", { count: this.count, version: Number(element.dataset["version"]) });
        if (location.hash.startsWith("#commentsvc=") || hasKept()) await this.#reach();
        await this.#goToHash();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (!signal.aborted) this.#fail(error);
      } finally {
        if (!signal.aborted) this.removeAttribute("aria-busy");
      }
    }

    /** Draw a page of comments, a few at a time, and the form only after them: nothing that can be seen is moved. */
    async #show(loaded: HTMLElement): Promise<void> {
      const isSorting = this.root.activeElement?.id === "sort";
      const items = taken(loaded, ":scope > .comments > *");
      const section = adopted(loaded);
      this.section = section;
      this.words = new Words(section.lang, JSON.parse(section.dataset["texts"] || "{}") as Texts);
      const title = section.querySelector(".title bdi");
      if (title) title.textContent = this.page.title || title.textContent;
      const list = section.querySelector(".comments")!;
      const rest = document.createDocumentFragment();
      while (list.nextSibling) rest.append(list.nextSibling);
      this.#place.classList.add("is-filling");
      this.#place.replaceChildren(section);
      if (isSorting) this.root.getElementById("sort")?.focus(); // what moves in the document loses the focus
      if (!(await this.draw(items, list))) return;
      section.append(rest);
      this.#place.classList.remove("is-filling");
      this.#isShown = true;
      this.tellRest();
    }

    /** Draw comments and, below them, their replies, with pauses for the reader; false when the thread has gone meanwhile. */
    async draw(items: Element[], list: Element, before: Element | null = null): Promise<boolean> {
      const { signal } = this.#leaving;
      const waiting = items.map((item) => ({ item, list, before }));
      for (let drawn = 1, next; (next = waiting.shift()); drawn++) {
        const below = taken(next.item, ":scope > .replies > *");
        const own = adopted(next.item as HTMLElement);
        this.prepare(own);
        next.list.insertBefore(own, next.before);
        const replies = own.querySelector(":scope > .replies");
        if (replies) waiting.unshift(...below.map((item) => ({ item, list: replies, before: null })));
        if (drawn % AT_ONCE === 1) await pause();
        if (signal.aborted) return false;
      }
      return true;
    }

    /** What a browser adds to what the service drew: the reader's times, and what the reader has folded. */
    prepare(root: HTMLElement): void {
      tell(root, this.words.lang);
      const folded = recallNumbers(`folded:${this.page.site}`);
      if (folded.length === 0) return;
      for (const item of [root, ...root.querySelectorAll<HTMLElement>(".comment")]) {
        if (folded.includes(Number(item.dataset["id"]))) this.#fold(item, true);
      }
    }

    #fold(item: HTMLElement, isFolded: boolean): void {
      item.classList.toggle("is-folded", isFolded);
      item.querySelector(".fold")?.setAttribute("aria-expanded", String(!isFolded));
    }

    /** Say how many comments the rest of the thread has. */
    tellRest(): void {
      const more = this.#place.querySelector(".thread > .more");
      const count = this.count - this.#place.querySelectorAll(".comment:not(.is-gone, [data-status])").length;
      if (more && count > 0) more.textContent = this.words.say("Show %(num)s more comments", { num: count });
    }

    #setUp(sentence: string): void {
      tellOwner(sentence);
      this.#isShown = false;
      this.#place.replaceChildren(make("p", { class: "failed", part: "failed" }, sentence));
    }

    #fail(error: Refused): void {
      const { site, thread } = this.page;
      if (error.status === 404) {
        return this.#setUp(
          `Comments are not set up yet: there is no site “${site}” here. Mend the comment-thread element's site attribute.`,
        );
      }
      this.#isShown = false;
      const again = make("button", { type: "button", class: "again", part: "again" }, this.words.say("Try again"));
      again.addEventListener("click", () => void this.#begin());
      const hosted = address(base, `/t/${encodeURIComponent(site)}`, { thread });
      const link = make("a", { href: hosted }, this.words.say("Read and write comments on their own page"));
      const sentence = this.words.say("The comments could not be loaded.");
      this.#place.replaceChildren(
        make("div", { class: "failed", part: "failed", role: "alert" }, make("p", {}, sentence, " ", link), again),
      );
    }

    /** Load what acts, if it is not here yet, and let it. */
    async #reach(then: (actor: Actor) => void = () => undefined): Promise<void> {
      const signal = this.gone;
      this.#actor ??= loadAct().then((found) => found.act(this));
      const mine = this.#actor;
      try {
        const actor = await mine;
        if (!signal.aborted) then(actor);
      } catch (error) {
        if (this.#actor === mine) this.#actor = null;
        this.say(this.words.say("That did not work. Nothing is lost; please try again."));
        console.warn(error);
      }
    }

    say(sentence: string): void {
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
      if (target.matches(".fold") && item) {
        const isFolded = !item.classList.contains("is-folded");
        const name = `folded:${this.page.site}`;
        const id = Number(item.dataset["id"]);
        const rest = recallNumbers(name).filter((other) => other !== id);
        this.#fold(item, isFolded);
        remember(name, isFolded ? [...rest, id].slice(-FOLDED_MAX) : rest);
      } else if (target.matches(".permalink")) {
        if (item && (target as HTMLAnchorElement).pathname === location.pathname) queueMicrotask(() => this.goTo(item));
      } else {
        event.preventDefault();
        // What is typed until the form has moved must not go where it was.
        const area = target.matches(".reply") ? this.section.querySelector("textarea") : null;
        if (area) area.readOnly = true;
        void this.#reach((actor) => actor.clicked(target)).finally(() => area && (area.readOnly = false));
      }
    }

    /** A link to a comment shows it, also one that only a later page of the thread has. */
    async #goToHash(): Promise<void> {
      const id = Number(/^#comment-(\d+)$/.exec(location.hash)?.[1]);
      const item = this.item(id);
      if (item) this.goTo(item);
      else if (id) await this.#reach((actor) => actor.find(id));
    }

    goTo(item: HTMLElement, isTarget = true): void {
      this.#place.querySelectorAll(".is-target").forEach((old) => old.classList.remove("is-target"));
      item.classList.toggle("is-target", isTarget);
      for (
        let above = item.parentElement?.closest<HTMLElement>(".is-folded");
        above;
        above = above.parentElement?.closest<HTMLElement>(".is-folded")
      ) {
        this.#fold(above, false);
      }
      item.tabIndex = -1;
      item.focus({ preventScroll: true });
      item.scrollIntoView({ block: "nearest" });
    }
  };
}

/** Let the browser paint and listen before what follows. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** What an element has below it, taken out of it. */
function taken(element: Element, selector: string): Element[] {
  const found = [...element.querySelectorAll(selector)];
  found.forEach((one) => one.remove());
  return found;
}
