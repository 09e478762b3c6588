// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { CommentThread } from "../src/thread";
import { installLocks } from "./support/locks";
import { announced, find, serveThread, showThread } from "./support/page";
import { FakeService, problem, type Reply } from "./support/service";
import { until } from "./support/until";

const VOTE = "PUT /api/v1/comments/1/vote";
let service: FakeService;
let thread: CommentThread;

beforeEach(() => {
  installLocks();
  service = new FakeService().install();
  serveThread(service, {
    comments: [
      { id: 1, author: "Ann", by: 5, score: 3 },
      { id: 2, author: "Bob", by: 6 },
    ],
  });
});

afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  localStorage.clear();
  location.hash = "";
});

async function open({
  isSignedIn = true,
  votes = {},
}: { isSignedIn?: boolean; votes?: Record<string, number> } = {}): Promise<void> {
  if (isSignedIn) {
    const until = Date.now() + 600_000;
    const account = { name: "Carol", provider: "github", avatar: null, access: "a1", refresh: "r1", until };
    localStorage.setItem("commentsvc:account:blog", JSON.stringify(account));
    service.on("GET /api/v1/viewer", { body: { account, pending: [], votes } });
  }
  thread = await showThread();
}

const up = (): HTMLElement => find(thread, "#comment-1 [data-value='1']");
const down = (): HTMLElement => find(thread, "#comment-1 [data-value='-1']");
const shown = (): [string, string | null, string | null] => [
  find(thread, "#comment-1 .score").textContent,
  up().getAttribute("aria-pressed"),
  down().getAttribute("aria-pressed"),
];

/** A reply that is given when the returned function is called. */
function held(route: string, reply: Reply): () => void {
  let release: () => void = () => undefined;
  const isReleased = new Promise<void>((resolve) => (release = resolve));
  service.on(route, () => isReleased.then(() => reply));
  return release;
}

async function openMenu(id = 1): Promise<HTMLElement[]> {
  find(thread, `#comment-${id} .menu`).click();
  await until(() => find(thread, ".menu-list"));
  return [...find(thread, ".menu-list").querySelectorAll("button")];
}

it("shows a vote at once, and then the score that the service gives", async () => {
  await open();
  const release = held(VOTE, { body: { score: 8 } });
  up().click();
  await until(() => expect(shown()).toEqual(["4", "true", "false"]));
  release();
  await until(() => expect(shown()).toEqual(["8", "true", "false"]));
  expect(service.sent(VOTE)[0]).toMatchObject({ body: { value: 1 }, headers: { authorization: "Bearer a1" } });
});

it("takes a vote back when it is pressed again, and turns it round", async () => {
  await open({ votes: { 1: 1 } });
  service.on(VOTE, ({ body }) => ({ body: { score: 2 + (body as { value: number }).value } }));
  await until(() => expect(shown()).toEqual(["3", "true", "false"]));
  up().click();
  await until(() => expect(shown()).toEqual(["2", "false", "false"]));
  up().click();
  await until(() => expect(shown()).toEqual(["3", "true", "false"]));
  down().click();
  await until(() => expect(shown()).toEqual(["1", "false", "true"]));
  expect(service.sent(VOTE).map(({ body }) => body)).toEqual([{ value: 0 }, { value: 1 }, { value: -1 }]);
});

it("undoes what it showed when the service refuses the vote", async () => {
  await open();
  service.on(VOTE, problem(403, "own-comment"));
  up().click();
  await until(() => expect(announced(thread)).toBe("refused: own-comment"));
  expect(shown()).toEqual(["3", "false", "false"]);
});

it("asks somebody who is not signed in to sign in, and sends no vote", async () => {
  await open({ isSignedIn: false });
  up().click();
  await until(() => expect(find(thread, ".trouble").textContent).toBe("Please sign in to vote."));
  expect(shown()).toEqual(["3", "false", "false"]);
  expect(service.sent(VOTE)).toEqual([]);
});

