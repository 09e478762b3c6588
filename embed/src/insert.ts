// Puts what has just been written where it belongs on the page.

import { make } from "./dom";
import type { Host } from "./host";
import type { Words } from "./words";

/** Put a comment at its parent, or in the order that the reader has chosen. */
export function insert(host: Host, item: HTMLElement): void {
  host.prepare(item);
  const parent = Number(item.dataset["parent"]);
  const above = parent ? host.item(parent) : null;
  const list = host.section.querySelector(".comments");
  if (above) {
    let replies = above.querySelector<HTMLElement>(":scope > .replies");
    if (!replies) above.append((replies = make("ol", { class: "replies" })));
    replies.append(item);
  } else if (host.sort === "newest") list?.prepend(item);
  else list?.append(item);
}

/** Show how many comments there are now. */
export function recount(host: Host, words: Words, num: number): void {
  host.section.dataset["count"] = String(num);
  const heading = host.section.querySelector(".heading");
  if (!heading) return;
  const title = heading.querySelector(".title") ?? make("cite", { class: "title" }, make("bdi", {}, host.page.title));
  const [before = "", after = ""] = words.say("%(num)s thoughts on “%(title)s”", { num, title: "\0" }).split("\0");
  heading.replaceChildren(before, title, after);
}
