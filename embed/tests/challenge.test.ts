import { expect, it } from "vitest";
import { solve, type Challenge } from "../src/challenge";

const salt = "0123456789abcdef01234567?expires=1795000000";

async function asked(number: number, maxnumber: number): Promise<Challenge> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${salt}${number}`)));
  const challenge = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { algorithm: "SHA-256", challenge, maxnumber, salt, signature: "ab" };
}

it.each([1, 499, 500, 501, 1203])("finds %i and sends back what was asked with it", async (number) => {
  const challenge = await asked(number, 2000);
  const found: unknown = JSON.parse(atob((await solve(challenge)) ?? ""));
  const { algorithm, challenge: hash, salt, signature } = challenge;
  expect(found).toEqual({ algorithm, challenge: hash, salt, signature, number });
});

it("gives up where there is nothing to be found", async () => {
  expect(await solve(await asked(1300, 1203))).toBeNull();
});
