// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Queue } from "../../../commentsvc/web/static/desk-queue.js";
import { byId, drawCard, drawDesk, installService, shownIds, toastText } from "./desk.js";
import { until } from "../support/until";

const DECIDE = "/dashboard/blog/decide";
const UNDO = "/dashboard/blog/undo";
const AWAY = "Couldn't reach the server. Nothing was changed. Try again in a moment.";
let service;
let queue;

beforeEach(() => {
  service = installService();
  service.on(DECIDE, ({ data }) => ({ body: { undo: `u${data.ids}`, said: `${data.action}: done` } }));
  service.on(UNDO, { body: { done: 1, left: 0, versions: {} } });
  queue = new Queue(drawDesk());
});

afterEach(() => {
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

const settled = () => queue.sending;
const select = (...ids) => {
  for (const id of ids) byId(id).querySelector("[name=ids]").checked = true;
  queue.showSelection();
};
const click = (id, name) => byId(id).querySelector(`.act-${name}`).click();

describe("a decision", () => {
  it("takes the card off the page at once, and sends what was seen", async () => {
    byId(2).querySelector("[name=note-2]").value = "a note";
    click(2, "approve");
    expect(shownIds()).toEqual([1, 3]);
    await settled();
    expect(service.sent(DECIDE)[0].data).toEqual({
      action: "approve",
      note: "a note",
      told: "",
      ids: "2",
      seen: "2:1",
      csrf_token: "csrf",
    });
    expect(toastText()).toBe("approve: done");
  });

  it("moves the focus to the next card, and to the one before at the end", async () => {
    byId(2).focus();
    click(2, "spam");
    expect(document.activeElement).toBe(byId(3));
    click(3, "spam");
    expect(document.activeElement).toBe(byId(1));
    click(1, "spam");
    expect(document.querySelector(".cleared").hidden).toBe(false);
    expect(document.activeElement).toBe(document.querySelector(".cleared a"));
    await settled();
  });

  it("puts the card back where it was when the service refuses, and says why", async () => {
    service.on(DECIDE, { body: { refused: "Not yours." } });
    click(2, "spam");
    await settled();
    expect(shownIds()).toEqual([1, 2, 3]);
    expect(toastText()).toBe("Not yours.");
    expect(document.querySelector(".toast [role=alert]")).not.toBeNull();
    expect(document.activeElement).toBe(byId(2));
    await queue.undo();
    expect(toastText()).toContain("Nothing to undo on this page.");
  });

  it.each([
    ["no answer", undefined, AWAY],
    ["a page of the proxy", { status: 502, body: "<h1>Bad gateway</h1>" }, AWAY],
    ["a sign-in page", { status: 400, body: "<h1>Sign in</h1>" }, "You may have been signed out."],
  ])("comes back after %s", async (_, reply, sentence) => {
    service.on(DECIDE, reply);
    click(1, "approve");
    await settled();
    expect(shownIds()).toEqual([1, 2, 3]);
    expect(toastText()).toContain(sentence);
  });

  it("loads a card again that somebody else has changed", async () => {
    service.on(DECIDE, { body: { refused: "Bob was faster.", slug: "changed-since" } });
    service.on("/dashboard/blog/card/2", { body: drawCard(2, 5) });
    click(2, "approve");
    await until(() => expect(byId(2).querySelector("[name=seen]").value).toBe("2:5"));
  });

  it("applies to all selected cards in one request", async () => {
    select(1, 3);
    expect(document.querySelector("[data-count]").textContent).toBe("2 selected:");
    document.querySelector(".bar [name=told]").value = "Thanks";
    document.querySelector(".bar .act-spam").click();
    expect(shownIds()).toEqual([2]);
    await settled();
    const { fields, data } = service.sent(DECIDE)[0];
    expect(fields.filter(([name]) => name === "ids").map(([, id]) => id)).toEqual(["1", "3"]);
    expect(data.told).toBe("Thanks");
  });

  it("leaves a form that must load a page to the browser", () => {
    const event = new SubmitEvent("submit", {
      cancelable: true,
      bubbles: true,
      submitter: byId(1).querySelector("[data-uphold]"),
    });
    queue.form.dispatchEvent(event);
    expect(event.defaultPrevented).toBe(false);
    expect(shownIds()).toEqual([1, 2, 3]);
  });
});

describe("undo", () => {
  it("takes back one decision after the other, the newest first", async () => {
    click(1, "approve");
    click(3, "spam");
    await settled();
    await queue.undo();
    expect(shownIds()).toEqual([2, 3]);
    await queue.undo();
    expect(shownIds()).toEqual([1, 2, 3]);
    expect(service.sent(UNDO).map(({ data }) => data.undo)).toEqual(["u3", "u1"]);
    expect(toastText()).toBe("Undone.");
  });

  it("does not overtake the decision that it undoes", async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    service.on(DECIDE, async () => {
      await held;
      return { body: { undo: "u1", said: "done" } };
    });
    click(1, "approve");
    const undone = queue.undo();
    await Promise.resolve();
    expect(service.sent(UNDO)).toEqual([]);
    release();
    await undone;
    expect(service.requests.filter(({ method }) => method === "POST").map(({ path }) => path)).toEqual([DECIDE, UNDO]);
    expect(shownIds()).toEqual([1, 2, 3]);
  });

  it("has nothing to undo when the decision on its way is refused", async () => {
    service.on(DECIDE, { body: { refused: "No." } });
    click(1, "approve");
    await queue.undo();
    expect(service.sent(UNDO)).toEqual([]);
    expect(toastText()).toContain("Nothing to undo on this page.");
  });

  it("restores the version that the comment has now, so that the next decision is not refused", async () => {
    service.on(UNDO, { body: { done: 1, left: 0, versions: { 1: 7 } } });
    click(1, "approve");
    await settled();
    await queue.undo();
    expect(byId(1).querySelector("[name=seen]").value).toBe("1:7");
  });

  it("goes on until a large decision is undone as a whole", async () => {
    const answers = [
      { done: 500, left: 20, undo: "b2", versions: {} },
      { done: 20, left: 0, undo: "b2", versions: {} },
    ];
    service.on(UNDO, () => ({ body: answers.shift() }));
    click(1, "approve");
    await settled();
    await queue.undo();
    expect(service.sent(UNDO).map(({ data }) => data.into)).toEqual([undefined, "b2"]);
    expect(toastText()).toBe("Undone: 520 comments.");
  });

  it("can be repeated when the service did not answer, and does not go on to the decision before", async () => {
    click(1, "approve");
    click(2, "spam");
    await settled();
    service.on(UNDO, undefined);
    await queue.undo();
    expect(toastText()).toBe(AWAY);
    service.on(UNDO, { body: { done: 1, left: 0, versions: {} } });
    await queue.undo();
    expect(shownIds()).toEqual([2, 3]);
    expect(service.sent(UNDO).map(({ data }) => data.undo)).toEqual(["u2", "u2"]);
  });

  it("changes nothing on the page when the service refuses it", async () => {
    click(1, "approve");
    await settled();
    service.on(UNDO, { body: { refused: "Too late." } });
    await queue.undo();
    expect(shownIds()).toEqual([2, 3]);
    expect(toastText()).toBe("Too late.");
  });
});

describe("all results", () => {
  const ALL = "/dashboard/blog/decide-all";

  beforeEach(() => {
    queue = new Queue(drawDesk({ more: "1" }));
    service.on("/dashboard/blog/matching", { body: { count: 1200, until: "2026-11-24" } });
  });

  const selectAllOnPage = () => {
    const all = document.querySelector("[data-all]");
    all.checked = true;
    all.dispatchEvent(new Event("change", { bubbles: true }));
  };

  it("can be selected once all on the page are", async () => {
    expect(document.querySelector("[data-every]").hidden).toBe(true);
    selectAllOnPage();
    expect(document.querySelector("[data-every]").hidden).toBe(false);
    await queue.selectAllResults();
    expect(document.querySelector("[data-count]").textContent).toBe("All 1,200 results:");
    byId(1).querySelector("[name=ids]").checked = false;
    queue.showSelection();
    expect(queue.allResults).toBeNull();
  });

  it("are decided part by part as one decision, which one undo takes back", async () => {
    const answers = [
      { done: 500, left: 700, undo: "b1" },
      { done: 700, left: 0, undo: "b1" },
    ];
    service.on(ALL, () => ({ body: answers.shift() }));
    selectAllOnPage();
    await queue.selectAllResults();
    await queue.decideAllResults("spam");
    expect(service.sent(ALL).map(({ data }) => [data.action, data.until, data.q, data.batch])).toEqual([
      ["spam", "2026-11-24", "word", undefined],
      ["spam", "2026-11-24", "word", "b1"],
    ]);
    expect(toastText()).toBe("Done: 1,200 comments.");
    service.on(UNDO, { body: { refused: "stop before the page is loaded again" } });
    await queue.undo();
    expect(service.sent(UNDO)[0].data.undo).toBe("b1");
  });

  it("stay on the page when the service refuses at once, and say how many were done when it refuses later", async () => {
    service.on(ALL, { body: { refused: "No." } });
    selectAllOnPage();
    await queue.selectAllResults();
    await queue.decideAllResults("spam");
    expect(shownIds()).toEqual([1, 2, 3]);
    const answers = [{ done: 500, left: 700, undo: "b1" }, { refused: "No." }];
    service.on(ALL, () => ({ body: answers.shift() }));
    selectAllOnPage();
    await queue.selectAllResults();
    await queue.decideAllResults("spam");
    expect(toastText()).toBe("No. Changed before that: 500.");
    expect(shownIds()).toEqual([]);
  });
});

describe("a card", () => {
  it("sends a reply only when there is one, and keeps the card on the list of approved comments", async () => {
    queue = new Queue(drawDesk({ status: "approved" }));
    byId(1).querySelector(".answer").click();
    expect(document.activeElement).toBe(byId(1).querySelector("textarea"));
    expect(service.requests).toEqual([]);
    service.on(DECIDE, { body: { undo: "u1", said: "Replied." } });
    byId(1).querySelector("textarea").value = "Thank you";
    byId(1).querySelector(".answer").click();
    await settled();
    expect(service.sent(DECIDE)[0].data).toMatchObject({ one: "answer:1", "reply-1": "Thank you", seen: "1:1" });
    expect(shownIds()).toEqual([1, 2, 3]);
    expect(byId(1).querySelector("textarea").value).toBe("");
  });

  it("is edited in place, by the form of its own page", async () => {
    service.on("/dashboard/blog/comment/2", {
      body: `<form data-edit="2" action="/dashboard/blog/comment/2/edit"><input name="version" value="4">
        <textarea name="body">old</textarea><p class="acts"><button>Save</button></p></form>`,
    });
    service.on("/dashboard/blog/comment/2/edit", { body: { undo: "u9", said: "Saved." } });
    service.on("/dashboard/blog/card/2", { body: drawCard(2, 5) });
    await queue.quickEdit(byId(2));
    const area = byId(2).querySelector(".edit-form textarea");
    expect(document.activeElement).toBe(area);
    area.value = "new";
    byId(2).querySelector(".edit-form button").click();
    await until(() => expect(byId(2).querySelector("[name=seen]").value).toBe("2:5"));
    expect(service.sent("/dashboard/blog/comment/2/edit")[0].data).toEqual({
      body: "new",
      version: "4",
      csrf_token: "csrf",
    });
    await queue.undo();
    expect(service.sent(UNDO)[0].data.undo).toBe("u9");
  });
});
