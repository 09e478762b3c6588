// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { CommentThread } from "../src/thread";
import { announced, drawComment, find, serveThread, showThread, type DrawnComment } from "./support/page";
import { FakeService, problem } from "./support/service";
import { until } from "./support/until";

const NOW = new Date("2026-11-24T12:00:00Z");
const EARLIER: DrawnComment = { id: 1, createdAt: "2026-11-24T11:59:00Z", replies: [{ id: 2, parent: 1 }] };
let service: FakeService;
let thread: CommentThread;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ["Date", "setInterval", "clearInterval"] });
  localStorage.setItem("commentsvc:own:blog:/a", '[{"id": 1, "token": "t1"}]');
  service = new FakeService().install();
});

afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  localStorage.clear();
});

async function open(comments: DrawnComment[] = [EARLIER, { id: 3, createdAt: "2026-11-24T11:59:00Z" }]): Promise<void> {
  serveThread(service, { comments, edit: 300 });
  thread = await showThread();
}

const offered = (): Promise<HTMLElement> => until(() => find(thread, "#comment-1 > article > .own"));

it("offers to change one's own comments only, for as long as the site allows, and shows the time left", async () => {
  await open();
  const own = await offered();
  expect(thread.root.querySelector("#comment-3 .own")).toBeNull();
  expect(own.querySelector(".left")!.textContent).toBe("Editable for 4:00");
  vi.advanceTimersByTime(181_000);
  expect(own.querySelector(".left")!.textContent).toBe("Editable for 0:59");
  vi.advanceTimersByTime(58_000);
  expect(own.querySelector(".left")!.textContent).toBe("Editable for 0:01");
  vi.advanceTimersByTime(1000);
  expect(thread.root.querySelector(".own")).toBeNull();
});

it("shows a comment that waits for a moderator to its author", async () => {
  service.on("GET /embed/v1/comment", { body: drawComment({ id: 1, status: "pending" }) });
  await open([{ id: 3 }]);
  await until(() => find(thread, "#comment-1"));
  expect(service.sent("GET /embed/v1/comment")[0]!.headers["x-edit-token"]).toBe("t1");
});

it("forgets a comment that is gone", async () => {
  service.on("GET /embed/v1/comment", { status: 404 });
  await open([{ id: 3 }]);
  await until(() => expect(localStorage.getItem("commentsvc:own:blog:/a")).toBeNull());
});

it("changes a comment by its Markdown, and keeps its replies", async () => {
  const route = "/api/v1/comments/1";
  service
    .on(`GET ${route}`, { body: { id: 1, status: "approved", body: "**old**" } })
    .on(`PATCH ${route}`, problem(422, "invalid"))
    .on("GET /embed/v1/comment", { body: drawComment({ ...EARLIER, replies: [], author: "Edited" }) });
  await open();
  (await offered()).querySelector<HTMLElement>(".edit")!.click();
  const area = await until(() => find<HTMLTextAreaElement>(thread, ".edit-area"));
  expect(area.value).toBe("**old**");
  expect(find(thread, "#comment-1 > article > .body").hidden).toBe(true);
  area.value = "new";
  find(thread, ".editing .send").click();
  await until(() => expect(find(thread, ".editing .trouble").textContent).toBe("refused: invalid"));
  service.on(`PATCH ${route}`, { body: { id: 1, status: "pending", reason: "It has links.", body: "new" } });
  find(thread, ".editing .send").click();
  await until(() => expect(announced(thread)).toBe("Your comment is awaiting moderation. It has links."));
  expect(service.sent(`PATCH ${route}`)[1]).toMatchObject({ body: { body: "new" }, headers: { "x-edit-token": "t1" } });
  expect(find(thread, "#comment-1 .author").textContent).toBe("Edited");
  expect(find(thread, "#comment-1 > .replies > #comment-2").isConnected).toBe(true);
});

it("leaves the comment as it was on Escape", async () => {
  service.on("GET /api/v1/comments/1", { body: { id: 1, status: "approved", body: "old" } });
  await open();
  (await offered()).querySelector<HTMLElement>(".edit")!.click();
  const area = await until(() => find(thread, ".edit-area"));
  area.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  expect(thread.root.querySelector(".editing")).toBeNull();
  expect(find(thread, "#comment-1 > article > .body").hidden).toBe(false);
  expect(thread.root.activeElement).toBe(find(thread, ".own .edit"));
});

it("deletes at the second press only, and keeps the place of a comment with replies", async () => {
  service.on("DELETE /api/v1/comments/1", { status: 204 });
  await open();
  const remove = (await offered()).querySelector<HTMLElement>(".remove")!;
  remove.focus();
  remove.click();
  await until(() => expect(remove.textContent).toBe("Really delete?"));
  remove.blur();
  expect(remove.textContent).toBe("Delete");
  remove.click();
  await until(() => expect(remove.textContent).toBe("Really delete?"));
  expect(service.sent("DELETE /api/v1/comments/1")).toEqual([]);
  remove.click();
  await until(() => expect(announced(thread)).toBe("Your comment is deleted."));
  expect(find(thread, "#comment-1 > .gone").textContent).toBe("This comment was removed.");
  expect(find(thread, "#comment-1 > .replies > #comment-2").isConnected).toBe(true);
});

it("says why a comment was not deleted", async () => {
  service.on("DELETE /api/v1/comments/1", problem(403, "too-late"));
  await open();
  const remove = (await offered()).querySelector<HTMLElement>(".remove")!;
  remove.click();
  await until(() => expect(remove.textContent).toBe("Really delete?"));
  remove.click();
  await until(() => expect(announced(thread)).toBe("refused: too-late"));
  expect(find(thread, "#comment-1 > article").isConnected).toBe(true);
});
