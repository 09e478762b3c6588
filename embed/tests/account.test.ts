// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Account } from "../src/account";
import { Service } from "../src/service";
import { installLocks } from "./support/locks";
import { BASE, FakeService, problem } from "./support/service";

const PROFILE = { name: "Ann", provider: "github", avatar: null };
const PAIR = { access_token: "a1", refresh_token: "r1", expires_in: 600 };
let service: FakeService;
let account: Account;

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-11-24T12:00:00Z") });
  installLocks();
  service = new FakeService().install();
  account = new Account(new Service(BASE), "blog");
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  localStorage.clear();
});

const form = (index: number): Record<string, string> =>
  Object.fromEntries(service.sent("POST /auth/token")[index]!.body as URLSearchParams);

it("has nobody before a sign-in", async () => {
  expect(account.profile).toBeNull();
  expect(await account.token()).toBeNull();
});

it("gives the token while it is valid, and refreshes it one minute before it ends", async () => {
  account.keep(PAIR, PROFILE);
  vi.advanceTimersByTime(539_000);
  expect(await account.token()).toBe("a1");
  expect(service.requests).toEqual([]);
  vi.advanceTimersByTime(2000);
  service.on("POST /auth/token", { body: { access_token: "a2", refresh_token: "r2", expires_in: 600 } });
  expect(await account.token()).toBe("a2");
  expect(form(0)).toEqual({ grant_type: "refresh_token", refresh_token: "r1", client_id: "blog" });
  expect(account.profile?.name).toBe("Ann");
});

it("uses a refresh token once, also when two ask at the same time", async () => {
  account.keep({ ...PAIR, expires_in: 1 }, PROFILE);
  service.on("POST /auth/token", { body: { access_token: "a2", refresh_token: "r2", expires_in: 600 } });
  expect(await Promise.all([account.token(), account.token()])).toEqual(["a2", "a2"]);
  expect(service.requests).toHaveLength(1);
});

it("refreshes also in a frame that may hold no locks", async () => {
  const refused = Promise.reject(new DOMException("sandboxed", "SecurityError"));
  vi.spyOn(navigator.locks, "request").mockReturnValue(refused);
  account.keep({ ...PAIR, expires_in: 1 }, PROFILE);
  service.on("POST /auth/token", { body: { access_token: "a2", refresh_token: "r2", expires_in: 600 } });
  expect(await account.token()).toBe("a2");
});

it("forgets the account when its refresh token is refused, and keeps it while the service is away", async () => {
  account.keep({ ...PAIR, expires_in: 1 }, PROFILE);
  service.on("POST /auth/token", { status: 503, body: "" });
  await expect(account.token()).rejects.toMatchObject({ status: 503 });
  expect(account.profile?.name).toBe("Ann");
  service.on("POST /auth/token", problem(400, "invalid-grant"));
  expect(await account.token()).toBeNull();
  expect(account.profile).toBeNull();
});

it("says whether the profile has changed", () => {
  expect(account.update(PROFILE)).toBe(false);
  account.keep(PAIR, PROFILE);
  expect(account.update(PROFILE)).toBe(false);
  expect(account.update({ ...PROFILE, avatar: "/a.webp" })).toBe(true);
  expect(account.profile?.avatar).toBe("/a.webp");
});

it("is forgotten on signing out even where the service does not answer", async () => {
  account.keep(PAIR, PROFILE);
  service.on("POST /auth/revoke", null);
  await expect(account.signOut()).rejects.toMatchObject({ status: 0 });
  expect(account.profile).toBeNull();
  const revoked = Object.fromEntries(service.sent("POST /auth/revoke")[0]!.body as URLSearchParams);
  expect(revoked).toEqual({ token: "r1", client_id: "blog" });
});

it("takes no account of another shape from the storage", () => {
  localStorage.setItem("commentsvc:account:blog", '{"access": 1, "refresh": "r"}');
  expect(account.profile).toBeNull();
});
