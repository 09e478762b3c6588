// The lines to embed with the chosen attributes, and a preview of the widget that they make.
const code = document.querySelector("[data-snippet]");
const plain = code.textContent;
let preview = document.querySelector("[data-preview]");

for (const select of document.querySelectorAll("[data-attribute]")) select.addEventListener("change", show);

function show() {
  const chosen = [...document.querySelectorAll("[data-attribute]")].filter((select) => select.value);
  const attributes = chosen.map((select) => ` ${select.dataset.attribute}="${select.value}"`).join("");
  code.textContent = plain.replace(/(site="[^"]*")/, `$1${attributes}`);
  const next = document.createElement("comment-thread");
  for (const name of ["site", "thread", "title", "data-preview"]) next.setAttribute(name, preview.getAttribute(name));
  for (const select of chosen) next.setAttribute(select.dataset.attribute, select.value);
  preview.replaceWith(next);
  preview = next;
}

const copy = document.querySelector("[data-copy]");
copy.hidden = !navigator.clipboard;
copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(code.textContent);
  document.querySelector("[data-copied]").textContent = "Copied.";
});
