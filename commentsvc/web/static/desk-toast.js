// One sentence about what was just done, and the way to undo it; read out, and never in the way of the keyboard.
let place = null;
let timer = 0;

export function toast(sentence, isRefusal, undo) {
  place?.remove();
  clearTimeout(timer);
  place = document.createElement("div");
  place.className = isRefusal ? "toast refused" : "toast";
  const words = document.createElement("p");
  words.setAttribute("role", isRefusal ? "alert" : "status");
  place.append(words);
  if (undo) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Undo";
    const key = document.createElement("kbd");
    key.textContent = "z";
    key.setAttribute("aria-hidden", "true");
    button.append(key);
    button.addEventListener("click", undo);
    place.append(button);
  }
  document.body.append(place);
  words.textContent = sentence; // after it is in the page, so that it is read out
  if (!isRefusal) timer = setTimeout(() => place.remove(), 20000);
}
