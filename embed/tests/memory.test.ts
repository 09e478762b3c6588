// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import { guest, keepGuest, Memory } from "../src/memory";

afterEach(() => {
  vi.restoreAllMocks();
  localStorage.clear();
});

describe("what the browser remembers", () => {
  it("keeps a draft for each thread and parent, until it is empty", () => {
    const here = new Memory("blog:/a");
    here.keepDraft(null, { text: "to all" });
    here.keepDraft(7, { text: "to seven", key: "k", request: "r" });
    expect(new Memory("blog:/a").draft(null).text).toBe("to all");
    expect(new Memory("blog:/a").draft(7)).toEqual({ text: "to seven", key: "k", request: "r" });
    expect(new Memory("blog:/b").draft(null).text).toBe("");
    here.keepDraft(null, { text: "" });
    expect(localStorage.length).toBe(1);
  });

  it("knows one's own comments and forgets them one by one", () => {
    const here = new Memory("blog:/a");
    for (let id = 1; id <= 60; id++) here.addOwn({ id, token: "t" });
    expect(here.own().map((own) => own.id)).toEqual(Array.from({ length: 50 }, (_, index) => index + 11));
    here.forgetOwn(60);
    expect(here.own().at(-1)?.id).toBe(59);
  });

  it("remembers a guest only while asked to", () => {
    expect(guest()).toBeNull();
    keepGuest({ name: "Carol", email: "c@example.org", website: "" });
    expect(guest()?.name).toBe("Carol");
    keepGuest(null);
    expect(guest()).toBeNull();
  });

  it("survives what other scripts leave in its place", () => {
    localStorage.setItem("commentsvc:draft:blog:/a:", "{not json");
    localStorage.setItem("commentsvc:own:blog:/a", '{"id": 1}');
    expect(new Memory("blog:/a").draft(null).text).toBe("");
    expect(new Memory("blog:/a").own()).toEqual([]);
  });

  it("works for as long as the page is open where storage is blocked", () => {
    vi.stubGlobal("localStorage", {
      getItem: () => { throw new DOMException("blocked", "SecurityError"); },
      setItem: () => { throw new DOMException("blocked", "SecurityError"); },
      removeItem: () => { throw new DOMException("blocked", "SecurityError"); },
      clear: () => undefined,
    });
    const here = new Memory("blog:/blocked");
    here.keepDraft(null, { text: "still here" });
    expect(here.draft(null).text).toBe("still here");
    here.keepDraft(null, { text: "" });
    expect(here.draft(null).text).toBe("");
    vi.unstubAllGlobals();
  });
});
