// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CommentThread } from "../src/thread";
import { announced, drawThread, find, serveThread, showThread } from "./support/page";
import { FakeService } from "./support/service";
import { until } from "./support/until";

const ROUTE = "GET /embed/v1/comments";
let service: FakeService;
let observe: (entries: { isIntersecting: boolean }[]) => void;

beforeEach(() => {
  service = new FakeService().install();
  serveThread(service, { comments: [{ id: 1, replies: [{ id: 2, parent: 1 }] }, { id: 3 }], version: 7 });
  vi.stubGlobal(
    "IntersectionObserver",
    class {
      constructor(callback: typeof observe) {
        observe = callback;
      }
      observe(): void {}
      disconnect(): void {}
    },
  );
});

afterEach(() => {
  document.body.replaceChildren();
  document.head.replaceChildren();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  localStorage.clear();
  location.hash = "";
});

it("draws the comments with their replies, and tells the page", async () => {
  const details: unknown[] = [];
  document.addEventListener("comment-thread-loaded", (event) => details.push((event as CustomEvent).detail), {
    once: true,
  });
  const thread = await showThread({ sort: "top", lang: "de" });
  expect([...thread.root.querySelectorAll(".comment")].map((item) => item.id)).toEqual([
    "comment-1",
    "comment-2",
    "comment-3",
  ]);
  expect(details).toEqual([{ count: 2, version: 7 }]);
  expect(thread.count).toBe(2);
  expect(Object.fromEntries(service.sent(ROUTE)[0]!.query)).toEqual({
    site: "blog",
    thread: "/a",
    sort: "top",
    lang: "de",
  });
  await until(() => expect(thread.hasAttribute("aria-busy")).toBe(false));
});

it("loads nothing before the reader comes near", async () => {
  const thread = new CommentThread();
  thread.setAttribute("site", "blog");
  document.body.append(thread);
  observe([{ isIntersecting: false }]);
  await Promise.resolve(); // loading begins in a microtask
  expect(service.requests).toEqual([]);
  expect(thread.count).toBeNaN();
  await new Promise((resolve) => {
    thread.addEventListener("comment-thread-loaded", resolve);
    observe([{ isIntersecting: true }]);
  });
});

it("loads once for several attributes that are set together", async () => {
  const thread = await showThread();
  const isLoaded = new Promise((resolve) => thread.addEventListener("comment-thread-loaded", resolve));
  thread.setAttribute("thread", "/b");
  thread.setAttribute("sort", "newest");
  await isLoaded;
  expect(service.sent(ROUTE).map(({ query }) => [query.get("thread"), query.get("sort")])).toEqual([
    ["/a", "oldest"],
    ["/b", "newest"],
  ]);
});

it("takes thread, url and title from the page where the element names none", async () => {
  document.title = "A post";
  const link = document.createElement("link");
  link.rel = "canonical";
  link.href = "https://blog.test/post/#top";
  document.head.append(link);
  const thread = await showThread({ thread: "" });
  const canonical = "https://blog.test/post/#top";
  const url = location.origin + "/";
  expect(thread.page).toEqual({ site: "blog", thread: "/", url, canonical, title: "A post" });
  expect(Object.fromEntries(service.sent(ROUTE)[0]!.query)).toMatchObject({ thread: "/", canonical });
});

it.each([
  ["no site attribute", { site: " " }, "give the comment-thread element a site attribute"],
  ["an unknown site", { site: "nowhere" }, "there is no site “nowhere” here"],
])("tells the owner of %s, on the page and once in the console", async (_, attributes, sentence) => {
  const console_ = vi.spyOn(console, "error").mockImplementation(() => undefined);
  service.on(ROUTE, { status: 404 });
  const thread = new CommentThread();
  for (const [name, value] of Object.entries({ eager: "", ...attributes })) thread.setAttribute(name, value);
  document.body.append(thread);
  await until(() => expect(find(thread, ".failed").textContent).toContain(sentence));
  await thread.reload();
  expect(console_.mock.calls.map(([line]) => String(line))).toEqual([expect.stringContaining(sentence)]);
});

