// Following a thread by email without commenting: the form below the reply form.

import { make, query } from "./dom";
import { rememberedGuest } from "./guest";
import { attempt, refusalText } from "./refused";
import type { Service } from "./service";
import type { ThreadHost } from "./thread-host";

/** Send the address of a form for following. The service mails it a link to confirm, so nobody follows by mistake. */
export async function follow(form: HTMLFormElement, host: ThreadHost, service: Service): Promise<void> {
  const { translator } = host;
  const input = query<HTMLInputElement>(form, "input");
  const say = (sentence: string): void => {
    query(form, "[role=status]").textContent = sentence;
  };
  const email = input.value.trim();
  if (!email) {
    say(translator.translate("Enter your email address."));
    input.focus();
    return;
  }
  const { site, thread } = host.page;
  await attempt(
    async () => {
      await service.follow({ site, thread, email, what: "thread" }, translator.lang);
      const sentence = translator.translate(
        "Thank you. If this address is new here, you will get an email with a link to confirm it.",
      );
      form.replaceChildren(make("p", { class: "hint", role: "status", tabindex: "-1" }, sentence));
      query(form, "p").focus();
    },
    (error) => say(error.problem.errors?.map(({ message }) => message).join(" ") || refusalText(error, translator)),
  );
}

/** Fill in the address of a guest who asked to be remembered. */
export function fillInFollower(form: HTMLFormElement): void {
  const input = query<HTMLInputElement>(form, "input");
  input.value ||= rememberedGuest()?.email ?? "";
}
