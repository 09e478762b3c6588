// The name and addresses of a guest who asked this browser to remember them.

import { readStored, writeStored } from "./storage";

export interface Guest {
  name: string;
  email: string;
  website: string;
}

/** The guest whom this browser remembers, or null. */
export function rememberedGuest(): Guest | null {
  const stored = readStored("guest") as Guest | null;
  return typeof stored?.name === "string" ? stored : null;
}

/** Remember a guest; null forgets. */
export function rememberGuest(guest: Guest | null): void {
  writeStored("guest", guest);
}
