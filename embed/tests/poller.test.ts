// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Poller } from "../src/poller";
import { BASE, FakeService } from "./support/service";

const ROUTE = "HEAD /embed/v1/comments";
let service: FakeService;
let poller: Poller;
let isHidden: boolean;
let changes: number;

beforeEach(() => {
  vi.useFakeTimers();
  isHidden = false;
  changes = 0;
  vi.spyOn(document, "hidden", "get").mockImplementation(() => isHidden);
  service = new FakeService().on(ROUTE, { etag: '"1"' }).install();
  poller = new Poller(
    () => `${BASE}/embed/v1/comments?site=blog`,
    '"1"',
    () => {
      changes++;
      return Promise.resolve();
    },
  );
});

afterEach(() => {
  poller.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const requestsAfter = async (seconds: number): Promise<number> => {
  await vi.advanceTimersByTimeAsync(seconds * 1000);
  return service.sent(ROUTE).length;
};

function setHidden(hidden: boolean): void {
  isHidden = hidden;
  document.dispatchEvent(new Event("visibilitychange"));
}

it("asks after a second, then after 22 seconds, and then half as long again each time, up to five minutes", async () => {
  expect(await requestsAfter(1)).toBe(1);
  expect(await requestsAfter(22)).toBe(1);
  expect(await requestsAfter(1)).toBe(2); // 22.5 s
  await vi.advanceTimersByTimeAsync(3600_000);
  const before = service.requests.length;
  expect(await requestsAfter(300)).toBe(before + 1);
  expect(changes).toBe(0);
});

it("tells of a new ETag once, and asks often again", async () => {
  await vi.advanceTimersByTimeAsync(15_000 + 22_500);
  service.on(ROUTE, { etag: '"2"' });
  await vi.advanceTimersByTimeAsync(33_750);
  expect(changes).toBe(1);
  const before = service.requests.length;
  expect(await requestsAfter(15)).toBe(before + 1);
  expect(changes).toBe(1);
});

it("tells of no change when the service refuses or does not answer", async () => {
  service.on(ROUTE, { status: 503, etag: '"error"' });
  expect(await requestsAfter(15)).toBe(1);
  service.on(ROUTE, null);
  expect(await requestsAfter(23)).toBe(2);
  expect(changes).toBe(0);
  service.on(ROUTE, { etag: '"2"' });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(changes).toBe(1);
});

it("asks nothing in a hidden tab, and one second after it is shown again", async () => {
  setHidden(true);
  expect(await requestsAfter(3600)).toBe(0);
  setHidden(false);
  expect(await requestsAfter(1)).toBe(1);
});

it("asks nothing more when the tab is hidden during a request", async () => {
  service.on(ROUTE, () => {
    isHidden = true; // without the event, which stops what is planned by itself
    return { etag: '"1"' };
  });
  expect(await requestsAfter(3600)).toBe(1);
});

it("asks nothing once it is stopped", async () => {
  poller.stop();
  expect(await requestsAfter(3600)).toBe(0);
  setHidden(false);
  expect(await requestsAfter(3600)).toBe(0);
});
