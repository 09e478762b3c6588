// Solves the proof of work that the service may ask of a new visitor's browser (ALTCHA's format). No third party is asked.

export interface Challenge {
  algorithm: string;
  challenge: string; // the hash to find, in hex
  maxnumber: number;
  salt: string;
  signature: string;
}

const BATCH = 500;

/** The solution in the form that the service expects; null if there is none or the browser has no SubtleCrypto. */
export async function solve(asked: Challenge): Promise<string | null> {
  if (!("subtle" in crypto)) return null;
  const encoder = new TextEncoder();
  const hashOf = (number: number): Promise<ArrayBuffer> =>
    crypto.subtle.digest("SHA-256", encoder.encode(`${asked.salt}${number}`));
  for (let from = 1; from <= asked.maxnumber; from += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, asked.maxnumber - from + 1) }, (_, index) => from + index);
    const hashes = await Promise.all(numbers.map(hashOf));
    const number = numbers[hashes.findIndex((hash) => hex(hash) === asked.challenge)];
    if (number === undefined) continue;
    const { algorithm, challenge, salt, signature } = asked;
    return btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
  }
  return null;
}

const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
