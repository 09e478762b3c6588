// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from "vitest";
import { hasStoredActions, readNumbers, readStored, writeStored } from "../src/storage";

afterEach(() => {
  vi.unstubAllGlobals();
  localStorage.clear();
});

const blocked = (): never => {
  throw new DOMException("blocked", "SecurityError");
};

it("forgets null and empty lists", () => {
  writeStored("folded:blog", [1]);
  writeStored("folded:blog", []);
  writeStored("guest", { name: "Carol" });
  writeStored("guest", null);
  expect(localStorage.length).toBe(0);
});

it("reads values that other scripts left in its place as nothing", () => {
  localStorage.setItem("commentsvc:draft:blog:/a:", "{not json");
  localStorage.setItem("commentsvc:folded:blog", '["x", 3]');
  expect(readStored("draft:blog:/a:")).toBeNull();
  expect(readNumbers("folded:blog")).toEqual([3]);
  localStorage.setItem("commentsvc:folded:blog", '{"3": true}');
  expect(readNumbers("folded:blog")).toEqual([]);
});

it.each(["own:blog:/a", "draft:blog:/a:", "account:blog", "hidden:blog"])("knows that %s needs the actions", (name) => {
  writeStored("folded:blog", [1]);
  localStorage.setItem("of-another-script", "own:");
  expect(hasStoredActions()).toBe(false);
  writeStored(name, [1]);
  expect(hasStoredActions()).toBe(true);
});

it("keeps values in memory where storage is blocked", () => {
  vi.stubGlobal("localStorage", { getItem: blocked, setItem: blocked, removeItem: blocked });
  expect(hasStoredActions()).toBe(false);
  writeStored("draft:blog:/blocked:", { text: "kept all the same" });
  expect(readStored("draft:blog:/blocked:")).toEqual({ text: "kept all the same" });
  expect(hasStoredActions()).toBe(true);
  writeStored("draft:blog:/blocked:", null);
  expect(readStored("draft:blog:/blocked:")).toBeNull();
});
