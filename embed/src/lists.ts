// <comment-count> and <recent-comments>: what index pages show of a site. Loaded when a page has such an element.

import { make } from "./dom";
import { warnSiteOwner } from "./site-owner-warning";

const THREADS_MAX = 200; // in one request

interface RecentComment {
  author: { name: string };
  excerpt: string;
  permalink: string;
  thread: { title: string; key: string };
}

interface Counts {
  counts: Record<string, number>;
  texts: Record<number, string>;
}

/** `line` is the sentence in the page's language: "%(name)s on %(title)s". */
interface Recent {
  comments: RecentComment[];
  line: string;
}

const waiting = new Set<Element>();
const siteOf = (element: Element): string => element.getAttribute("site") ?? "";
const threadOf = (element: Element): string => element.getAttribute("thread") ?? location.pathname;

/** Show how many comments a page has. One request for each site asks for all such elements of the page. */
export function fillCount(base: string, element: Element): void {
  if (waiting.size === 0) setTimeout(() => void loadCounts(base)); // after all elements of the page are connected
  waiting.add(element);
}

async function loadCounts(base: string): Promise<void> {
  const elements = [...waiting];
  waiting.clear();
  for (const site of new Set(elements.map(siteOf))) {
    const here = elements.filter((element) => siteOf(element) === site);
    const threads = [...new Set(here.map(threadOf))];
    for (let at = 0; at < threads.length; at += THREADS_MAX) {
      const query = threads.slice(at, at + THREADS_MAX).map((thread) => ["thread", thread]);
      const answer = (await ask(base, "counts", site, query)) as Counts | null;
      for (const element of here) {
        const found = answer?.counts[threadOf(element)];
        if (answer && found !== undefined) element.textContent = answer.texts[found] ?? String(found);
      }
    }
  }
}

/** Show the newest comments of a site, as links. */
export async function fillRecent(base: string, element: Element): Promise<void> {
  const limit = element.getAttribute("limit");
  const answer = (await ask(base, "recent", siteOf(element), limit ? [["limit", limit]] : [])) as Recent | null;
  if (!answer) return;
  element.replaceChildren(make("ul", {}, ...answer.comments.map((comment) => makeItem(comment, answer.line))));
}

function makeItem(comment: RecentComment, line: string): HTMLLIElement {
  const title = make("bdi", {}, comment.thread.title || comment.thread.key);
  const parts: Record<string, Node> = {
    "%(name)s": make("bdi", {}, comment.author.name),
    "%(title)s": make("a", { href: comment.permalink, title: comment.excerpt }, title),
  };
  return make("li", {}, ...line.split(/(%\(\w+\)s)/).map((part) => parts[part] ?? part));
}

/** Ask the API; null when it does not answer or refuses. */
async function ask(base: string, what: string, site: string, query: string[][]): Promise<unknown> {
  const { lang } = document.documentElement;
  const all = new URLSearchParams([["site", site], ...(lang ? [["lang", lang]] : []), ...query]);
  const answer = await fetch(`${base}/api/v1/${what}?${all}`).catch(() => null);
  if (answer?.status === 404) {
    warnSiteOwner(`there is no site “${site}” at ${base}. Correct the site attribute of the element on this page.`);
  }
  return answer?.ok ? answer.json() : null;
}
