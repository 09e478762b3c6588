// The entry: finds out where the service is and registers the elements, once.

import css from "./comments.css";
import { commentThread } from "./thread";

declare const LISTS: string; // the file of what index pages need; build.mjs knows its name

const base = new URL(".", import.meta.url).href.replace(/\/$/, "");

function register(name: string, make: () => CustomElementConstructor): void {
  if (!customElements.get(name)) customElements.define(name, make());
}

register("comment-thread", () => {
  // Constructed, so that no page's style-src can forbid it.
  const styles = new CSSStyleSheet();
  styles.replaceSync(css);
  return commentThread(base, styles);
});

/** An element of index pages; what fills it is loaded where there is one. */
const listed = (fill: "count" | "recent") => (): CustomElementConstructor =>
  class extends HTMLElement {
    static readonly observedAttributes = ["site", "thread", "limit"];

    connectedCallback(): void {
      void (import(`${base}/embed/${LISTS}`) as Promise<typeof import("./lists")>).then((lists) =>
        lists[fill](base, this),
      );
    }

    attributeChangedCallback(): void {
      if (this.isConnected) this.connectedCallback();
    }
  };

register("comment-count", listed("count"));
register("recent-comments", listed("recent"));
