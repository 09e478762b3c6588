// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { CommentThread } from "../src/thread";
import { drawThread, find, serveThread, showThread, type DrawnComment, type DrawnThread } from "./support/page";
import { FakeService } from "./support/service";
import { until } from "./support/until";

const POLL_MS = 15_000;
let service: FakeService;

beforeEach(() => {
  // Only the poller's wait is longer than a moment; the thread draws by timers of no length.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
  service = new FakeService().install();
  serveThread(service, { comments: [{ id: 1 }, { id: 2 }] });
});

afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  localStorage.clear();
});

/** Others have written: the service has another page from now on, and the thread notices it. */
async function change(thread: CommentThread, page: DrawnThread, newest: DrawnComment[] = []): Promise<void> {
  service.on("HEAD /embed/v1/comments", { etag: '"2"' }).on("GET /embed/v1/comments", ({ query }) => ({
    body: drawThread(query.get("sort") === "newest" && thread.order !== "newest" ? { comments: newest } : page),
  }));
  await vi.advanceTimersByTimeAsync(POLL_MS);
}

const button = (thread: CommentThread): Promise<HTMLElement> => until(() => find(thread, ".news button"));
const ids = (thread: CommentThread, list = ".comments"): string[] =>
  [...thread.root.querySelectorAll(`${list} > .comment`)].map(({ id }) => id.slice("comment-".length));

it("offers what is new and moves nothing before the reader asks for it", async () => {
  const thread = await showThread();
  await change(thread, { comments: [{ id: 1 }, { id: 2 }, { id: 4 }], count: 5 }, [{ id: 5 }, { id: 4 }]);
  expect((await button(thread)).textContent).toBe("2 new comments: show");
  expect(ids(thread)).toEqual(["1", "2"]);
  expect(thread.count).toBe(2);
  (await button(thread)).click();
  expect(ids(thread)).toEqual(["1", "2", "4", "5"]);
  expect(thread.count).toBe(5);
  expect(find(thread, ".heading").textContent).toBe("5 thoughts on “A page”");
  expect(thread.root.activeElement?.id).toBe("comment-4");
  expect(thread.root.querySelector(".news button")).toBeNull();
});

it("inserts a reply at its parent, and one to a new comment together with it", async () => {
  const thread = await showThread();
  const written = [{ id: 1, replies: [{ id: 6, parent: 1 }] }, { id: 2 }, { id: 4, replies: [{ id: 5, parent: 4 }] }];
  await change(thread, { comments: written, count: 5 });
  (await button(thread)).click();
  expect(ids(thread)).toEqual(["1", "2", "4"]);
  expect(ids(thread, "#comment-4 > .replies")).toEqual(["5"]);
  expect(ids(thread, "#comment-1 > .replies")).toEqual(["6"]);
});

it("puts the newest first where the reader reads them so", async () => {
  const thread = await showThread({ sort: "newest" });
  await change(thread, { comments: [{ id: 5 }, { id: 4 }, { id: 2 }, { id: 1 }], count: 4 });
  (await button(thread)).click();
  expect(ids(thread)).toEqual(["5", "4", "1", "2"]);
  expect(thread.root.activeElement?.id).toBe("comment-5");
});

it("only corrects the number when a comment is gone", async () => {
  const thread = await showThread();
  await change(thread, { comments: [{ id: 1 }], count: 1 });
  await until(() => expect(thread.count).toBe(1));
  expect(thread.root.querySelector(".news button")).toBeNull();
  expect(ids(thread)).toEqual(["1", "2"]);
});
