// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { startKeys } from "../../../commentsvc/web/static/desk-keys.js";
import { Queue } from "../../../commentsvc/web/static/desk-queue.js";
import { byId, drawDesk, installService, shownIds } from "./desk.js";

let service;
let queue;
let listeners;

beforeEach(() => {
  service = installService();
  service.on("/dashboard/blog/decide", { body: { undo: "u", said: "done" } });
  queue = new Queue(drawDesk());
  // The shortcuts are for a whole page; each test has one of its own.
  listeners = [];
  const add = document.addEventListener.bind(document);
  vi.spyOn(document, "addEventListener").mockImplementation((type, listener) => {
    listeners.push([type, listener]);
    add(type, listener);
  });
  startKeys(queue);
});

afterEach(async () => {
  await queue.sending;
  for (const [type, listener] of listeners) document.removeEventListener(type, listener);
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  localStorage.clear();
  document.body.replaceChildren();
});

function press(key, more = {}) {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  (document.activeElement ?? document.body).dispatchEvent(event);
  return event;
}

const sentActions = async () => {
  await queue.sending;
  return service.sent("/dashboard/blog/decide").map(({ data }) => `${data.action} ${data.ids}`);
};

it("moves by j and k, and stays at the ends", () => {
  press("j");
  expect(document.activeElement).toBe(byId(1));
  press("j");
  press("j");
  press("j");
  expect(document.activeElement).toBe(byId(3));
  press("k");
  expect(document.activeElement).toBe(byId(2));
});

it("decides about the card with the focus", async () => {
  press("a");
  expect(shownIds()).toEqual([1, 2, 3]);
  byId(2).focus();
  press("s");
  expect(shownIds()).toEqual([1, 3]);
  expect(await sentActions()).toEqual(["spam 2"]);
});

it("does nothing for a decision that the card does not offer", async () => {
  byId(1).focus();
  expect(press("d").defaultPrevented).toBe(false);
  expect(await sentActions()).toEqual([]);
});

it("decides about all selected cards with shift", async () => {
  byId(1).focus();
  press("x");
  byId(3).focus();
  press("x");
  press("A", { shiftKey: true });
  expect(shownIds()).toEqual([2]);
  expect(await sentActions()).toEqual(["approve 3"]);
});

it.each([{ ctrlKey: true }, { metaKey: true }, { altKey: true }, { isComposing: true }, { repeat: true }])(
  "leaves a letter with %o to the browser",
  async (more) => {
    byId(1).focus();
    expect(press("a", more).defaultPrevented).toBe(false);
    expect(shownIds()).toEqual([1, 2, 3]);
  },
);

it("repeats only the moves while a key is held down", () => {
  press("j");
  press("j", { repeat: true });
  expect(document.activeElement).toBe(byId(2));
});

it("is silent while somebody types, but not on a checkbox", () => {
  press("/");
  expect(document.activeElement).toBe(document.querySelector("[type=search]"));
  press("j");
  expect(document.activeElement).toBe(document.querySelector("[type=search]"));
  byId(2).querySelector("[name=ids]").focus();
  press("j");
  expect(document.activeElement).toBe(byId(3));
});

it("is silent while the help is open", () => {
  press("?");
  expect(document.getElementById("keys").open).toBe(true);
  press("j");
  expect(document.activeElement).not.toBe(byId(1));
});

it("is silent in a browser where it was switched off, also on the next page", () => {
  const box = document.querySelector("[data-keys-on]");
  box.checked = false;
  box.dispatchEvent(new Event("change"));
  press("j");
  expect(document.activeElement).not.toBe(byId(1));
  document.documentElement.classList.remove("no-keys");
  startKeys(new Queue(drawDesk()));
  expect(document.querySelector("[data-keys-on]").checked).toBe(false);
  expect(document.documentElement.classList.contains("no-keys")).toBe(true);
  document.documentElement.classList.remove("no-keys");
});

it("opens the fields for a reply and for a reason, and closes them on Escape", () => {
  byId(1).focus();
  press("r");
  expect(document.activeElement).toBe(byId(1).querySelector("textarea"));
  press("Escape");
  expect(byId(1).querySelector(".reply").open).toBe(false);
  expect(document.activeElement).toBe(byId(1));
  press("t");
  expect(document.activeElement).toBe(byId(1).querySelector("[name=told-1]"));
});

it("goes to the tabs beside the current one", () => {
  const clicked = [];
  for (const tab of document.querySelectorAll(".tabs a")) tab.addEventListener("click", () => clicked.push(tab.hash));
  press("[");
  press("]");
  expect(clicked).toEqual(["#spam"]);
});