it("offers to try again and the hosted page when the service is away", async () => {
  service.on(ROUTE, null);
  const thread = new CommentThread();
  for (const [name, value] of [
    ["site", "blog"],
    ["thread", "/ü?x=1"],
    ["eager", ""],
  ] as const)
    thread.setAttribute(name, value);
  document.body.append(thread);
  await until(() => find(thread, ".failed"));
  expect(find<HTMLAnchorElement>(thread, ".failed a").href).toBe(
    "https://comments.test/t/blog?thread=%2F%C3%BC%3Fx%3D1",
  );
  serveThread(service, { comments: [{ id: 1 }] });
  find(thread, ".again").click();
  await until(() => find(thread, "#comment-1"));
});

it("remembers which replies are folded", async () => {
  const thread = await showThread();
  find(thread, "#comment-1 .fold").click();
  await until(() => expect(find(thread, "#comment-1").classList.contains("is-folded")).toBe(true));
  await thread.reload();
  expect(find(thread, "#comment-1 .fold").getAttribute("aria-expanded")).toBe("false");
  find(thread, "#comment-1 .fold").click();
  await until(() => expect(find(thread, "#comment-1").classList.contains("is-folded")).toBe(false));
  await thread.reload();
  expect(find(thread, "#comment-1").classList.contains("is-folded")).toBe(false);
});

it("goes to the comment in the page's address, and unfolds what hides it", async () => {
  localStorage.setItem("commentsvc:folded:blog", "[1]");
  location.hash = "#comment-2";
  const thread = await showThread();
  await until(() => expect(find(thread, "#comment-2").classList.contains("is-target")).toBe(true));
  expect(find(thread, "#comment-1").classList.contains("is-folded")).toBe(false);
  expect(thread.root.activeElement?.id).toBe("comment-2");
});

it("loads the code for acting only when it is needed", async () => {
  const load = vi.spyOn(CommentThread.config, "loadActions");
  const thread = await showThread();
  find(thread, "#comment-1 .body").click();
  expect(load).not.toHaveBeenCalled();
  find(thread, ".respond textarea").dispatchEvent(new FocusEvent("focusin", { bubbles: true, composed: true }));
  await vi.waitFor(() => expect(load).toHaveBeenCalledOnce());
});

it("says so when that code cannot be loaded, and tries again at the next click", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const load = vi.spyOn(CommentThread.config, "loadActions").mockRejectedValueOnce(new TypeError("network"));
  const thread = await showThread();
  await thread.reply(1);
  expect(announced(thread)).toBe("That did not work. Nothing is lost; please try again.");
  await thread.reply(1);
  expect(load).toHaveBeenCalledTimes(2);
  expect(find(thread, "#comment-1 > article + .respond").isConnected).toBe(true);
});

it("drops an answer that arrives after another thread has taken its place", async () => {
  let release: () => void = () => undefined;
  const isReleased = new Promise<void>((resolve) => (release = resolve));
  const late = drawThread({ comments: [{ id: 99 }] });
  const thread = await showThread();
  service.on(ROUTE, async ({ query }) => {
    if (query.get("thread") === "/slow") await isReleased;
    return { body: query.get("thread") === "/slow" ? late : drawThread({ comments: [{ id: 5 }] }) };
  });
  thread.setAttribute("thread", "/slow");
  await until(() => expect(service.sent(ROUTE)).toHaveLength(2));
  thread.setAttribute("thread", "/fast");
  await until(() => find(thread, "#comment-5"));
  release();
  await thread.reload();
  expect(thread.root.querySelector("#comment-99")).toBeNull();
});

it("lets no script, handler or style of an answer into the page", async () => {
  const body = drawThread({ comments: [{ id: 1, author: '<img src="x" onerror="alert(1)" style="color:red">' }] });
  service.on(ROUTE, { body: body.replace("<h2", "<script>alert(2)</script><h2") });
  const thread = await showThread();
  expect(thread.section.querySelector("script, [onerror], [style]")).toBeNull();
  expect(find(thread, "#comment-1 img").isConnected).toBe(true);
});
