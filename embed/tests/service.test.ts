// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from "vitest";
import { serviceUrl } from "../src/fragment";
import { Refused } from "../src/refused";
import { Service } from "../src/service";

const comment = {
  site: "blog",
  thread: "/a",
  url: "",
  title: "",
  parent_id: null,
  body: "hi",
  author: { name: "C", email: "c@example.org", website: "" },
};

afterEach(() => vi.unstubAllGlobals());

function answering(status: number, body: string): void {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(body, { status })));
}

async function refusal(promise: Promise<unknown>): Promise<Refused> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Refused);
  return error as Refused;
}

it("names the fields that the service names", async () => {
  answering(422, JSON.stringify({ detail: "Please check.", errors: [{ field: "body", message: "Too long." }] }));
  const error = await refusal(new Service("https://c.test").post(comment, "en", "k", {}));
  expect([error.status, error.message, error.problem.errors]).toEqual([
    422,
    "Please check.",
    [{ field: "body", message: "Too long." }],
  ]);
});

it("tells a broken network from an answer", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("network")));
  expect((await refusal(new Service("https://c.test").post(comment, "en", "k", {}))).status).toBe(0);
  answering(502, "<h1>Bad gateway</h1>");
  expect((await refusal(new Service("https://c.test").post(comment, "en", "k", {}))).status).toBe(502);
});

it("writes addresses that keep every thread key whole", () => {
  const base = "https://blog.test/comments";
  expect(serviceUrl(base, "/t/blog", { thread: "/a?b=1&c=ü#d" })).toBe(
    "https://blog.test/comments/t/blog?thread=%2Fa%3Fb%3D1%26c%3D%C3%BC%23d",
  );
  expect(serviceUrl(base, "/x", { site: "blog", cursor: "" })).toBe("https://blog.test/comments/x?site=blog");
});

it("sends a vote also when its reader leaves the page, and nothing larger so", async () => {
  const requests: RequestInit[] = [];
  vi.stubGlobal("fetch", (_url: string, init: RequestInit) => {
    requests.push(init);
    return Promise.resolve(new Response('{"score": 1}'));
  });
  const service = new Service("https://c.test");
  await service.vote(1, 1, {});
  await service.post(comment, "de", "key", {});
  expect(requests.map(({ method, keepalive, credentials }) => [method, keepalive, credentials])).toEqual([
    ["PUT", true, "omit"],
    ["POST", false, "omit"],
  ]);
  expect(requests[1]!.headers).toMatchObject({ "Accept-Language": "de", "Idempotency-Key": "key" });
});
