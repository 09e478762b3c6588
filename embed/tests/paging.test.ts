// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { CommentThread } from "../src/thread";
import { announced, drawThread, find, serveThread, showThread, type DrawnThread } from "./support/page";
import { FakeService } from "./support/service";
import { until } from "./support/until";

const ROUTE = "GET /embed/v1/comments";
let service: FakeService;
const pages: Record<string, DrawnThread> = {
  "": { comments: [{ id: 1, moreReplies: "r1" }, { id: 2 }], more: "p2", count: 7 },
  p2: { comments: [{ id: 2 }, { id: 3 }], more: "p3", count: 7 },
  p3: { comments: [{ id: 4 }], count: 7 },
  r1: {
    comments: [
      { id: 11, parent: 1 },
      { id: 12, parent: 1 },
    ],
    more: "r2",
    count: 7,
  },
  r2: { comments: [{ id: 13, parent: 1 }], count: 7 },
};

beforeEach(() => {
  service = new FakeService().install();
  serveThread(service, {});
  service.on(ROUTE, ({ query }) => ({ body: drawThread(pages[query.get("cursor") ?? ""]) }));
});

afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
  localStorage.clear();
  location.hash = "";
});

const ids = (thread: CommentThread): string[] =>
  [...thread.root.querySelectorAll(".comments > .comment")].map((item) => item.id.slice("comment-".length));
const cursors = (): (string | null)[] => service.sent(ROUTE).map(({ query }) => query.get("cursor"));

it("loads the next page without those that are there, and says how many comments are not loaded", async () => {
  const thread = await showThread();
  find(thread, ".thread > .more").click();
  await until(() => expect(ids(thread)).toEqual(["1", "2", "3"]));
  await until(() => expect(find(thread, ".thread > .more").textContent).toBe("Show 4 more comments"));
  expect(thread.root.activeElement?.id).toBe("comment-3");
  find(thread, ".thread > .more").click();
  await until(() => expect(thread.root.querySelector(".thread > .more")).toBeNull());
  expect(ids(thread)).toEqual(["1", "2", "3", "4"]);
});

it("puts further replies below their parent", async () => {
  const thread = await showThread();
  find(thread, ".more-replies").click();
  await until(() => expect(find(thread, ".more-replies").dataset["cursor"]).toBe("r2"));
  find(thread, ".more-replies").click();
  await until(() => expect(thread.root.querySelector(".more-replies")).toBeNull());
  const replies = [...thread.root.querySelectorAll("#comment-1 > .replies > .comment")].map(({ id }) => id);
  expect(replies).toEqual(["comment-11", "comment-12", "comment-13"]);
});

it("loads pages until the comment of a link is there", async () => {
  service.on("GET /api/v1/comments/4", { body: { id: 4 } });
  location.hash = "#comment-4";
  const thread = await showThread();
  await until(() => expect(thread.root.activeElement?.id).toBe("comment-4"));
  expect(cursors()).toEqual([null, "p2", "p3"]);
});

it("asks once for a comment that is gone, and loads no page for it", async () => {
  service.on("GET /api/v1/comments/99", { status: 404 });
  location.hash = "#comment-99";
  const thread = await showThread();
  const sentence = "This comment is no longer here. It may have been removed.";
  await until(() => expect(find(thread, ".note").textContent).toBe(sentence));
  expect(service.sent("GET /api/v1/comments/99")).toHaveLength(1);
  expect(cursors()).toEqual([null]);
});

it("ends at the last page for a comment that is nowhere", async () => {
  service.on("GET /api/v1/comments/99", { status: 503 });
  location.hash = "#comment-99";
  const thread = await showThread();
  await until(() => expect(thread.root.querySelector(".thread > .more")).toBeNull());
  expect(ids(thread)).toEqual(["1", "2", "3", "4"]);
});

it("says so when a page cannot be loaded, and keeps the link", async () => {
  const thread = await showThread();
  service.on(ROUTE, { status: 503 });
  find(thread, ".thread > .more").click();
  await until(() => expect(announced(thread)).toBe("The comments could not be loaded."));
  expect(find(thread, ".thread > .more").classList.contains("is-busy")).toBe(false);
});
