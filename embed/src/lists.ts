// <comment-count> and <recent-comments>: what index pages show of a site. Loaded where a page has such an element.

import { make } from "./dom";
import { tell } from "./misconfigured";

const AT_ONCE = 200;

interface Recent {
  author: { name: string };
  excerpt: string;
  permalink: string;
  thread: { title: string; key: string };
}

const waiting = new Set<Element>();
const threadOf = (element: Element): string => element.getAttribute("thread") ?? location.pathname;

/** Show how many comments a page has; all of a page's are asked for in one request for each site. */
export function count(base: string, element: Element): void {
  if (waiting.size === 0) setTimeout(() => void askCounts(base)); // when all of the page's have come
  waiting.add(element);
}

async function askCounts(base: string): Promise<void> {
  const elements = [...waiting];
  waiting.clear();
  for (const site of new Set(elements.map((element) => element.getAttribute("site") ?? ""))) {
    const here = elements.filter((element) => (element.getAttribute("site") ?? "") === site);
    const threads = [...new Set(here.map(threadOf))];
    for (let at = 0; at < threads.length; at += AT_ONCE) {
      const query = threads.slice(at, at + AT_ONCE).map((thread) => ["thread", thread]);
      const answer = (await ask(base, "counts", site, query)) as {
        counts: Record<string, number>;
        texts: Record<string, string>;
      } | null;
      for (const element of here) {
        const found = answer?.counts[threadOf(element)];
        if (answer && found !== undefined) element.textContent = answer.texts[found] ?? String(found);
      }
    }
  }
}

/** Show the newest comments of a site, as links. */
export async function recent(base: string, element: Element): Promise<void> {
  const limit = element.getAttribute("limit");
  const answer = (await ask(base, "recent", element.getAttribute("site") ?? "", limit ? [["limit", limit]] : [])) as {
    comments: Recent[];
    line: string;
  } | null;
  if (answer) element.replaceChildren(make("ul", {}, ...answer.comments.map((comment) => item(comment, answer.line))));
}

/** `line` is the sentence in the page's language: "%(name)s on %(title)s". */
function item(comment: Recent, line: string): HTMLLIElement {
  const title = make("bdi", {}, comment.thread.title || comment.thread.key);
  const parts: Record<string, Node> = {
    "%(name)s": make("bdi", {}, comment.author.name),
    "%(title)s": make("a", { href: comment.permalink, title: comment.excerpt }, title),
  };
  return make("li", {}, ...line.split(/(%\(\w+\)s)/).map((part) => parts[part] ?? part));
}

async function ask(base: string, what: string, site: string, query: string[][]): Promise<unknown> {
  const lang = document.documentElement.lang;
  const all = new URLSearchParams([["site", site], ...(lang ? [["lang", lang]] : []), ...query]);
  const answer = await fetch(`${base}/api/v1/${what}?${all}`).catch(() => null);
  if (answer?.status === 404)
    tell(`there is no site “${site}” at ${base}. Mend the site attribute of the element on this page.`);
  return answer?.ok ? answer.json() : null;
}
