// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { CommentThread } from "../src/thread";
import { installLocks } from "./support/locks";
import { announced, drawComment, find, serveThread, showThread, type DrawnThread } from "./support/page";
import { FakeService, problem, type Sent } from "./support/service";
import { until } from "./support/until";

const POST = "POST /api/v1/comments";
let service: FakeService;
let thread: CommentThread;

beforeEach(() => {
  installLocks();
  service = new FakeService()
    .on(POST, { status: 201, body: { id: 9, status: "approved", reason: null, body: "Hello", edit_token: "e9" } })
    .on("GET /embed/v1/comment", ({ query }) => ({ body: drawComment({ id: Number(query.get("id")) }) }))
    .install();
});

afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  localStorage.clear();
});

/** Show a thread with its form in use; `reply` answers a comment. */
async function open(drawn: DrawnThread = {}, reply?: number): Promise<void> {
  serveThread(service, { comments: [{ id: 1 }, { id: 2 }], ...drawn });
  thread = await showThread({ title: "A post", url: "https://blog.test/post/" });
  await thread.reply(reply);
  await until(() => find(thread, ".toolbar"));
}

function type(selector: string, value: string): void {
  const field = find<HTMLInputElement>(thread, selector);
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function fillIn(body = "Hello"): void {
  type("#respond-body", body);
  type("#respond-name", "Carol");
  type("#respond-email", "c@example.org");
}

const send = (): void => find(thread, ".send").click();
const area = (): HTMLTextAreaElement => find<HTMLTextAreaElement>(thread, "#respond-body");
const trouble = (): string => find(thread, ".trouble").textContent;
const posted = (): Sent[] => service.sent(POST);
const isIdle = (): void => expect(find(thread, ".send").getAttribute("aria-disabled")).toBe("false");

function keepAccount(expires_in_s = 600, profile: object = {}): void {
  const until = Date.now() + expires_in_s * 1000;
  const account = { name: "Ann", provider: "github", avatar: null, access: "a1", refresh: "r1", until, ...profile };
  localStorage.setItem("commentsvc:account:blog", JSON.stringify(account));
  service.on("GET /api/v1/viewer", { body: { account, pending: [], votes: {} } });
}

it("sends what a guest has written, shows the comment and empties the form", async () => {
  const events: unknown[] = [];
  await open();
  thread.addEventListener("comment-posted", (event) => events.push((event as CustomEvent).detail));
  fillIn();
  send();
  await until(() => find(thread, "#comment-9"));
  await until(isIdle);
  expect(posted()[0]!.body).toMatchObject({
    site: "blog",
    thread: "/a",
    url: "https://blog.test/post/",
    title: "A post",
    parent_id: null,
    body: "Hello",
    author: { name: "Carol", email: "c@example.org", website: "" },
    elapsed_ms: expect.any(Number) as number,
  });
  expect(posted()[0]!.body).not.toHaveProperty("trap");
  expect(announced(thread)).toBe("Your comment is published.");
  expect(events).toEqual([{ id: 9, status: "approved" }]);
  expect(area().value).toBe("");
  expect(thread.count).toBe(3);
  expect(service.sent("GET /embed/v1/comment").at(-1)!.headers["x-edit-token"]).toBe("e9");
});

it.each([true, false])("offers mail to an account only where it has an address (%s)", async (has_email) => {
  keepAccount(600, { has_email });
  await open();
  const notify = find(thread, ".notify");
  expect(notify.hidden).toBe(!has_email);
  service.on("POST /auth/revoke", { status: 204 });
  find(thread, "[part=log-out]").click();
  await until(() => find(thread, "[data-way=github]"));
  expect(notify.hidden).toBe(false);
});

it("learns from the service that an account has no address", async () => {
  keepAccount();
  const account = { name: "Ann", provider: "github", avatar: null, has_email: false };
  service.on("GET /api/v1/viewer", { body: { account, pending: [], votes: {} } });
  await open();
  await until(() => expect(find(thread, ".notify").hidden).toBe(true));
});

it("names each empty field beside it, and focuses the first", async () => {
  await open();
  for (const name of ["name", "email"]) find<HTMLInputElement>(thread, `#respond-${name}`).value = "";
  send();
  await until(() => expect(find(thread, "#respond-body-problem").textContent).toBe("Please write your comment first."));
  expect(find(thread, "#respond-name-problem").textContent).toBe("Enter your name.");
  expect(find(thread, "#respond-email-problem").textContent).toBe("Enter your email address.");
  expect(area().getAttribute("aria-describedby")).toBe("respond-body-problem");
  expect(thread.root.activeElement).toBe(area());
  expect(posted()).toEqual([]);
});

it("shows the service's problems beside their fields, and others above the button", async () => {
  const errors = [
    { field: "author.email", message: "Not an address." },
    { field: "url", message: "Not a page." },
  ];
  service.on(POST, { status: 422, body: { detail: "Please check.", errors } });
  await open();
  fillIn();
  send();
  await until(() => expect(find(thread, "#respond-email-problem").textContent).toBe("Not an address."));
  expect(trouble()).toBe("Not a page.");
  expect(thread.root.activeElement?.id).toBe("respond-email");
  expect(area().value).toBe("Hello");
  expect(area().hasAttribute("aria-invalid")).toBe(false);
});

it("remembers a guest only where that is ticked", async () => {
  await open();
  fillIn();
  send();
  await until(() => find(thread, "#comment-9"));
  expect(localStorage.getItem("commentsvc:guest")).toBeNull();
  type("#respond-body", "Again");
  find<HTMLInputElement>(thread, "#respond-save").checked = true;
  send();
  await until(() => expect(posted()).toHaveLength(2));
  expect(localStorage.getItem("commentsvc:guest")).toContain("Carol");
});

it("keeps a draft for each comment that is replied to, and moves there", async () => {
  await open({}, 1);
  expect(find(thread, "#respond-heading").textContent).toBe("Reply to Carol");
  type("#respond-body", "to one");
  find(thread, "#comment-2 .reply").click();
  await until(() => find(thread, "#comment-2 > article + .respond"));
  expect(area().value).toBe("");
  find(thread, "#comment-1 .reply").click();
  await until(() => expect(area().value).toBe("to one"));
  area().dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  expect(find(thread, ".home > .respond #respond-heading").textContent).toBe("Leave a Reply");
  expect(thread.root.activeElement).toBe(find(thread, "#comment-1 .reply"));
});

it("sends a reply to its parent and inserts it there", async () => {
  await open({}, 1);
  fillIn();
  area().dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }));
  await until(() => find(thread, "#comment-1 > .replies > #comment-9"));
  expect(posted()[0]!.body).toMatchObject({ parent_id: 1 });
});

