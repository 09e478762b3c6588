// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from "vitest";
import { EditTokens } from "../src/edit-tokens";
import { rememberedGuest, rememberGuest } from "../src/guest";
import { LocalDrafts } from "../src/local-drafts";

afterEach(() => localStorage.clear());

it("keeps a draft for each thread and parent, until it is empty", () => {
  const here = new LocalDrafts("blog:/a");
  here.write(null, { text: "to all" });
  here.write(7, { text: "to seven", key: "k", request: "r" });
  expect(new LocalDrafts("blog:/a").read(null).text).toBe("to all");
  expect(new LocalDrafts("blog:/a").read(7)).toMatchObject({ text: "to seven", key: "k", request: "r" });
  expect(new LocalDrafts("blog:/b").read(null).text).toBe("");
  here.write(null, { text: "" });
  expect(localStorage.length).toBe(1);
});

it("takes over what was kept under another spelling of the thread's key", () => {
  localStorage.setItem("commentsvc:draft:blog:/a/:", JSON.stringify({ text: "to all" }));
  localStorage.setItem("commentsvc:draft:blog:/a/:7", JSON.stringify({ text: "to seven", key: "k", request: "r" }));
  localStorage.setItem("commentsvc:draft:blog:/a/b:", JSON.stringify({ text: "elsewhere" }));
  const here = new LocalDrafts("blog:/a");
  here.write(null, { text: "newer" });
  here.takeOver("blog:/a/");
  here.takeOver("blog:/a");
  expect(here.take(null).text).toBe("newer");
  expect(here.take(7)).toMatchObject({ text: "to seven", key: "k", request: "r" });
  here.write(null, { text: "" });
  expect(here.take(null).text).toBe("to all");
  expect(Object.keys(localStorage).filter((name) => name.includes("/a/:"))).toEqual([]);
  expect(new LocalDrafts("blog:/a/b").take(null).text).toBe("elsewhere");
});

it("keeps the drafts of two pages apart, and gives those of one that was left to the next", () => {
  const one = new LocalDrafts("blog:/a", "one");
  const other = new LocalDrafts("blog:/a", "other");
  one.write(null, { text: "from one" });
  expect(other.take(null).text).toBe("");
  other.write(null, { text: "from the other" });
  other.write(null, { text: "" });
  expect(one.read(null).text).toBe("from one");
  one.leave();
  expect(other.take(null).text).toBe("from one");
  expect(one.read(null).text).toBe("");
  other.write(null, { text: "" });
  expect(localStorage.length).toBe(0);
});

it("gives the draft of a page that ended without a word to the next after a minute", () => {
  vi.useFakeTimers();
  new LocalDrafts("blog:/a", "one").write(null, { text: "lost" });
  vi.advanceTimersByTime(59_000);
  expect(new LocalDrafts("blog:/a", "other").take(null).text).toBe("");
  vi.advanceTimersByTime(2000);
  expect(new LocalDrafts("blog:/a", "other").take(null).text).toBe("lost");
  vi.useRealTimers();
});

it("reads drafts of an earlier version, and nothing that is none", () => {
  localStorage.setItem("commentsvc:draft:blog:/a:", '{"text": "older"}');
  expect(new LocalDrafts("blog:/a").take(null).text).toBe("older");
  localStorage.setItem("commentsvc:draft:blog:/a:7", '[null, 7, {"text": 1}]');
  expect(new LocalDrafts("blog:/a").take(7).text).toBe("");
});

it("names the comments with begun replies, the last one first", () => {
  vi.useFakeTimers();
  const here = new LocalDrafts("blog:/a");
  for (const place of [null, 7, 9, "edit-3"] as const) {
    here.write(place, { text: "words" });
    vi.advanceTimersByTime(10);
  }
  expect(here.replies()).toEqual([9, 7]);
  here.write(7, { text: "more words" });
  expect(here.replies()).toEqual([7, 9]);
  vi.useRealTimers();
});

it("keeps the newest fifty edit tokens and forgets them one by one", () => {
  const here = new EditTokens("blog:/a");
  for (let id = 1; id <= 60; id++) here.add({ id, token: "t" });
  expect(here.all().map((one) => one.id)).toEqual(Array.from({ length: 50 }, (_, index) => index + 11));
  here.forget(60);
  expect(here.all().at(-1)?.id).toBe(59);
});

it("remembers a guest only while asked to", () => {
  expect(rememberedGuest()).toBeNull();
  rememberGuest({ name: "Carol", email: "c@example.org", website: "" });
  expect(rememberedGuest()?.name).toBe("Carol");
  rememberGuest(null);
  expect(rememberedGuest()).toBeNull();
});

it.each([
  ["own:blog:/a", '{"id": 1}'],
  ["own:blog:/a", '[null, {"id": "1", "token": "t"}, {"id": 2}]'],
])("takes no edit token from %s: %s", (name, stored) => {
  localStorage.setItem(`commentsvc:${name}`, stored);
  expect(new EditTokens("blog:/a").all()).toEqual([]);
});

it("takes no draft and no guest of another shape", () => {
  localStorage.setItem("commentsvc:draft:blog:/a:", '{"text": 5}');
  localStorage.setItem("commentsvc:guest", '"Carol"');
  expect(new LocalDrafts("blog:/a").read(null)).toEqual({ text: "" });
  expect(rememberedGuest()).toBeNull();
});
