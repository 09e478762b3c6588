// <comment-thread>: the page's comments and the form to write one.

import { Compose, type Page, type Target, type Way } from "./compose";
import { make } from "./dom";
import { load } from "./fragment";
import { Memory } from "./memory";
import { Refused, type Posted, type Service } from "./service";
import { Account, handOver } from "./signin";
import { texts } from "./texts";

const SORTS = ["oldest", "newest", "top"] as const;

export function commentThread(service: Service, styles: CSSStyleSheet): CustomElementConstructor {
  return class CommentThread extends HTMLElement {
    static readonly observedAttributes = ["site", "thread", "sort", "lang"];

    private readonly root = this.attachShadow({ mode: "open" });
    private readonly bar = make("p", { class: "bar", hidden: true });
    private readonly select = make("select", { id: "sort", part: "sort" });
    private readonly place = make("div", { class: "place" });
    private readonly home = make("div", { class: "home" });
    private readonly status = make("p", { class: "status", role: "status" });
    private section: HTMLElement | null = null;
    private compose: Compose | null = null;
    private memory = new Memory("");
    private account = new Account(service, "");
    private loading = new AbortController();
    private isScheduled = false;
    private isDrawn = false;
    private readonly onHash = (): void => this.goToHash();

    connectedCallback(): void {
      if (!this.isDrawn) this.draw();
      window.addEventListener("hashchange", this.onHash);
      this.schedule();
    }

    disconnectedCallback(): void {
      window.removeEventListener("hashchange", this.onHash);
      this.loading.abort();
    }

    attributeChangedCallback(_name: string, before: string | null, after: string | null): void {
      if (this.isConnected && before !== after) this.schedule();
    }

    private get site(): string {
      return this.getAttribute("site")?.trim() ?? "";
    }

    private get sort(): string {
      const sort = this.getAttribute("sort") ?? "";
      return (SORTS as readonly string[]).includes(sort) ? sort : "oldest";
    }

    private get canonical(): string {
      const link = document.querySelector<HTMLLinkElement>('link[rel="canonical"][href]');
      return link?.href || location.href;
    }

    private get thread(): string {
      return this.getAttribute("thread") || new URL(this.canonical).pathname;
    }

    private get page(): Page {
      const url = this.getAttribute("url") || this.canonical;
      const title = this.getAttribute("title") || document.title;
      return { site: this.site, thread: this.thread, url: url.split("#", 1)[0] ?? "", title: title.slice(0, 500) };
    }

    private get language(): string {
      return this.getAttribute("lang") || document.documentElement.lang;
    }

    private draw(): void {
      this.isDrawn = true;
      this.root.adoptedStyleSheets = [styles];
      for (const sort of SORTS) this.select.append(make("option", { value: sort }, texts[sort]));
      this.select.addEventListener("change", () => this.setAttribute("sort", this.select.value));
      this.bar.append(make("label", { for: "sort" }, texts.sort), " ", this.select);
      this.root.append(make("div", { class: "frame", part: "frame" }, this.place, this.home, this.status));
      this.root.addEventListener("click", (event) => this.clicked(event as MouseEvent));
    }

    /** Several attributes set one after the other are one change. */
    private schedule(): void {
      if (this.isScheduled) return;
      this.isScheduled = true;
      queueMicrotask(() => {
        this.isScheduled = false;
        if (this.isConnected) void this.reload();
      });
    }

    private async reload(): Promise<void> {
      this.loading.abort();
      this.loading = new AbortController();
      const { signal } = this.loading;
      if (!this.site) {
        console.error(`commentsvc: ${texts.noSite}`);
        this.place.replaceChildren(make("p", { class: "failed" }, texts.noSite));
        return;
      }
      this.memory = new Memory(`${this.site}:${this.thread}`);
      this.account = new Account(service, this.site);
      const isResumed = await this.resume();
      this.setAttribute("aria-busy", "true");
      if (!this.section) this.place.replaceChildren(make("p", { class: "loading", part: "loading" }, texts.loading));
      try {
        const address = service.fragment(this.site, this.thread, this.sort, "", this.language);
        const section = await load(address, "section.thread", signal);
        this.show(section);
        await this.addOwn(signal);
        this.goToHash();
        if (isResumed) this.compose?.focus();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (!signal.aborted) this.fail(error);
      } finally {
        if (!signal.aborted) this.removeAttribute("aria-busy");
      }
    }

    /** Take up a sign-in that comes back to this page, in this tab or for the one that waits. */
    private async resume(): Promise<boolean> {
      try {
        return !(await handOver(this.site)) && (await this.account.resume());
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        this.status.textContent = error.message || texts.signInFailed;
        return false;
      }
    }

    private show(section: HTMLElement): void {
      const { count, version, open, requireEmail, bodyMax, guests, ways } = section.dataset;
      this.section = section;
      this.localise(section);
      const title = section.querySelector(".title bdi");
      if (title) title.textContent = this.page.title || title.textContent;
      const isSorting = this.root.activeElement === this.select;
      section.querySelector(".heading")?.after(this.bar);
      this.place.replaceChildren(section);
      this.bar.hidden = Number(count) < 2;
      this.select.value = this.sort;
      if (isSorting) this.select.focus(); // what moves in the document loses the focus
      this.home.replaceChildren();
      this.compose = null;
      if (open === "1") {
        const terms = {
          requireEmail: requireEmail === "1",
          bodyMax: Number(bodyMax),
          takesGuests: guests === "1",
          ways: JSON.parse(ways ?? "[]") as Way[],
        };
        const posted = (answer: Posted, target: Target): void => void this.posted(answer, target);
        const canceled = (): void => this.cancelReply();
        this.compose = new Compose(service, this.memory, () => this.page, this.account, terms, posted, canceled);
        this.home.append(this.compose.form);
      }
      const detail = { count: Number(count), version: Number(version) };
      this.dispatchEvent(new CustomEvent("comment-thread-loaded", { detail, bubbles: true, composed: true }));
    }

    private fail(error: Refused): void {
      this.section = null;
      this.home.replaceChildren();
      if (error.status === 404) {
        console.error(`commentsvc: ${texts.unknownSite(this.site)}`);
        this.place.replaceChildren(make("p", { class: "failed" }, texts.unknownSite(this.site)));
        return;
      }
      const again = make("button", { type: "button", class: "again", part: "again" }, texts.tryAgain);
      again.addEventListener("click", () => void this.reload());
      const link = make("a", { href: service.hosted(this.site, this.thread) }, texts.onHostedPage);
      this.place.replaceChildren(make("div", { class: "failed", role: "alert" }, make("p", {}, texts.failed, " ", link), again));
    }

    /** Show one's comments that others do not see yet; forget those that are gone. */
    private async addOwn(signal: AbortSignal): Promise<void> {
      const mine = this.memory.own().map(({ id, token }) => ({ id, headers: { "X-Edit-Token": token } }));
      const missing = [...mine, ...(await this.waiting())].filter((own) => !this.item(own.id));
      await Promise.all(
        missing.map(async ({ id, headers }) => {
          try {
            const item = await load(service.ownComment(id), "li.comment", signal, headers);
            if (item.dataset["status"]) this.insert(item);
          } catch (error) {
            if (!(error instanceof Refused)) throw error;
            if (error.status === 404) this.memory.forgetOwn(id);
          }
        }),
      );
    }

    /** What somebody signed in has written here that waits; nothing when the service can't say at this moment. */
    private async waiting(): Promise<{ id: number; headers: Record<string, string> }[]> {
      try {
        const token = await this.account.token();
        if (!token) return [];
        const { account, pending } = await service.viewer(this.site, this.thread, token);
        if (this.account.learn(account)) this.compose?.identify();
        return pending.map(({ id }) => ({ id, headers: { Authorization: `Bearer ${token}` } }));
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        return [];
      }
    }

    private async posted(answer: Posted, target: Target): Promise<void> {
      if (answer.edit_token) this.memory.addOwn({ id: answer.id, token: answer.edit_token });
      const isPublished = answer.status === "approved";
      const sentence = isPublished ? texts.published : answer.status === "pending" ? texts.waiting : texts.refused;
      // Whoever has gone on to answer another comment meanwhile is left in peace.
      const isStillThere = this.compose?.isAimedAt(target) ?? false;
      if (isStillThere) this.goHome();
      this.status.textContent = [sentence, answer.reason].filter(Boolean).join(" ");
      const detail = { id: answer.id, status: answer.status };
      this.dispatchEvent(new CustomEvent("comment-posted", { detail, bubbles: true, composed: true }));
      try {
        const token = answer.edit_token ? null : await this.account.token();
        const headers = token ? { Authorization: `Bearer ${token}` } : { "X-Edit-Token": answer.edit_token ?? "" };
        const item = await load(service.ownComment(answer.id), "li.comment", this.loading.signal, headers);
        if (!this.item(answer.id)) this.insert(item, target.parent);
        if (isPublished) this.countOneMore();
        if (isStillThere) this.goTo(item);
      } catch (error) {
        // It is kept, and the status says so; only showing it at once did not work.
        if (!(error instanceof Refused)) throw error;
      }
    }

    private insert(item: HTMLElement, parent: number | null = Number(item.dataset["parent"]) || null): void {
      this.localise(item);
      const above = parent === null ? null : this.item(parent);
      if (above) {
        let replies = above.querySelector<HTMLElement>(":scope > .replies");
        if (!replies) above.append((replies = make("ol", { class: "replies" })));
        replies.append(item);
      } else {
        const list = this.place.querySelector(".comments");
        if (this.sort === "newest") list?.prepend(item);
        else list?.append(item);
      }
    }

    private countOneMore(): void {
      const count = Number(this.section?.dataset["count"]) + 1;
      if (this.section) this.section.dataset["count"] = String(count);
      const title = make("cite", { class: "title" }, this.page.title);
      this.place.querySelector(".heading")?.replaceChildren(texts.thoughts(count), "“", title, "”");
      this.bar.hidden = count < 2;
    }

    private item(id: number): HTMLElement | null {
      return this.root.getElementById(`comment-${id}`);
    }

    private clicked(event: MouseEvent): void {
      if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      const link = (event.target as Element).closest<HTMLAnchorElement>("a.reply, a.more");
      if (!link) return;
      if (link.classList.contains("more")) {
        event.preventDefault();
        void this.more(link);
      } else if (this.compose) {
        event.preventDefault();
        this.replyTo(link);
      }
    }

    private replyTo(link: HTMLAnchorElement): void {
      const item = link.closest<HTMLElement>(".comment");
      const name = item?.querySelector(".author")?.textContent?.trim() ?? "";
      this.compose?.aim({ parent: Number(link.dataset["reply"]), name });
      if (this.compose) item?.querySelector(":scope > article")?.after(this.compose.form);
      this.compose?.focus();
    }

    private cancelReply(): void {
      const item = this.compose?.form.closest(".comment");
      this.goHome();
      item?.querySelector<HTMLElement>(":scope > article .reply")?.focus();
    }

    private goHome(): void {
      if (!this.compose) return;
      this.home.append(this.compose.form);
      this.compose.aim({ parent: null, name: "" });
    }

    private async more(link: HTMLAnchorElement): Promise<void> {
      const words = link.textContent ?? "";
      link.textContent = texts.loadingMore;
      try {
        const address = service.fragment(this.site, this.thread, this.sort, link.dataset["cursor"] ?? "", this.language);
        const section = await load(address, "section.thread", this.loading.signal);
        this.localise(section);
        const items = [...section.querySelectorAll<HTMLElement>(":scope > .comments > .comment")];
        const fresh = items.filter((item) => !this.item(Number(item.dataset["id"])));
        this.place.querySelector(".comments")?.append(...fresh);
        const following = section.querySelector(".more");
        if (following) link.replaceWith(following);
        else link.remove();
        if (fresh[0]) this.goTo(fresh[0], false);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        link.textContent = words;
        this.status.textContent = texts.failed;
      }
    }

    private goToHash(): void {
      const id = /^#comment-(\d+)$/.exec(location.hash)?.[1];
      const item = id ? this.item(Number(id)) : null;
      if (item) this.goTo(item);
    }

    private goTo(item: HTMLElement, isTarget = true): void {
      this.place.querySelectorAll(".is-target").forEach((old) => old.classList.remove("is-target"));
      item.classList.toggle("is-target", isTarget);
      item.tabIndex = -1;
      item.focus({ preventScroll: true });
      item.scrollIntoView({ block: "nearest" });
    }

    /** Times in the reader's words; the exact one in UTC stays at hand. */
    private localise(root: HTMLElement): void {
      let format: Intl.DateTimeFormat;
      try {
        format = new Intl.DateTimeFormat(this.language || undefined, { dateStyle: "long", timeStyle: "short" });
      } catch {
        return; // a language that is none: the server's words stay
      }
      for (const time of root.querySelectorAll("time")) {
        time.title = time.textContent ?? "";
        time.textContent = format.format(new Date(time.dateTime));
      }
    }
  };
}
