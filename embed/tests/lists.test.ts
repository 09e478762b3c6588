// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { pageAddress } from "../src/address";
import { fillCount, fillRecent } from "../src/lists";
import { BASE, FakeService } from "./support/service";
import { until } from "./support/until";

let service: FakeService;

beforeEach(() => {
  document.documentElement.lang = "de";
  service = new FakeService().install();
});

afterEach(() => {
  document.documentElement.lang = "";
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function element(attributes: Record<string, string>): Element {
  const made = document.createElement("span");
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

it("asks for all counts of a site in one request, once for each thread", async () => {
  service.on("GET /api/v1/counts", ({ query }) => ({
    body:
      query.get("site") === "blog"
        ? { counts: { "/a": 0, "/b": 2 }, texts: { 2: "2 Kommentare" } }
        : { counts: {}, texts: {} },
  }));
  const shown = ["/a", "/b", "/b"].map((thread) => element({ site: "blog", thread }));
  const other = element({ site: "diary", thread: "/a" });
  for (const one of [...shown, other]) fillCount(BASE, one, pageAddress);
  await until(() => expect(shown.map((one) => one.textContent)).toEqual(["0", "2 Kommentare", "2 Kommentare"]));
  await until(() => expect(service.requests).toHaveLength(2));
  expect(service.requests.map(({ query }) => [query.get("site"), query.getAll("thread"), query.get("lang")])).toEqual([
    ["blog", ["/a", "/b"], "de"],
    ["diary", ["/a"], "de"],
  ]);
  expect(other.textContent).toBe("");
});

it("asks for 200 threads in one request at most", async () => {
  service.on("GET /api/v1/counts", { body: { counts: {}, texts: {} } });
  for (let number = 0; number < 201; number++)
    fillCount(BASE, element({ site: "blog", thread: `/${number}` }), pageAddress);
  await until(() => expect(service.requests).toHaveLength(2));
  expect(service.requests.map(({ query }) => query.getAll("thread").length)).toEqual([200, 1]);
});

it("lists the newest comments as text and links, by the sentence of the language", async () => {
  const comments = [
    {
      author: { name: "<b>Ann</b>" },
      excerpt: "Hi",
      permalink: "https://blog.test/#comment-1",
      thread: { title: "A post", key: "/a" },
    },
    {
      author: { name: "Bob" },
      excerpt: "Ho",
      permalink: "https://blog.test/b#comment-2",
      thread: { title: "", key: "/b" },
    },
  ];
  service.on("GET /api/v1/recent", { body: { comments, line: "%(name)s zu %(title)s" } });
  const list = element({ site: "blog", limit: "2" });
  fillRecent(BASE, list);
  fillRecent(BASE, list); // for another attribute
  await until(() => expect(list.querySelector("li")).not.toBeNull());
  expect(service.requests).toHaveLength(1);
  expect([...list.querySelectorAll("li")].map((item) => item.textContent)).toEqual([
    "<b>Ann</b> zu A post",
    "Bob zu /b",
  ]);
  expect(list.querySelector("a")!.href).toBe("https://blog.test/#comment-1");
  expect(service.requests[0]!.query.get("limit")).toBe("2");
});

it("leaves the page's own content while the service is away, and tells the owner of an unknown site", async () => {
  const console_ = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const list = element({ site: "nowhere" });
  list.textContent = "as the page has it";
  service.on("GET /api/v1/recent", null);
  fillRecent(BASE, list);
  await until(() => expect(service.requests).toHaveLength(1));
  expect(console_).not.toHaveBeenCalled();
  service.on("GET /api/v1/recent", { status: 404 });
  fillRecent(BASE, list);
  await until(() => expect(console_).toHaveBeenCalledWith(expect.stringContaining("there is no site “nowhere”")));
  expect(list.textContent).toBe("as the page has it");
});
