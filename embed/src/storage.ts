// What this browser remembers, and only after somebody has done something. Works without storage too.

const PREFIX = "commentsvc:";

const lost = new Map<string, string>(); // where storage is blocked, for as long as the page is open

/** What was kept under a name, or null. */
export function recall<T>(name: string): T | null {
  let text = lost.get(name) ?? null;
  try {
    text ??= localStorage.getItem(PREFIX + name);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null; // blocked, or not ours: as good as nothing
  }
}

/** Keep something as JSON; null and an empty list forget it. */
export function remember(name: string, value: unknown): void {
  const text = value === null || (Array.isArray(value) && !value.length) ? null : JSON.stringify(value);
  try {
    if (text === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, text);
    lost.delete(name);
  } catch {
    if (text === null) lost.delete(name);
    else lost.set(name, text);
  }
}

/** A list of numbers that was kept; empty for anything else. */
export function recallNumbers(name: string): number[] {
  const kept = recall<unknown>(name);
  return Array.isArray(kept) ? kept.filter((number): number is number => Number.isInteger(number)) : [];
}

/** Whether anything is kept that only the other bundle can use: a draft, a comment of one's own, a sign-in, hidden people. */
export function hasKept(): boolean {
  try {
    return [...lost.keys(), ...Object.keys(localStorage)].some((key) =>
      /^(commentsvc:)?(own|draft|account|hidden):/.test(key),
    );
  } catch {
    return lost.size > 0;
  }
}
