// Keeps the numbers beside the tabs and in the page's title up to date while the page is visible. New comments never move
// the list; a link offers them.
const EVERY_MS = 5000;
let etag = "";

export function showCounts(counts, appeals) {
  for (const tab of document.querySelectorAll(".tabs [data-status]")) {
    const name = tab.dataset.status;
    tab.textContent = String(name === "appeals" ? appeals : counts[name]);
  }
  showTitle();
}

// The number of pending comments, as the tab shows it, in front of the page's title.
function showTitle() {
  const pending = Number(document.querySelector('.tabs [data-status="pending"]')?.textContent ?? 0);
  const plain = document.title.replace(/^\(\d+\) /, "");
  document.title = pending > 0 ? `(${pending}) ${plain}` : plain;
}

export async function refreshCounts() {
  const source = document.querySelector("[data-counts]");
  if (!source) return;
  const response = await fetch(source.dataset.counts, { headers: etag ? { "If-None-Match": etag } : {} });
  if (response.status !== 200) return;
  etag = response.headers.get("ETag") || "";
  const { counts, appeals, new: arrived } = await response.json();
  showCounts(counts, appeals);
  const line = document.querySelector(".arrived");
  if (line) {
    line.hidden = !arrived;
    line.querySelector("a").textContent = `View ${arrived >= 100 ? "100 or more" : arrived} new`;
  }
}

export function watchCounts() {
  if (!document.querySelector("[data-counts]")) return;
  showTitle();
  let timer = 0;
  const tick = async () => {
    try {
      await refreshCounts();
    } catch {
      // The service is away; the next request may succeed.
    }
    timer = document.hidden ? 0 : setTimeout(tick, EVERY_MS);
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !timer) tick();
  });
  timer = setTimeout(tick, EVERY_MS);
}
