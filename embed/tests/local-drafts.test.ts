// @vitest-environment happy-dom
import { afterEach, expect, it } from "vitest";
import { EditTokens } from "../src/edit-tokens";
import { rememberedGuest, rememberGuest } from "../src/guest";
import { LocalDrafts } from "../src/local-drafts";

afterEach(() => localStorage.clear());

it("keeps a draft for each thread and parent, until it is empty", () => {
  const here = new LocalDrafts("blog:/a");
  here.write(null, { text: "to all" });
  here.write(7, { text: "to seven", key: "k", request: "r" });
  expect(new LocalDrafts("blog:/a").read(null).text).toBe("to all");
  expect(new LocalDrafts("blog:/a").read(7)).toEqual({ text: "to seven", key: "k", request: "r" });
  expect(new LocalDrafts("blog:/b").read(null).text).toBe("");
  here.write(null, { text: "" });
  expect(localStorage.length).toBe(1);
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
