// Inserts new comments into the thread, and updates the number of comments in its heading.

import { make } from "./dom";
import type { ThreadHost } from "./thread-host";

/** Insert a comment below its parent, or at the top level in the order that the reader has chosen. */
export function insertComment(host: ThreadHost, item: HTMLElement): void {
  host.prepare(item);
  const parent = Number(item.dataset["parent"]);
  const above = parent ? host.item(parent) : null;
  const list = host.section.querySelector(".comments");
  if (above) {
    let replies = above.querySelector<HTMLElement>(":scope > .replies");
    if (!replies) above.append((replies = make("ol", { class: "replies" })));
    replies.append(item);
  } else if (host.order === "newest") list?.prepend(item);
  else list?.append(item);
  showHeading(host);
}

/** Hide "No comments yet" above the reader's own comment that nobody else sees yet. */
export function showHeading({ section, count }: ThreadHost): void {
  const heading = section.querySelector<HTMLElement>(".heading");
  if (heading) heading.hidden = count === 0 && section.querySelector(".comment") !== null;
}

/** Show how many comments there are now. */
export function showCount(host: ThreadHost, num: number): void {
  host.section.dataset["count"] = String(num);
  const heading = host.section.querySelector(".heading");
  if (!heading) return;
  const title = heading.querySelector(".title") ?? make("cite", { class: "title" }, make("bdi", {}, host.page.title));
  const sentence = host.translator.translate("%(num)s thoughts on “%(title)s”", { num, title: "\0" });
  const [before = "", after = ""] = sentence.split("\0");
  heading.replaceChildren(before, title, after);
  showHeading(host);
}
