// The numbers beside the tabs and in the tab's title, kept true while somebody looks; new arrivals never move the list.
const EVERY_MS = 5000;
let etag = "";

export function showCounts(counts, appeals) {
  for (const place of document.querySelectorAll(".tabs [data-status]")) {
    const name = place.dataset.status;
    place.textContent = name === "appeals" ? appeals : counts[name];
  }
  title();
}

function title() {
  const waiting = document.querySelector('.tabs [data-status="pending"]');
  const plain = document.title.replace(/^\(\d+\) /, "");
  document.title = waiting && waiting.textContent !== "0" ? `(${waiting.textContent}) ${plain}` : plain;
}

export async function refreshCounts() {
  const place = document.querySelector("[data-counts]");
  if (!place) return;
  const response = await fetch(place.dataset.counts, { headers: etag ? { "If-None-Match": etag } : {} });
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
  title();
  let timer = 0;
  const tick = async () => {
    try {
      await refreshCounts();
    } catch {
      // The service is away; the next look may find it again.
    }
    timer = document.hidden ? 0 : setTimeout(tick, EVERY_MS);
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !timer) tick();
  });
  timer = setTimeout(tick, EVERY_MS);
}
