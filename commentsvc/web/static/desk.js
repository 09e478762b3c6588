// Selecting a whole page and counting what is selected; without scripts the queue is plain forms.
const form = document.getElementById("decide");
if (form) {
  const all = form.querySelector("[data-all]");
  const boxes = [...form.querySelectorAll("input[name=ids]")];
  const bar = form.querySelector(".bar");
  const count = form.querySelector("[data-count]");

  const show = () => {
    const selected = boxes.filter((box) => box.checked).length;
    all.checked = selected === boxes.length;
    all.indeterminate = selected > 0 && selected < boxes.length;
    bar.hidden = selected === 0;
    count.textContent = `${selected} selected:`;
  };

  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    show();
  });
  for (const box of boxes) box.addEventListener("change", show);
  // Going back in history, browsers tick the boxes again after this script has run.
  addEventListener("pageshow", show);
  all.closest("[hidden]").hidden = false;
  show();
}
