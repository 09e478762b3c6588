// The entry: finds out where the service is and registers the elements, once.

import { commentCount } from "./comment-count";
import { commentThread } from "./comment-thread";
import css from "./comments.css";
import { recentComments } from "./recent-comments";
import { Service } from "./service";

const service = new Service(new URL(".", import.meta.url).href.replace(/\/$/, ""));

function register(name: string, make: () => CustomElementConstructor): void {
  if (!customElements.get(name)) customElements.define(name, make());
}

register("comment-thread", () => {
  // Constructed, so that no page's style-src can forbid it.
  const styles = new CSSStyleSheet();
  styles.replaceSync(css);
  return commentThread(service, styles);
});
register("comment-count", () => commentCount(service));
register("recent-comments", () => recentComments(service));
