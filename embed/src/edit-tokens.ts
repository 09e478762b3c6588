// The edit tokens of comments that this browser posted in a thread: they let a guest change and delete them.

import { readStored, writeStored } from "./storage";

const TOKENS_MAX = 50;

export interface EditToken {
  id: number; // of the comment
  token: string;
}

export class EditTokens {
  readonly #name: string;

  constructor(thread: string) {
    this.#name = `own:${thread}`;
  }

  all(): EditToken[] {
    const stored = readStored(this.#name);
    return Array.isArray(stored) ? stored.filter(isEditToken) : [];
  }

  add(added: EditToken): void {
    writeStored(this.#name, [...this.all(), added].slice(-TOKENS_MAX));
  }

  forget(id: number): void {
    writeStored(
      this.#name,
      this.all().filter((one) => one.id !== id),
    );
  }
}

function isEditToken(value: unknown): value is EditToken {
  const one = value as EditToken | null;
  return Number.isInteger(one?.id) && typeof one?.token === "string";
}
