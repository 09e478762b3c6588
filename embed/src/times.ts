// Relative times ("3 minutes ago"), with the exact time as the tooltip.

const STEPS: [Intl.RelativeTimeFormatUnit, number, number][] = [
  ["second", 1, 45],
  ["minute", 60, 3600],
  ["hour", 3600, 86_400],
  ["day", 86_400, 30 * 86_400],
];

/** The language tag in its canonical form, or undefined for what is none, such as `{{ lang }}` or `en-US@posix`. */
export function canonical(tag: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag.replace(/_/g, "-"))[0];
  } catch {
    return undefined;
  }
}

/** The reader's own variant of the language, if the browser names one: British dates for a British reader of English. */
export function locale(lang: string): string | undefined {
  const language = canonical(lang);
  const [start] = language?.split("-") ?? [];
  return navigator.languages.map(canonical).find((own) => own?.split("-")[0] === start) ?? language;
}

let formats:
  { lang: string; exact: Intl.DateTimeFormat; day: Intl.DateTimeFormat; ago: Intl.RelativeTimeFormat } | undefined;

/** Update every <time> below `root`. */
export function showTimes(root: ParentNode, lang: string): void {
  if (formats?.lang !== lang) {
    const own = locale(lang);
    formats = {
      lang,
      exact: new Intl.DateTimeFormat(own, { dateStyle: "full", timeStyle: "short" }),
      day: new Intl.DateTimeFormat(own, { dateStyle: "long" }),
      ago: new Intl.RelativeTimeFormat(own, { numeric: "auto" }),
    };
  }
  const { exact, day, ago } = formats; // creating them takes longer than using them a hundred times
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    const seconds = (at.getTime() - Date.now()) / 1000;
    const step = STEPS.find(([, , end]) => Math.abs(seconds) < end);
    const text = step ? ago.format(Math.trunc(Math.min(0, seconds) / step[1]), step[0]) : day.format(at);
    if (time.textContent !== text) time.textContent = text;
    time.title = exact.format(at);
  }
}
