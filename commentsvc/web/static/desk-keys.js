// Keyboard shortcuts, with WordPress's letters. Ignored while a text field has the focus, with modifier keys, while a dialog
// is open, and in browsers where the moderator has switched them off.
import { focusOn } from "./desk-queue.js";

const OFF = "commentsvc.keys-off";

export function startKeys(queue) {
  const help = document.getElementById("keys");
  const opener = document.querySelector("[data-help]");
  opener.hidden = false;
  opener.addEventListener("click", () => help.showModal());
  const box = help.querySelector("[data-keys-on]");
  box.checked = !isOff();
  document.documentElement.classList.toggle("no-keys", isOff());
  box.addEventListener("change", () => {
    remember(!box.checked);
    document.documentElement.classList.toggle("no-keys", !box.checked);
  });

  const shortcuts = {
    j: () => queue.move(1),
    k: () => queue.move(-1),
    z: () => queue.undo(),
    "/": () => document.querySelector('.search input[type="search"]').focus(),
    "?": () => help.showModal(),
    "[": () => goToTab(-1),
    "]": () => goToTab(1),
    x: (card) => card && tick(card, queue),
    q: (card) => card && queue.quickEdit(card),
    e: (card) => card && card.querySelector('[data-key="e"]').click(),
    r: (card) => card && openDetails(card, ".reply", "textarea"),
    t: (card) => card && openDetails(card, ".tell", "input"),
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.closest?.(".card details[open], .edit-form")) {
      const card = event.target.closest(".card");
      event.target.closest("details")?.removeAttribute("open");
      event.target.closest(".edit-form")?.remove();
      focusOn(card);
      return;
    }
    if (
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      event.isComposing ||
      (event.repeat && !"jk".includes(event.key))
    )
      return;
    if (document.documentElement.classList.contains("no-keys") || help.open || isTyping(event.target)) return;
    const isBulk = event.shiftKey && /^[A-Z]$/.test(event.key);
    const key = isBulk ? event.key.toLowerCase() : event.key;
    const card = queue.current();
    if (isBulk) {
      const button = queue.bar.querySelector(`button[name=action].act-${ACT[key]}`);
      if (!button || queue.bar.hidden) return;
      event.preventDefault();
      queue.decideSelected(button.value);
    } else if (shortcuts[key]) {
      event.preventDefault();
      shortcuts[key](card);
    } else if (ACT[key]) {
      const button = card?.querySelector(`button[name=one].act-${ACT[key]}`);
      if (!button) return;
      event.preventDefault();
      queue.decide([card], ACT[key]);
    }
  });
}

const ACT = { a: "approve", u: "pending", n: "reject", s: "spam", d: "delete" };

function isTyping(target) {
  const isBox = target.matches?.("input[type=checkbox]");
  return target.isContentEditable || (target.matches?.("input, textarea, select") && !isBox);
}

function tick(card, queue) {
  const box = card.querySelector("input[name=ids]");
  box.checked = !box.checked;
  queue.showSelection();
}

function openDetails(card, selector, field) {
  const details = card.querySelector(selector);
  if (!details) return;
  details.open = true;
  details.querySelector(field).focus();
}

function goToTab(step) {
  const tabs = [...document.querySelectorAll(".tabs a")];
  const next = tabs[tabs.findIndex((tab) => tab.hasAttribute("aria-current")) + step];
  if (next) next.click();
}

function isOff() {
  try {
    return localStorage.getItem(OFF) === "1";
  } catch {
    return false; // storage is blocked
  }
}

function remember(off) {
  try {
    if (off) localStorage.setItem(OFF, "1");
    else localStorage.removeItem(OFF);
  } catch {
    // Storage is blocked: the choice holds until the page is left.
  }
}
