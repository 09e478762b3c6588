// The comments whose replies the reader has folded, remembered for each site in this browser.

import { readNumbers, writeStored } from "./storage";
import type { ThreadHost } from "./thread-host";

const FOLDED_MAX = 200; // remembered for each site

/** Fold or unfold the replies of the comment that the button belongs to; gives whether it is such a button. */
export function foldClicked(host: ThreadHost, target: Element): boolean {
  const item = target.closest<HTMLElement>(".comment");
  if (!item || !target.matches(".fold")) return false;
  const isFolded = !item.classList.contains("is-folded");
  const name = `folded:${host.page.site}`;
  const id = Number(item.dataset["id"]);
  const others = readNumbers(name).filter((other) => other !== id);
  host.fold(item, isFolded);
  writeStored(name, isFolded ? [...others, id].slice(-FOLDED_MAX) : others);
  return true;
}
