// A message about the last action with a button to undo it, announced to screen readers. It takes no focus.
const SHOWN_MS = 20000;
let shown = null;
let timer = 0;

export function toast(sentence, isRefusal, undo) {
  shown?.remove();
  clearTimeout(timer);
  shown = document.createElement("div");
  shown.className = isRefusal ? "toast refused" : "toast";
  const words = document.createElement("p");
  words.setAttribute("role", isRefusal ? "alert" : "status");
  shown.append(words);
  if (undo) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Undo";
    const key = document.createElement("kbd");
    key.textContent = "z";
    key.setAttribute("aria-hidden", "true");
    button.append(key);
    button.addEventListener("click", undo);
    shown.append(button);
  }
  document.body.append(shown);
  words.textContent = sentence; // after it is in the page, or screen readers would not announce it
  if (!isRefusal) timer = setTimeout(() => shown.remove(), SHOWN_MS);
}
