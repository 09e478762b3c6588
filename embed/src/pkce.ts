// Proof Key for Code Exchange (RFC 7636): the verifier stays in this page, only its hash is sent.

export interface Pkce {
  verifier: string;
  challenge: string;
  /** Ties the answer to this sign-in (RFC 6749, section 10.12). */
  state: string;
}

/** Pages without https have no SubtleCrypto, so nobody can sign in there. */
export const canSignIn = (): boolean => "subtle" in crypto;

export async function makePkce(): Promise<Pkce> {
  const verifier = base64Url(crypto.getRandomValues(new Uint8Array(32)));
  const state = base64Url(crypto.getRandomValues(new Uint8Array(16)));
  return { verifier, state, challenge: await challengeOf(verifier) };
}

/** The S256 code challenge of a verifier. */
export async function challengeOf(verifier: string): Promise<string> {
  return base64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

/** Base64 with the URL-safe alphabet and no padding (RFC 7636, appendix A). */
const base64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
