// A little work that the service may ask of a stranger's browser before it takes another comment; no third party is asked.

export interface Challenge {
  algorithm: string;
  challenge: string; // hex of the hash to be found
  maxnumber: number;
  salt: string;
  signature: string;
}

const AT_ONCE = 500;

/** The number whose hash is asked for, as the service wants it back; null where the browser has no means to look. */
export async function solve(asked: Challenge): Promise<string | null> {
  if (!("subtle" in crypto)) return null;
  const encoder = new TextEncoder();
  for (let from = 1; from <= asked.maxnumber; from += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, asked.maxnumber - from + 1) }, (_, index) => from + index);
    const hashes = await Promise.all(
      numbers.map((number) => crypto.subtle.digest("SHA-256", encoder.encode(asked.salt + number))),
    );
    const number = numbers[hashes.findIndex((hash) => hex(hash) === asked.challenge)];
    if (number === undefined) continue;
    const { algorithm, challenge, salt, signature } = asked;
    return btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
  }
  return null;
}

const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
