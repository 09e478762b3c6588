// <recent-comments>: the newest comments of a site, as links.

import { make } from "./dom";
import { Refused, type Recent, type Service } from "./service";

export function recentComments(service: Service): CustomElementConstructor {
  return class RecentComments extends HTMLElement {
    static readonly observedAttributes = ["site", "limit"];
    private isScheduled = false;

    connectedCallback(): void {
      this.schedule();
    }

    attributeChangedCallback(): void {
      if (this.isConnected) this.schedule();
    }

    private schedule(): void {
      if (this.isScheduled) return;
      this.isScheduled = true;
      queueMicrotask(() => {
        this.isScheduled = false;
        void this.load();
      });
    }

    private async load(): Promise<void> {
      const site = this.getAttribute("site") ?? "";
      try {
        const comments = await service.recent(site, this.getAttribute("limit") ?? "");
        this.replaceChildren(make("ul", {}, ...comments.map(line)));
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.status === 404) console.error(`commentsvc: recent-comments: there is no site “${site}” here`);
      }
    }
  };
}

function line(comment: Recent): HTMLLIElement {
  const name = make("bdi", {}, comment.author.name);
  const title = make("bdi", {}, comment.thread.title || comment.thread.key);
  return make("li", {}, name, " on ", make("a", { href: comment.permalink, title: comment.excerpt }, title));
}