it("leaves the text and the place of a reader who has gone on writing meanwhile", async () => {
  let release: () => void = () => undefined;
  const isReleased = new Promise<void>((resolve) => (release = resolve));
  service.on(POST, async () => {
    await isReleased;
    return { status: 201, body: { id: 9, status: "approved", reason: null, body: "Hello" } };
  });
  await open();
  fillIn();
  send();
  await until(() => expect(find(thread, ".send").textContent).toBe("Posting…"));
  type("#respond-body", "Hello, and more");
  find(thread, "#comment-2 .reply").click();
  await until(() => find(thread, "#comment-2 > article + .respond"));
  release();
  await until(() => find(thread, "#comment-9"));
  expect(find(thread, "#comment-2 > article + .respond").isConnected).toBe(true);
  expect(localStorage.getItem("commentsvc:draft:blog:/a:")).toContain("Hello, and more");
});

it("sends again by itself with the same key when the service was away", async () => {
  await open();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  service.on(POST, { status: 503 }).on("GET /embed/v1/may-write", { body: { may_write: true } });
  fillIn();
  send();
  await until(() => expect(trouble()).toContain("Trying again in 5 seconds…"));
  expect(trouble()).toContain("Your comment could not be sent. Your text is kept.");
  service.on(POST, { status: 201, body: { id: 9, status: "pending", reason: "It has links.", body: "Hello" } });
  await vi.advanceTimersByTimeAsync(5000);
  await until(() => expect(announced(thread)).toBe("Your comment is awaiting moderation. It has links."));
  expect(posted()[1]!.headers["idempotency-key"]).toBe(posted()[0]!.headers["idempotency-key"]);
  expect(trouble()).toBe("");
});

it("tells a page of another origin that it may not write, and its owner in the console", async () => {
  const console_ = vi.spyOn(console, "error").mockImplementation(() => undefined);
  await open();
  service.on(POST, null).on("GET /embed/v1/may-write", {
    body: { may_write: false, main_origin: "https://blog.example" },
  });
  fillIn();
  send();
  await until(() => expect(trouble()).toContain(location.origin));
  expect(console_).toHaveBeenCalledOnce();
  expect(console_.mock.calls[0]![0]).toContain("which is at https://blog.example. Add it under “Allowed domains”");
  expect(console_.mock.calls[0]![0]).toContain("commentsvc site set blog lists all origins");
});

