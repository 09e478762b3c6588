// The dialog in which a reader reports a comment to the moderators.

import { make, makeButton, query } from "./dom";
import { attempt, refusalText } from "./refused";
import type { ThreadHost } from "./thread-host";
import { phrase } from "./translator";

const REASONS: [key: string, label: string][] = [
  ["spam", phrase("It is spam")],
  ["abuse", phrase("It is abusive")],
  ["off_topic", phrase("It is off topic")],
  ["illegal", phrase("It is illegal")],
  ["other", phrase("Something else")],
];

/** Open the dialog; closing it focuses `opener`. `send` may throw Refused, which the dialog shows. */
export function openReportDialog(
  host: ThreadHost,
  opener: HTMLElement,
  send: (reason: string, text: string) => Promise<void>,
): void {
  const { translator } = host;
  const choices = REASONS.map(([value, label], index) => {
    const input = make("input", { type: "radio", name: "reason", value, required: true, checked: index === 0 });
    return make("label", {}, input, " ", translator.translate(label));
  });
  const question = translator.translate("What should the moderators know?");
  const text = make("textarea", {
    dir: "auto",
    rows: "3",
    maxlength: "1000",
    "aria-label": question,
    placeholder: question,
  });
  const trouble = make("p", { class: "trouble", role: "alert", hidden: true });
  const submit = make("button", { type: "submit", class: "send", part: "send" }, translator.translate("Report"));
  const cancel = makeButton(translator.translate("Cancel"), "cancel", () => dialog.close());
  const title = make("h3", { id: "report-title" }, translator.translate("Report this comment to the moderators"));
  const form = make(
    "form",
    { class: "report", novalidate: true },
    title,
    make("div", { class: "reasons" }, ...choices),
    text,
    trouble,
    make("p", { class: "send-row" }, submit, cancel),
  );
  const dialog = make("dialog", { class: "dialog", part: "dialog", "aria-labelledby": "report-title" }, form);

  dialog.addEventListener("close", () => {
    dialog.remove();
    opener.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const reason = query<HTMLInputElement>(form, "input:checked").value;
    void attempt(
      async () => {
        await send(reason, text.value.trim());
        dialog.close();
        host.announce(translator.translate("Thank you. The moderators will look at it."));
      },
      (error) => {
        trouble.textContent = refusalText(error, translator);
        trouble.hidden = false;
      },
    );
  });
  query(host.root, ".frame").append(dialog);
  dialog.showModal();
}
