// The toolbar below the text field: buttons for Markdown, and a preview.

import { make } from "./dom";
import { attempt } from "./refused";
import { phrase, type Translator } from "./translator";

/** The characters that a button puts around the selection; with `isLine`, before each of its lines. */
interface Mark {
  sign: string;
  label: string;
  before: string;
  after?: string;
  isLine?: boolean;
}

const MARKS: Mark[] = [
  { sign: "B", label: phrase("Bold"), before: "**", after: "**" },
  { sign: "I", label: phrase("Italic"), before: "*", after: "*" },
  { sign: "🔗", label: phrase("Link"), before: "[", after: "](https://)" },
  { sign: "”", label: phrase("Quote"), before: "> ", isLine: true },
  { sign: "‹›", label: phrase("Code"), before: "`", after: "`" },
  { sign: "•", label: phrase("List"), before: "- ", isLine: true },
];

export interface Toolbar {
  element: HTMLElement;
  /** Show the text field again instead of its preview. */
  endPreview: () => void;
}

/** Insert the toolbar behind the text field. `render` gives the field's Markdown as HTML, or throws Refused. */
export function makeToolbar(
  area: HTMLTextAreaElement,
  translator: Translator,
  render: () => Promise<HTMLElement>,
): Toolbar {
  const previewLabel = translator.translate("Preview");
  const bar = make("div", {
    class: "toolbar",
    part: "toolbar",
    role: "toolbar",
    "aria-label": translator.translate("Formatting"),
  });
  const shown = make("div", {
    class: "preview",
    part: "preview",
    role: "region",
    "aria-label": previewLabel,
    tabindex: "-1",
    hidden: true,
  });
  const buttons = MARKS.map((mark) => {
    const label = translator.translate(mark.label);
    const button = make("button", { type: "button", "aria-label": label, title: label }, mark.sign);
    button.addEventListener("click", () => {
      setPreview(false);
      insertMark(area, mark);
    });
    return button;
  });
  const toggle = make("button", { type: "button", class: "look", "aria-pressed": "false" }, previewLabel);
  toggle.addEventListener("click", () => void togglePreview());
  const all = [...buttons, toggle];

  function setPreview(isShown: boolean): void {
    toggle.setAttribute("aria-pressed", String(isShown));
    shown.hidden = !isShown;
    area.hidden = isShown;
  }

  async function togglePreview(): Promise<void> {
    setPreview(Boolean(shown.hidden));
    if (shown.hidden) {
      area.focus();
      return;
    }
    const content = await attempt<Node | string>(render, () =>
      translator.translate(
        area.value.trim() ? phrase("There is no preview at the moment.") : phrase("Please write your comment first."),
      ),
    );
    shown.replaceChildren(content);
  }

  // One stop for the Tab key; the arrow keys move between the buttons (WAI-ARIA's toolbar pattern).
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
    if (!shown.hidden) setPreview(false);
  });
  bar.append(...all);
  area.after(shown, bar);
  return { element: bar, endPreview: () => setPreview(false) };
}

/** Put the marks around the selection, or where the next words will be typed. */
function insertMark(area: HTMLTextAreaElement, mark: Mark): void {
  const { selectionStart: from, selectionEnd: to, value } = area;
  const start = mark.isLine ? value.lastIndexOf("\n", from - 1) + 1 : from;
  const selected = value.slice(start, to);
  const marked = mark.isLine ? selected.replace(/^/gm, mark.before) : mark.before + selected + (mark.after ?? "");
  area.focus();
  area.setSelectionRange(start, to);
  // execCommand is deprecated, but nothing else keeps the browser's undo history.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  if (!document.execCommand("insertText", false, marked)) {
    area.setRangeText(marked, start, to, "end");
    area.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  if (!mark.isLine && !selected) area.setSelectionRange(start + mark.before.length, start + mark.before.length);
}
