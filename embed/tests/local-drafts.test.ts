// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import { guest, keepGuest, Keepsakes } from "../src/keepsakes";
import { hasKept, recallNumbers, remember } from "../src/memory";

afterEach(() => {
  vi.unstubAllGlobals();
  localStorage.clear();
});

const blocked = (): never => {
  throw new DOMException("blocked", "SecurityError");
};

describe("what the browser remembers", () => {
  it("keeps a draft for each thread and parent, until it is empty", () => {
    const here = new Keepsakes("blog:/a");
    here.keepDraft(null, { text: "to all" });
    here.keepDraft(7, { text: "to seven", key: "k", request: "r" });
    expect(new Keepsakes("blog:/a").draft(null).text).toBe("to all");
    expect(new Keepsakes("blog:/a").draft(7)).toEqual({ text: "to seven", key: "k", request: "r" });
    expect(new Keepsakes("blog:/b").draft(null).text).toBe("");
    here.keepDraft(null, { text: "" });
    expect(localStorage.length).toBe(1);
  });

  it("knows one's own comments and forgets them one by one", () => {
    const here = new Keepsakes("blog:/a");
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
    localStorage.setItem("commentsvc:folded:blog", '["x", 3]');
    expect(new Keepsakes("blog:/a").draft(null).text).toBe("");
    expect(new Keepsakes("blog:/a").own()).toEqual([]);
    expect(recallNumbers("folded:blog")).toEqual([3]);
  });

  it("says whether anybody has written here, and not that somebody has folded a thread", () => {
    remember("folded:blog", [1]);
    expect(hasKept()).toBe(false);
    remember("folded:blog", []);
    expect(localStorage.length).toBe(0);
    new Keepsakes("blog:/a").keepDraft(null, { text: "x" });
    expect(hasKept()).toBe(true);
  });

  it("works for as long as the page is open where storage is blocked", () => {
    vi.stubGlobal("localStorage", { getItem: blocked, setItem: blocked, removeItem: blocked });
    const here = new Keepsakes("blog:/blocked");
    here.keepDraft(null, { text: "kept all the same" });
    expect(here.draft(null).text).toBe("kept all the same");
    here.keepDraft(null, { text: "" });
    expect(here.draft(null).text).toBe("");
  });
});
