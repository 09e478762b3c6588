// Moves a reader to a comment: whatever hides it is opened, and nothing of the page covers it.

import type { ThreadHost } from "./thread-host";

const TALL = 0.6; // of the window's height: the middle of a taller comment would be shown without its beginning

/** Scroll a comment into view and focus it; `isTarget`: it is what the reader asked for, and is marked. */
export function goTo(host: ThreadHost, item: HTMLElement, isTarget = true): void {
  host.section.querySelectorAll(".is-target").forEach((old) => old.classList.remove("is-target"));
  item.classList.toggle("is-target", isTarget);
  const closestFolded = (from: Element): HTMLElement | null | undefined => from.parentElement?.closest(".is-folded");
  for (let above = closestFolded(item); above; above = closestFolded(above)) host.fold(above, false);
  let closed = host.root.host.closest("details");
  for (; closed; closed = closed.parentElement?.closest("details") ?? null) {
    closed.open = true;
    closed.getBoundingClientRect(); // Chromium may leave the content hidden where it is focused before it has a layout
  }
  item.tabIndex = -1;
  item.focus({ preventScroll: true });
  const own = item.querySelector<HTMLElement>(":scope > article") ?? item;
  // In the middle, because pages have bars at the top and the bottom of the window.
  const middle = own.offsetHeight < innerHeight * TALL ? "center" : "start";
  own.scrollIntoView({ block: isTarget ? middle : "nearest" });
}
