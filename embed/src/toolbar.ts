// The few marks of Markdown as buttons, and a look at what the service would make of the text.

import { make } from "./dom";
import { Refused } from "./fragment";
import { key, type Words } from "./words";

/** What a button puts before and behind the selection; `line`: before each of its lines. */
interface Mark {
  sign: string;
  label: string;
  before: string;
  after?: string;
  line?: boolean;
}

const MARKS: Mark[] = [
  { sign: "B", label: key("Bold"), before: "**", after: "**" },
  { sign: "I", label: key("Italic"), before: "*", after: "*" },
  { sign: "🔗", label: key("Link"), before: "[", after: "](https://)" },
  { sign: "”", label: key("Quote"), before: "> ", line: true },
  { sign: "‹›", label: key("Code"), before: "`", after: "`" },
  { sign: "•", label: key("List"), before: "- ", line: true },
];

export function toolbar(
  area: HTMLTextAreaElement,
  words: Words,
  render: (signal: AbortSignal) => Promise<HTMLElement>,
  gone: AbortSignal,
): HTMLElement {
  const bar = make("div", {
    class: "toolbar",
    part: "toolbar",
    role: "toolbar",
    "aria-label": words.say("Formatting"),
  });
  const shown = make("div", {
    class: "preview",
    part: "preview",
    role: "region",
    "aria-label": words.say("Preview"),
    tabindex: "-1",
    hidden: true,
  });
  const buttons = MARKS.map((mark) => {
    const label = words.say(mark.label);
    const button = make("button", { type: "button", "aria-label": label, title: label }, mark.sign);
    button.addEventListener("click", () => put(area, mark));
    return button;
  });
  const look = make("button", { type: "button", class: "look", "aria-pressed": "false" }, words.say("Preview"));
  look.addEventListener("click", () => void preview());
  const all = [...buttons, look];

  async function preview(): Promise<void> {
    const isShown = look.getAttribute("aria-pressed") === "true";
    look.setAttribute("aria-pressed", String(!isShown));
    shown.hidden = isShown;
    area.hidden = !isShown;
    if (isShown) return area.focus();
    try {
      shown.replaceChildren(await render(gone));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      shown.replaceChildren(
        words.say(
          area.value.trim() ? key("There is no preview at the moment.") : key("Please write your comment first."),
        ),
      );
    }
  }

  // One stop for the Tab key; the arrows go from button to button (WAI-ARIA's toolbar pattern).
  all.forEach((button, index) => (button.tabIndex = index ? -1 : 0));
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const from = all.indexOf(event.target as HTMLButtonElement);
    if (!step || from < 0) return;
    event.preventDefault();
    const isRtl = getComputedStyle(bar).direction === "rtl";
    const to = all[(from + (isRtl ? -step : step) + all.length) % all.length];
    all.forEach((button) => (button.tabIndex = button === to ? 0 : -1));
    to?.focus();
  });
  area.addEventListener("input", () => {
    if (shown.hidden) return;
    look.setAttribute("aria-pressed", "false");
    shown.hidden = true;
    area.hidden = false;
  });
  bar.append(...all);
  area.after(shown, bar);
  return bar;
}

/** Mark the selection, or the place where words will be typed. */
function put(area: HTMLTextAreaElement, mark: Mark): void {
  area.hidden = false;
  const { selectionStart: from, selectionEnd: to, value } = area;
  const start = mark.line ? value.lastIndexOf("\n", from - 1) + 1 : from;
  const chosen = value.slice(start, to);
  const marked = mark.line ? chosen.replace(/^/gm, mark.before) : mark.before + chosen + (mark.after ?? "");
  area.focus();
  area.setSelectionRange(start, to);
  // The old command keeps the browser's undo; what replaced it everywhere else does not.
  if (!document.execCommand("insertText", false, marked)) {
    area.setRangeText(marked, start, to, "end");
    area.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  if (!mark.line && !chosen) area.setSelectionRange(start + mark.before.length, start + mark.before.length);
}
