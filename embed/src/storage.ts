// Values kept in localStorage, or in memory where the browser blocks it. Nothing is stored before the reader does something.

const PREFIX = "commentsvc:";

const inMemory = new Map<string, string>(); // values that localStorage refused, until the page is closed

/** The value stored under a name, or null. The caller checks its type. */
export function readStored(name: string): unknown {
  let text = inMemory.get(name) ?? null;
  try {
    text ??= localStorage.getItem(PREFIX + name);
    return text === null ? null : (JSON.parse(text) as unknown);
  } catch {
    return null; // storage is blocked, or another script left something here that is not JSON
  }
}

/** Store a value as JSON; null and an empty list delete it. */
export function writeStored(name: string, value: unknown): void {
  const text = value === null || (Array.isArray(value) && !value.length) ? null : JSON.stringify(value);
  try {
    if (text === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, text);
    inMemory.delete(name);
  } catch {
    if (text === null) inMemory.delete(name);
    else inMemory.set(name, text);
  }
}

/** A stored list of integers; empty for anything else. */
export function readNumbers(name: string): number[] {
  const stored = readStored(name);
  return Array.isArray(stored) ? stored.filter((number): number is number => Number.isInteger(number)) : [];
}

/** The names that begin like this. */
export function storedNames(start = ""): string[] {
  const names = [...inMemory.keys()];
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    names.push(...keys.map((key) => key.slice(PREFIX.length)));
  } catch {
    // storage is blocked: all there is is in memory
  }
  return names.filter((name) => name.startsWith(start));
}

/** Whether something is stored that only the actions use: a draft, an edit token, a sign-in, hidden authors. */
export const hasStoredActions = (): boolean => storedNames().some((name) => /^(own|draft|account|hidden):/.test(name));
