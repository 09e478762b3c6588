// The other bundle: writing, signing in, voting, flagging, changing one's own comments. Loaded when somebody reaches for it.

import css from "./act.css";
import { Compose } from "./compose";
import { Refused } from "./fragment";
import type { Actor, Host } from "./host";
import { Hidden } from "./hidden";
import { Keepsakes } from "./keepsakes";
import { insert, recount } from "./place";
import { News } from "./news";
import { Own } from "./own";
import { React } from "./react";
import { Rest } from "./rest";
import { bearer, Service, type Posted, type Proof } from "./service";
import { Account, handOver } from "./signin";
import { key } from "./words";

const styles = new CSSStyleSheet();
styles.replaceSync(css);

/** Make a thread on the page one that can be acted on; at once, and what must be asked for follows. */
export function act(host: Host): Actor {
  const { site, thread } = host.page;
  if (!host.root.adoptedStyleSheets.includes(styles)) host.root.adoptedStyleSheets.push(styles);
  const { words } = host;
  const service = new Service(host.base);
  const keepsakes = new Keepsakes(`${site}:${thread}`);
  const account = new Account(service, site);
  const form = host.section.querySelector<HTMLFormElement>("form.respond");
  const compose =
    form && new Compose(form, host, service, keepsakes, account, words, { posted, identified: () => void showOwn() });
  const hidden = new Hidden(host, words);
  const own = new Own(host, service, words, proofFor);
  const react = new React(host, service, account, words, hidden, () =>
    compose?.askToSignIn(words.say("Please sign in to vote.")),
  );

  const news = new News(host, words, hidden);
  const rest = new Rest(host, words, hidden);

  async function proofFor(id: number): Promise<Proof | null> {
    const kept = keepsakes.own().find((one) => one.id === id);
    if (kept) return { "X-Edit-Token": kept.token };
    const token = await account.token();
    return token ? bearer(token) : null;
  }

  async function posted(answer: Posted, parent: number | null, isStillThere: boolean): Promise<void> {
    if (answer.edit_token) keepsakes.addOwn({ id: answer.id, token: answer.edit_token });
    const isPublished = answer.status === "approved";
    const sentence = isPublished
      ? key("Your comment is published.")
      : answer.status === "pending"
        ? key("Your comment is awaiting moderation.")
        : key("Your comment was not published.");
    host.say([words.say(sentence), answer.reason].filter(Boolean).join(" "));
    host.emit("comment-posted", { id: answer.id, status: answer.status });
    try {
      const item = await service.drawn(answer.id, words.lang, (await proofFor(answer.id)) ?? {}, host.gone);
      if (parent) item.dataset["parent"] = String(parent);
      if (!host.item(answer.id)) insert(host, item);
      if (isPublished) recount(host, words, host.count + 1);
      own.offer(answer.id);
      if (isStillThere) host.goTo(host.item(answer.id) ?? item);
    } catch (error) {
      // It is kept, and the status says so; only showing it at once did not work.
      if (!(error instanceof Refused)) throw error;
    }
  }

  /** Show one's comments that others do not see yet, and what can still be changed; forget those that are gone. */
  async function showOwn(): Promise<void> {
    const mine = keepsakes.own().map(({ id, token }) => ({ id, proof: { "X-Edit-Token": token } as Proof }));
    try {
      const token = await account.token();
      if (token) {
        const viewer = await service.viewer(site, thread, token);
        if (account.learn(viewer.account)) compose?.identify();
        react.mark(viewer.votes);
        mine.push(
          ...new Set(
            [...viewer.pending.map(({ id }) => id), ...(viewer.own ?? [])].map((id) => ({ id, proof: bearer(token) })),
          ),
        );
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // the service can't say at this moment
    }
    await Promise.all(
      mine.map(async ({ id, proof }) => {
        try {
          if (!host.item(id)) {
            const item = await service.drawn(id, words.lang, proof, host.gone);
            if (item.dataset["status"] && !host.item(id)) insert(host, item);
          }
          own.offer(id);
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          if (error.status === 404) keepsakes.forgetOwn(id);
        }
      }),
    );
  }

  /** Take up a sign-in that comes back to this page, in this tab or for the one that waits. */
  async function resume(): Promise<boolean> {
    try {
      return !(await handOver(site)) && (await account.resume());
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      host.say(error.message || words.say("That did not work. Nothing is lost; please try again."));
      return false;
    }
  }

  /** The words, for what follows is said with them. */
  async function learn(): Promise<void> {
    try {
      words.texts = (await service.texts(site, words.lang)).texts;
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // English sentences are better than none
    }
    compose?.dress();
    hidden.cover();
  }

  async function begin(): Promise<void> {
    await learned;
    const isResumed = await resume();
    if (isResumed) compose?.identify();
    await showOwn();
    if (isResumed) compose?.focus();
  }

  const learned = learn();
  void begin();
  return {
    clicked(target) {
      if (compose?.clicked(target) || own.clicked(target) || rest.clicked(target)) return;
      void learned.then(() => react.clicked(target));
    },
    submit: () => void compose?.submit(),
    reply: (id) => compose?.replyTo(id),
    find: (id) => void learned.then(() => rest.find(id)),
    hasNews: () => void learned.then(() => news.look()),
  };
}
