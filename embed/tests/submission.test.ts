// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Refused } from "../src/refused";
import { Submission, type Answers, type SubmissionState } from "../src/submission";

let states: SubmissionState[];
let gone: AbortController;
let isOnline: boolean;
let mayWrite: boolean;
let outcomes: (Refused | Error | null)[]; // of the next requests; null: it is posted
let received: Answers[];
let submission: Submission;

beforeEach(() => {
  vi.useFakeTimers();
  states = [];
  received = [];
  outcomes = [];
  gone = new AbortController();
  isOnline = mayWrite = true;
  vi.spyOn(navigator, "onLine", "get").mockImplementation(() => isOnline);
  submission = new Submission({
    onChange: (state) => states.push(state),
    resend: () => send(),
    mayWrite: () => Promise.resolve(mayWrite),
    gone: gone.signal,
  });
});

afterEach(() => {
  gone.abort();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function send(): Promise<void> {
  return submission.send((answers) => {
    received.push({ ...answers });
    const outcome = outcomes.shift() ?? null;
    return outcome ? Promise.reject(outcome) : Promise.resolve();
  });
}

const names = (): string[] => states.map(({ name }) => name);
const away = (): Refused => new Refused(503);
const secondsLeft = (): number[] => states.flatMap((state) => (state.name === "waiting" ? [state.left_s] : []));

async function challenge(): Promise<Refused> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("salt3"));
  const hex = Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const asked = { algorithm: "SHA-256", challenge: hex, maxnumber: 10, salt: "salt", signature: "s" };
  return new Refused(403, { type: "https://c.test/docs#problem-challenge", challenge: asked });
}

it("goes from sending to idle when the comment is posted", async () => {
  await send();
  expect(names()).toEqual(["sending", "idle"]);
});

it("sends nothing while a request is on its way", async () => {
  await Promise.all([send(), send()]);
  expect(received).toHaveLength(1);
});

it("hands a refusal to the author and plans nothing", async () => {
  outcomes = [new Refused(422, { detail: "Too long." })];
  await send();
  expect(states.at(-1)).toMatchObject({ name: "refused", error: { message: "Too long." } });
  await vi.advanceTimersByTimeAsync(120_000);
  expect(received).toHaveLength(1);
});

it("counts down and sends again when the service is away, each time later, up to a minute", async () => {
  outcomes = Array.from({ length: 7 }, away);
  await send();
  expect(secondsLeft()).toEqual([5]);
  await vi.advanceTimersByTimeAsync(4000);
  expect(secondsLeft()).toEqual([5, 4, 3, 2, 1]);
  for (const [wait_s, requests] of [
    [1, 2],
    [10, 3],
    [20, 4],
    [40, 5],
    [60, 6],
    [60, 7],
  ] as const) {
    await vi.advanceTimersByTimeAsync(wait_s * 1000);
    expect(received).toHaveLength(requests);
  }
  await vi.advanceTimersByTimeAsync(60_000);
  expect(states.at(-1)?.name).toBe("idle");
  await vi.advanceTimersByTimeAsync(600_000);
  expect(received).toHaveLength(8);
});

it("waits without counting while the browser is offline, and sends as soon as it is online", async () => {
  outcomes = [new Refused(0)];
  isOnline = false;
  await send();
  await vi.advanceTimersByTimeAsync(300_000);
  expect(received).toHaveLength(1);
  expect(states.at(-1)).toEqual({ name: "waiting", left_s: 5, isOnline: false });
  window.dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(0);
  expect(received).toHaveLength(2);
  expect(states.at(-1)?.name).toBe("idle");
});

it("plans nothing for a page that may not write", async () => {
  outcomes = [new Refused(0)];
  mayWrite = false;
  await send();
  expect(states.at(-1)).toEqual({ name: "forbidden" });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(received).toHaveLength(1);
});

it("solves a challenge and sends its solution, at most twice for one comment", async () => {
  outcomes = [await challenge(), await challenge(), await challenge()];
  await send();
  expect(received.map((answers) => "challenge" in answers)).toEqual([false, true, true]);
  expect(JSON.parse(atob(received[1]!["challenge"] as string))).toMatchObject({ number: 3, salt: "salt" });
  expect(states).toContainEqual({ name: "sending", isSolving: true });
  expect(states.at(-1)?.name).toBe("refused");
});

it("forgets answers once the comment is posted, and when the text is changed", async () => {
  submission.answer("send_anyway", true);
  await send();
  await send();
  submission.answer("send_anyway", true);
  submission.textChanged();
  await send();
  expect(received).toEqual([{ send_anyway: true }, {}, {}]);
});

it("gives up the planned attempt when the text is changed, and when the form is gone", async () => {
  outcomes = [away(), away()];
  await send();
  submission.textChanged();
  expect(states.at(-1)?.name).toBe("idle");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(received).toHaveLength(1);
  await send();
  gone.abort();
  window.dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(received).toHaveLength(2);
});

it("throws an error that is no refusal, and can send again afterwards", async () => {
  outcomes = [new Error("a fault of ours")];
  await expect(send()).rejects.toThrow("a fault of ours");
  expect(submission.isSending).toBe(false);
  await send();
  expect(received).toHaveLength(2);
});
