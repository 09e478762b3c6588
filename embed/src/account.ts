// The account that is signed in on this site: its profile and its tokens, kept in this browser.

import { attempt, isTemporary } from "./refused";
import type { Profile, Service, TokenPair } from "./service";
import { readStored, writeStored } from "./storage";

interface StoredAccount extends Profile {
  access: string;
  refresh: string;
  until: number; // when the access token expires, in ms since 1970
}

const REFRESH_EARLY_MS = 60_000;

export class Account {
  readonly #service: Service;
  readonly #site: string;
  readonly #name: string;

  constructor(service: Service, site: string) {
    this.#service = service;
    this.#site = site;
    this.#name = `account:${site}`;
  }

  /** The profile of the account, or null when nobody is signed in. */
  get profile(): Profile | null {
    return this.#read();
  }

  /** A valid access token, or null when nobody is signed in any more. Throws Refused when the service is away. */
  async token(): Promise<string | null> {
    if (!this.#read()) return null;
    // One tab at a time: using a refresh token twice ends the sign-in.
    return (
      this.#validToken() ?? withLock(`commentsvc:${this.#site}`, async () => this.#validToken() ?? this.#refresh())
    );
  }

  keep(tokens: TokenPair, profile: Profile): void {
    const stored: StoredAccount = {
      name: profile.name,
      provider: profile.provider,
      avatar: profile.avatar,
      has_email: profile.has_email,
      access: tokens.access_token,
      refresh: tokens.refresh_token,
      until: Date.now() + tokens.expires_in * 1000,
    };
    writeStored(this.#name, stored);
  }

  /** Take over a changed profile (the avatar arrives some seconds after the sign-in); gives whether it has changed. */
  update({ name, avatar, has_email }: Profile): boolean {
    const stored = this.#read();
    if (!stored || (stored.name === name && stored.avatar === avatar && stored.has_email === has_email)) return false;
    writeStored(this.#name, { ...stored, name, avatar, has_email });
    return true;
  }

  forget(): void {
    writeStored(this.#name, null);
  }

  /** Forget the account and revoke its tokens. Throws Refused when the service is away; it is forgotten all the same. */
  async signOut(): Promise<void> {
    const stored = this.#read();
    this.forget();
    if (stored) await this.#service.revoke(this.#site, stored.refresh);
  }

  #read(): StoredAccount | null {
    const stored = readStored(this.#name) as StoredAccount | null;
    return typeof stored?.access === "string" && typeof stored.refresh === "string" ? stored : null;
  }

  #validToken(): string | null {
    const stored = this.#read();
    return stored && stored.until - REFRESH_EARLY_MS > Date.now() ? stored.access : null;
  }

  async #refresh(): Promise<string | null> {
    const stored = this.#read();
    if (!stored) return null;
    const form = { grant_type: "refresh_token", refresh_token: stored.refresh, client_id: this.#site };
    return attempt<string | null>(
      async () => {
        const tokens = await this.#service.token(form);
        this.keep(tokens, stored);
        return tokens.access_token;
      },
      (error) => {
        if (isTemporary(error)) throw error;
        this.forget();
        return null;
      },
    );
  }
}

/** Run `task` in one tab at a time. A sandboxed frame may hold no locks; it shares its storage with no other tab. */
async function withLock<T>(name: string, task: () => Promise<T>): Promise<T> {
  try {
    return await navigator.locks.request(name, task);
  } catch (error) {
    if (error instanceof DOMException && error.name === "SecurityError") return task();
    throw error;
  }
}