it("forgets an account whose token is refused", async () => {
  await open();
  service.on(VOTE, problem(401, "signed-out"));
  up().click();
  await until(() => expect(find(thread, ".trouble").textContent).toBe("Please sign in to vote."));
  expect(localStorage.getItem("commentsvc:account:blog")).toBeNull();
});

it("opens one menu at a time, and moves through it by the arrow keys", async () => {
  await open({ isSignedIn: false });
  const entries = await openMenu();
  const press = (key: string): void => {
    thread.root.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  };
  expect(thread.root.activeElement).toBe(entries[0]);
  press("ArrowDown");
  expect(thread.root.activeElement).toBe(entries[1]);
  press("End");
  expect(thread.root.activeElement).toBe(entries[2]);
  press("ArrowDown");
  expect(thread.root.activeElement).toBe(entries[0]);
  find(thread, "#comment-2 .menu").click();
  await until(() => find(thread, "#comment-2 .menu-list"));
  expect(thread.root.querySelectorAll(".menu-list")).toHaveLength(1);
  press("Escape");
  expect(thread.root.querySelector(".menu-list")).toBeNull();
  expect(thread.root.activeElement).toBe(find(thread, "#comment-2 .menu"));
  expect(find(thread, "#comment-2 .menu").getAttribute("aria-expanded")).toBe("false");
});

it("copies the link, or puts it into the address bar where the clipboard is not allowed", async () => {
  await open({ isSignedIn: false });
  const write = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValueOnce();
  (await openMenu())[0]!.click();
  await until(() => expect(announced(thread)).toBe("The link is copied."));
  expect(write).toHaveBeenCalledWith(expect.stringMatching(/#comment-1$/));
  write.mockRejectedValueOnce(new DOMException("no", "NotAllowedError"));
  (await openMenu(2))[0]!.click();
  await until(() => expect(announced(thread)).toBe("The link is in the address bar."));
  expect(location.hash).toBe("#comment-2");
});

it("hides the comments of one author until the reader shows them again", async () => {
  await open({ isSignedIn: false });
  const entries = await openMenu();
  expect(entries[2]!.textContent).toBe("Hide comments by Ann");
  entries[2]!.click();
  expect(find(thread, "#comment-1").classList.contains("is-hidden")).toBe(true);
  expect(find(thread, "#comment-2").classList.contains("is-hidden")).toBe(false);
  await thread.reload();
  await until(() => find(thread, "#comment-1.is-hidden .uncover"));
  find(thread, ".uncover").click();
  await until(() => expect(find(thread, "#comment-1").classList.contains("is-hidden")).toBe(false));
  expect(localStorage.getItem("commentsvc:hidden:blog")).toBeNull();
});

it("reports a comment with a reason, and keeps the dialog open while the service refuses", async () => {
  await open({ isSignedIn: false });
  const FLAG = "POST /api/v1/comments/1/flag";
  service.on(FLAG, problem(429, "too-many"));
  (await openMenu())[1]!.click();
  const dialog = find<HTMLDialogElement>(thread, "dialog");
  find<HTMLInputElement>(thread, "dialog input[value=abuse]").checked = true;
  find<HTMLTextAreaElement>(thread, "dialog textarea").value = "  Look at line 2  ";
  find(thread, "dialog textarea").focus();
  find(thread, "dialog .send").click();
  await until(() => expect(find(thread, "dialog .trouble").textContent).toBe("refused: too-many"));
  expect(dialog.open).toBe(true);
  service.on(FLAG, { status: 204 });
  find(thread, "dialog .send").click();
  await until(() => expect(announced(thread)).toBe("Thank you. The moderators will look at it."));
  expect(thread.root.querySelector("dialog")).toBeNull();
  expect(service.sent(FLAG)[1]!.body).toEqual({ reason: "abuse", text: "Look at line 2" });
  expect(thread.root.activeElement).toBe(find(thread, "#comment-1 .menu"));
});
