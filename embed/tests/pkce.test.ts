import { expect, it } from "vitest";
import { challengeOf, makePkce } from "../src/pkce";

it("makes the challenge of RFC 7636, appendix B", async () => {
  const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  expect(await challengeOf(verifier)).toBe("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
});

it("makes verifiers that RFC 7636 allows, with the challenge that belongs to them, and never one twice", async () => {
  const made = await Promise.all(Array.from({ length: 50 }, makePkce));
  for (const { verifier, challenge, state } of made) {
    expect(verifier).toMatch(/^[\w-]{43}$/);
    expect(challenge).toBe(await challengeOf(verifier));
    expect(state).toMatch(/^[\w-]{22}$/);
  }
  expect(new Set(made.flatMap(({ verifier, state }) => [verifier, state])).size).toBe(100);
});