it("sends a comment that would be held only after its author has confirmed", async () => {
  service.on(POST, problem(409, "nudge", { reasons: [{ sentence: "It has a word.", match: "viagra" }] }));
  await open();
  fillIn();
  send();
  await until(() => find(thread, ".trouble .send-anyway"));
  expect(find(thread, ".trouble li").textContent).toBe("It has a word. viagra");
  find(thread, ".send-anyway").click();
  await until(() => expect(posted()).toHaveLength(2));
  expect(posted().map(({ body }) => (body as { send_anyway?: boolean }).send_anyway)).toEqual([undefined, true]);
});

it("sends on after the author has acknowledged a warning", async () => {
  service
    .on(POST, problem(403, "warned", { sanction: { id: 4, token: "t" } }))
    .on("POST /api/v1/sanctions/acknowledge", { status: 204 });
  await open();
  fillIn();
  send();
  await until(() => find(thread, ".trouble .send-anyway"));
  find(thread, ".send-anyway").click();
  await until(() => expect(posted()).toHaveLength(2));
  expect(service.sent("POST /api/v1/sanctions/acknowledge")[0]!.body).toEqual({
    site: "blog",
    sanction: 4,
    token: "t",
  });
});

it("asks a guest to sign in where a site takes no guests", async () => {
  await open({ guests: false });
  type("#respond-body", "Hello");
  send();
  await until(() => expect(trouble()).toBe("Please sign in to comment here. Your text is kept."));
  expect(thread.root.activeElement).toBe(find(thread, "[data-way=github]"));
  expect(posted()).toEqual([]);
});

it("sends with the token of the account that is signed in, and hides the fields for guests", async () => {
  keepAccount();
  await open();
  expect(find(thread, ".identity").textContent).toContain("You are commenting using your GitHub account.");
  expect(find(thread, ".guest").hidden).toBe(true);
  type("#respond-body", "Hello");
  send();
  await until(() => expect(posted()).toHaveLength(1));
  expect(posted()[0]!.headers["authorization"]).toBe("Bearer a1");
  expect(posted()[0]!.body).not.toHaveProperty("author");
});

it("asks to sign in again when the token is refused, and keeps the text", async () => {
  keepAccount();
  service.on(POST, problem(401, "signed-out"));
  await open();
  type("#respond-body", "Hello");
  send();
  await until(() => expect(trouble()).toContain("You have been signed out."));
  expect(find(thread, ".guest").hidden).toBe(false);
  expect(area().value).toBe("Hello");
});

it("shows the ways to sign in again after one was canceled, with the focus on the one that was chosen", async () => {
  vi.stubGlobal("open", () => ({ location: { replace: () => undefined }, close: () => undefined }));
  await open({
    ways: [
      ["github", "GitHub"],
      ["email", "Email"],
    ],
  });
  find(thread, "[data-way=email]").click();
  await until(() => expect(find(thread, ".connecting").textContent).toContain("Connecting to Email…"));
  find(thread, ".cancel-signin").click();
  await until(() => expect(thread.root.activeElement).toBe(find(thread, "[data-way=email]")));
});

it("counts the characters left near the end, by code points", async () => {
  await open({ max: 100 });
  type("#respond-body", "x".repeat(90));
  expect(find(thread, ".counter").textContent).toBe("");
  type("#respond-body", "🙂".repeat(95));
  expect(find(thread, ".counter").textContent).toBe("5 characters left");
  type("#respond-body", "x".repeat(101));
  expect(find(thread, ".counter").classList.contains("is-over")).toBe(true);
});

it("shows a preview of what the service would make of the text", async () => {
  service.on("POST /api/v1/preview", { body: '<div class="body"><p><b>Hi</b></p></div>' });
  await open();
  type("#respond-body", "**Hi**");
  find(thread, ".look").click();
  await until(() => expect(find(thread, ".preview b").textContent).toBe("Hi"));
  expect(area().hidden).toBe(true);
  expect(service.sent("POST /api/v1/preview")[0]!.body).toEqual({ site: "blog", body: "**Hi**" });
  find(thread, ".look").click();
  expect(area().hidden).toBe(false);
});
