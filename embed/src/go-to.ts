// Moves a reader to a comment, and unfolds what hides it.

import type { ThreadHost } from "./thread-host";

/** Scroll a comment into view and focus it; `isTarget`: it is what the reader asked for, and is marked. */
export function goTo(host: ThreadHost, item: HTMLElement, isTarget = true): void {
  host.section.querySelectorAll(".is-target").forEach((old) => old.classList.remove("is-target"));
  item.classList.toggle("is-target", isTarget);
  const closestFolded = (from: Element): HTMLElement | null | undefined => from.parentElement?.closest(".is-folded");
  for (let above = closestFolded(item); above; above = closestFolded(above)) host.fold(above, false);
  item.tabIndex = -1;
  item.focus({ preventScroll: true });
  item.scrollIntoView({ block: "nearest" });
}
