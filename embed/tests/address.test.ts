// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { PageAddress } from "../src/address";

const ORIGIN = location.origin;
let pageAddress: (element: Element) => PageAddress;

beforeEach(async () => {
  history.replaceState(null, "", "/a/?utm_source=x");
  vi.resetModules(); // the module remembers the address that the document was loaded from
  ({ pageAddress } = await import("../src/address"));
});

afterEach(() => {
  document.head.replaceChildren();
});

function link(href: string): void {
  const element = document.createElement("link");
  element.rel = "canonical";
  element.href = href;
  document.head.replaceChildren(element);
}

/** An element that takes its thread from the page, or from the fragment of its address. */
function element(threadFrom = ""): Element {
  const made = document.createElement("comment-thread");
  if (threadFrom) made.setAttribute("thread-from", threadFrom);
  return made;
}

it("names the page by its address, and gives a canonical link that is another one", () => {
  const address = { thread: "/a/?utm_source=x", url: `${ORIGIN}/a/?utm_source=x` };
  expect(pageAddress(element())).toEqual({ ...address, canonical: "" });
  link(`${ORIGIN}/a/?utm_source=x`);
  expect(pageAddress(element())).toEqual({ ...address, canonical: "" });
  link("https://blog.test/a/");
  expect(pageAddress(element())).toEqual({ ...address, canonical: "https://blog.test/a/" });
});

it("forgets the canonical link on another page, and takes that of the first page again on the way back", () => {
  link("https://blog.test/a/");
  expect(pageAddress(element()).canonical).toBe("https://blog.test/a/");
  history.pushState(null, "", "/b/");
  expect(pageAddress(element())).toEqual({ thread: "/b/", url: `${ORIGIN}/b/`, canonical: "" });
  link("https://blog.test/b/");
  history.replaceState(null, "", "/a/?utm_source=x#part");
  expect(pageAddress(element()).canonical).toBe("https://blog.test/a/");
});

it.each([
  ["#/post/1", "/app//post/1", "#/post/1"],
  ["#!/post/1", "/app//post/1", "#!/post/1"],
  ["#/post/1#comment-5", "/app//post/1", "#/post/1"],
  ["", "/app/", ""],
  ["#comment-5", "/app/", ""],
  ["#commentsvc=1&state=x", "/app/", ""],
  ["#respond", "/app/", ""],
  ["#/comment-5", "/app//comment-5", "#/comment-5"],
])("takes the thread from the fragment %s", (hash, thread, fragment) => {
  link("https://blog.test/");
  history.replaceState(null, "", `/app${hash}`);
  expect(pageAddress(element("hash"))).toEqual({ thread, url: `${ORIGIN}/app${fragment}`, canonical: "" });
});

it("stays with the route while the fragment names a comment", () => {
  history.replaceState(null, "", "/app#/post");
  pageAddress(element("hash"));
  history.replaceState(null, "", "/app#comment-5");
  expect(pageAddress(element("hash")).thread).toBe("/app//post");
});
