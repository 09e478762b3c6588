// What the form below the comments needs as soon as it is shown: styles, colours and keys. Loaded beside the comments.

import css from "./form.css";
import { warnSiteOwner } from "./site-owner-warning";

const styles = new CSSStyleSheet();
styles.replaceSync(css);

/** Prepare a thread's element for the form that is about to be shown. */
export function prepareForm(element: HTMLElement & { readonly root: ShadowRoot }): void {
  const { root } = element;
  const frame = root.querySelector<HTMLElement>(".frame");
  if (frame) fitColors(frame);
  if (root.adoptedStyleSheets.includes(styles)) return;
  root.adoptedStyleSheets.push(styles);
  for (const type of ["keydown", "keypress", "keyup"]) {
    root.addEventListener(type, (event) => keepPlainKey(event as KeyboardEvent));
  }
  for (const type of ["focusin", "pointerover"]) {
    root.addEventListener(type, () => {
      if (frame) fitColors(frame); // the page may have changed its theme
    });
  }
  if (!element.nextSibling && element.querySelector(":scope > :not(noscript, a, .thread)")) {
    warnSiteOwner("what follows <comment-thread> is not shown. Close it by </comment-thread>, not by />.");
  }
}

/** Keep plain keys in our fields: to the page's hotkeys, which look at the event's target, they are no fields. */
function keepPlainKey(event: KeyboardEvent): void {
  const { key } = event;
  const isForPage = event.ctrlKey || event.metaKey || key === "Tab" || (key === "Escape" && !event.isComposing);
  if (!isForPage && (event.target as Element).matches("input, textarea, select")) event.stopPropagation();
}

/** Menus, dialogs and check boxes take the browser's dark colours where the page's text is light. */
function fitColors(frame: HTMLElement): void {
  // comments.css mixes this colour from the text's, so that it is "color(srgb 0.9 0.9 0.9)", however the page wrote it.
  const light = getComputedStyle(frame)
    .outlineColor.match(/[\d.]+/g)
    ?.reduce((sum, one) => sum + Number(one), 0);
  frame.style.colorScheme = Number(light) > 1.5 ? "dark" : "light";
}
