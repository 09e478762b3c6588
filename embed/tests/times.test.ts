// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { showTimes } from "../src/times";

beforeEach(() => void vi.useFakeTimers({ now: new Date("2026-11-24T12:00:00Z") }));
afterEach(() => void vi.useRealTimers());

function told(at: string, lang = "en"): HTMLTimeElement {
  const place = document.createElement("p");
  place.innerHTML = `<time datetime="${at}">as the server says it</time>`;
  showTimes(place, lang);
  return place.querySelector("time")!;
}

it.each([
  ["2026-11-24T11:59:58Z", "2 seconds ago"],
  ["2026-11-24T11:57:30Z", "2 minutes ago"],
  ["2026-11-24T09:01:00Z", "2 hours ago"],
  ["2026-11-23T11:00:00Z", "yesterday"],
  ["2026-11-04T12:00:00Z", "20 days ago"],
  ["2026-09-01T12:00:00Z", "September 1, 2026"],
  ["2026-11-24T12:00:05Z", "now"], // a clock that is ahead
])("says %s as %s", (at, words) => {
  expect(told(at).textContent).toBe(words);
});

it("keeps the exact time at hand, in the language asked for", () => {
  expect(told("2026-11-24T11:57:30Z").title).toContain("November 24, 2026");
  expect(told("2026-11-24T11:57:30Z", "de").textContent).toBe("vor 2 Minuten");
});
