// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { drawDesk, installService } from "./desk.js";

const COUNTS = "/dashboard/blog/counts";
let service;
let counts; // loaded anew for each test: the module remembers the last ETag
let isHidden;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  isHidden = false;
  vi.spyOn(document, "hidden", "get").mockImplementation(() => isHidden);
  service = installService();
  service.on(COUNTS, { body: { counts: { pending: 7, spam: 2 }, appeals: 1, new: 0 }, etag: '"1"' });
  drawDesk();
  vi.resetModules();
  counts = await import("../../../commentsvc/web/static/desk-counts.js");
});

afterEach(() => {
  isHidden = true; // the next tick is the last one
  vi.runOnlyPendingTimers();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

const tab = (status) => document.querySelector(`[data-status=${status}]`).textContent;

it("shows the numbers beside the tabs and the pending ones in the title", async () => {
  counts.watchCounts();
  expect(document.title).toBe("(3) Pending");
  await vi.advanceTimersByTimeAsync(5000);
  expect([tab("pending"), tab("spam"), tab("appeals"), document.title]).toEqual(["7", "2", "1", "(7) Pending"]);
  service.on(COUNTS, { body: { counts: { pending: 0, spam: 2 }, appeals: 1, new: 0 } });
  await vi.advanceTimersByTimeAsync(5000);
  expect(document.title).toBe("Pending");
});

it.each([
  [2, "View 2 new"],
  [100, "View 100 or more new"],
])("offers %i new comments and leaves the list alone", async (arrived, words) => {
  service.on(COUNTS, { body: { counts: { pending: 7, spam: 2 }, appeals: 1, new: arrived } });
  await counts.refreshCounts();
  expect(document.querySelector(".arrived").hidden).toBe(false);
  expect(document.querySelector(".arrived a").textContent).toBe(words);
  expect(document.querySelectorAll(".card")).toHaveLength(3);
});

it("asks with the last ETag, and keeps the numbers when nothing has changed", async () => {
  await counts.refreshCounts();
  service.on(COUNTS, { status: 304, body: "" });
  await counts.refreshCounts();
  expect(service.sent(COUNTS).map(({ headers }) => headers)).toEqual([{}, { "If-None-Match": '"1"' }]);
  expect(tab("pending")).toBe("7");
});

it("goes on asking after the service was away", async () => {
  counts.watchCounts();
  service.on(COUNTS, undefined);
  await vi.advanceTimersByTimeAsync(5000);
  expect(tab("pending")).toBe("3");
  service.on(COUNTS, { body: { counts: { pending: 9, spam: 2 }, appeals: 1, new: 0 } });
  await vi.advanceTimersByTimeAsync(5000);
  expect(tab("pending")).toBe("9");
});

it("asks nothing in a hidden tab, and at once when it is shown again", async () => {
  counts.watchCounts();
  isHidden = true;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(service.sent(COUNTS)).toHaveLength(1);
  isHidden = false;
  document.dispatchEvent(new Event("visibilitychange"));
  expect(service.sent(COUNTS)).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(0);
});
