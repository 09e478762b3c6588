// <comment-count>: how many comments a page has; all of a page's are asked for in one request for each site.

import type { Service } from "./service";
import { Refused } from "./service";

const AT_ONCE = 200;

export function commentCount(service: Service): CustomElementConstructor {
  const waiting = new Set<Element>();

  async function ask(): Promise<void> {
    const elements = [...waiting];
    waiting.clear();
    const sites = new Set(elements.map((element) => element.getAttribute("site") ?? ""));
    for (const site of sites) {
      const here = elements.filter((element) => element.getAttribute("site") === site);
      const threads = [...new Set(here.map((element) => element.getAttribute("thread") ?? location.pathname))];
      for (let at = 0; at < threads.length; at += AT_ONCE) {
        try {
          const counts = await service.counts(site, threads.slice(at, at + AT_ONCE));
          for (const element of here) {
            const count = counts[element.getAttribute("thread") ?? location.pathname];
            if (count !== undefined) element.textContent = count === 1 ? "1 comment" : `${count} comments`;
          }
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          if (error.status === 404) console.error(`commentsvc: comment-count: there is no site “${site}” here`);
        }
      }
    }
  }

  function schedule(element: Element): void {
    if (waiting.size === 0) queueMicrotask(() => void ask());
    waiting.add(element);
  }

  return class CommentCount extends HTMLElement {
    static readonly observedAttributes = ["site", "thread"];

    connectedCallback(): void {
      schedule(this);
    }

    attributeChangedCallback(): void {
      if (this.isConnected) schedule(this);
    }
  };
}
