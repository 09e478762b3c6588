// @vitest-environment happy-dom
import { beforeEach, expect, it } from "vitest";
import { Draft } from "../src/draft";
import { LocalDrafts } from "../src/local-drafts";

let area: HTMLTextAreaElement;
let stored: LocalDrafts;

beforeEach(() => {
  localStorage.clear();
  area = document.createElement("textarea");
  stored = new LocalDrafts("blog:/a");
});

it("puts text that was typed before the code was loaded behind the stored draft", () => {
  stored.write(null, { text: "from yesterday" });
  area.value = "typed early";
  expect(new Draft(area, stored).text).toBe("from yesterday\n\ntyped early");
  expect(stored.read(null).text).toBe("from yesterday\n\ntyped early");
});

it("uses the idempotency key again for the same request only", () => {
  const draft = new Draft(area, stored);
  area.value = "hello";
  const key = draft.keyFor("request 1");
  expect(draft.keyFor("request 1")).toBe(key);
  expect(draft.keyFor("request 2")).not.toBe(key);
});

it("keeps the key of a request over a reload of the page", () => {
  area.value = "hello";
  const key = new Draft(area, stored).keyFor("request");
  expect(new Draft(document.createElement("textarea"), stored).keyFor("request")).toBe(key);
});

it("has a draft for each place", () => {
  const draft = new Draft(area, stored);
  area.value = "to the page";
  draft.keep();
  draft.open(7);
  expect([draft.parent, draft.text]).toEqual([7, ""]);
  area.value = "to seven";
  draft.keep();
  draft.open(null);
  expect(draft.text).toBe("to the page");
});

it("keeps text that was typed while the comment was on its way", () => {
  const draft = new Draft(area, stored);
  area.value = "first";
  draft.keep();
  area.value = "first, and more";
  draft.keep();
  draft.sent(null, "first");
  expect(stored.read(null).text).toBe("first, and more");
  draft.sent(null, "first, and more");
  expect(stored.read(null).text).toBe("");
});
