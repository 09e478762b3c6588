// Times as a reader says them: "3 minutes ago", and the exact one at hand.

const STEPS: [Intl.RelativeTimeFormatUnit, number, number][] = [
  ["second", 1, 45],
  ["minute", 60, 3600],
  ["hour", 3600, 86_400],
  ["day", 86_400, 30 * 86_400],
];

/** The reader's own spelling of the language, where the browser knows one: British dates for a British reader of English. */
export function locale(lang: string): string | undefined {
  return navigator.languages.find((own) => own.split("-")[0] === lang.split("-")[0]) ?? (lang || undefined);
}

/** Write every <time> below `root` anew. */
export function tell(root: ParentNode, lang: string): void {
  const own = locale(lang);
  const exact = new Intl.DateTimeFormat(own, { dateStyle: "full", timeStyle: "short" });
  const day = new Intl.DateTimeFormat(own, { dateStyle: "long" });
  const ago = new Intl.RelativeTimeFormat(own, { numeric: "auto" });
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    const seconds = (at.getTime() - Date.now()) / 1000;
    const step = STEPS.find(([, , end]) => Math.abs(seconds) < end);
    const words = step ? ago.format(Math.trunc(Math.min(0, seconds) / step[1]), step[0]) : day.format(at);
    if (time.textContent !== words) time.textContent = words;
    time.title = exact.format(at);
  }
}
