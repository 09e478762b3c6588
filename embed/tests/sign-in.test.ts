// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi, type Mock } from "vitest";
import { Account } from "../src/account";
import { challengeOf } from "../src/pkce";
import { Service } from "../src/service";
import { handOver, SignIn } from "../src/sign-in";
import { BASE, FakeService } from "./support/service";

let service: FakeService;
let account: Account;
let signIn: SignIn;
let popup: { location: { replace: (url: string) => void }; close: () => void };
let opened: Promise<URL>;
let open: Mock<() => typeof popup>;

beforeEach(() => {
  location.href = "https://blog.test/post/?a=1";
  service = new FakeService()
    .on("POST /auth/token", { body: { access_token: "a1", refresh_token: "r1", expires_in: 600 } })
    .on("GET /api/v1/viewer", {
      body: { account: { name: "Ann", provider: "github", avatar: null }, pending: [], votes: {} },
    })
    .install();
  account = new Account(new Service(BASE), "blog");
  signIn = new SignIn(new Service(BASE), account, "blog");
  opened = new Promise((resolve) => {
    popup = {
      location: {
        replace: (url) => {
          resolve(new URL(url));
        },
      },
      close: vi.fn(),
    };
  });
  open = vi.fn(() => popup);
  vi.stubGlobal("open", open);
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  localStorage.clear();
  sessionStorage.clear();
  location.hash = "";
});

function message(data: unknown, origin = BASE): void {
  window.dispatchEvent(new MessageEvent("message", { data, origin }));
}

const never = (): AbortSignal => new AbortController().signal;
const answer = (state: string | null, more: object = {}): unknown => ({
  commentsvc: { state, iss: BASE, code: "c1", ...more },
});

it("opens the window in the click, and sends only the hash of the verifier that the token request shows", async () => {
  const going = signIn.start("github", never());
  expect(open).toHaveBeenCalledOnce(); // at once: a window opened after an await is blocked
  const url = await opened;
  expect(`${url.origin}${url.pathname}`).toBe(`${BASE}/auth/authorize`);
  const query = Object.fromEntries(url.searchParams);
  expect(query).toMatchObject({
    client_id: "blog",
    redirect_uri: "https://blog.test/post/?a=1",
    response_type: "code",
    code_challenge_method: "S256",
    response_mode: "web_message",
    provider: "github",
  });
  message(answer(query["state"]!));
  expect(await going).toBe(true);
  const form = Object.fromEntries(service.sent("POST /auth/token")[0]!.body as URLSearchParams);
  expect(form).toMatchObject({ grant_type: "authorization_code", code: "c1", redirect_uri: query["redirect_uri"] });
  expect(await challengeOf(form["code_verifier"]!)).toBe(query["code_challenge"]);
  expect(account.profile?.name).toBe("Ann");
});

it("takes an answer from the service's origin with its own state only", async () => {
  const canceled = new AbortController();
  const going = signIn.start("", canceled.signal);
  const state = (await opened).searchParams.get("state");
  message(answer(state, { code: "stolen" }), "https://evil.test");
  message(answer("another", { code: "stolen" }));
  message({ commentsvc: null });
  message(null);
  message(answer(state));
  expect(await going).toBe(true);
  expect((service.sent("POST /auth/token")[0]!.body as URLSearchParams).get("code")).toBe("c1");
});

it.each([{ iss: "https://evil.test" }, { code: undefined, error: "access_denied" }])(
  "signs nobody in with an answer that has %o",
  async (more) => {
    const going = signIn.start("", never());
    message(answer((await opened).searchParams.get("state"), more));
    expect(await going).toBe(false);
    expect(service.requests).toEqual([]);
  },
);

it("closes the window when the reader cancels", async () => {
  const canceled = new AbortController();
  const going = signIn.start("", canceled.signal);
  await opened;
  canceled.abort();
  expect(await going).toBe(false);
  expect(popup.close).toHaveBeenCalledOnce();
});

it("ends also when the reader cancels before the window has gone anywhere", async () => {
  const canceled = new AbortController();
  const going = signIn.start("", canceled.signal);
  canceled.abort();
  expect(await going).toBe(false);
  expect(popup.close).toHaveBeenCalledOnce();
});

it("leaves the page where no window opens, and goes on when the answer comes back in the address", async () => {
  vi.stubGlobal("open", () => null);
  const left = new Promise<URL>((resolve) => {
    vi.spyOn(location, "assign").mockImplementation((url) => {
      resolve(new URL(url));
    });
  });
  location.hash = "#/post";
  void signIn.start("github", never());
  const query = (await left).searchParams;
  expect(query.get("response_mode")).toBe("fragment");

  expect(await signIn.resume()).toBe(false); // no answer yet
  location.hash = `#commentsvc=1&state=${query.get("state")!}&iss=${encodeURIComponent(BASE)}&code=c9`;
  expect(await handOver()).toBe(false); // this tab waits for the answer itself
  expect(await signIn.resume()).toBe(true);
  const form = service.sent("POST /auth/token")[0]!.body as URLSearchParams;
  expect(form.get("code")).toBe("c9");
  expect(await challengeOf(form.get("code_verifier")!)).toBe(query.get("code_challenge"));
  expect(location.hash).toBe("#/post"); // the route, from which the answer has led away
  expect(await signIn.resume()).toBe(false); // each answer once
});

it.each([
  ["another state", "blog", "other"],
  ["another site", "diary", "s1"],
])("does not resume with %s", async (_, site, state) => {
  const pending = { site, state: "s1", verifier: "v", redirect: "https://blog.test/", scroll: 0, route: "" };
  sessionStorage.setItem("commentsvc:signin", JSON.stringify(pending));
  location.hash = `#commentsvc=1&state=${state}&iss=${encodeURIComponent(BASE)}&code=c1`;
  expect(await signIn.resume()).toBe(false);
  expect(service.requests).toEqual([]);
});

it("takes the answer from a window that was cut off from this page, and tells it to close", async () => {
  const close = vi.fn();
  vi.stubGlobal("close", close);
  const going = signIn.start("", never());
  const state = (await opened).searchParams.get("state")!;
  location.hash = `#commentsvc=1&state=${state}&iss=${encodeURIComponent(BASE)}&code=c7`;
  expect(await handOver()).toBe(true);
  expect(await going).toBe(true);
  expect(close).toHaveBeenCalledOnce();
  expect(location.hash).toBe("");
});
