// <comment-count> and <recent-comments>: what index pages show of a site. Loaded when a page has such an element.

import { ADDRESS_CHANGED, type PageAddress } from "./address";
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

/** The first bundle's function: this bundle would have a memory of its own of the page's address. */
export type AddressOf = (element: Element) => PageAddress;

type AskedPage = Pick<PageAddress, "thread" | "canonical">;

// Elements to fill in the next task: by then all elements of the page are connected and have their attributes.
const waitingCounts = new Set<Element>();
const waitingRecent = new Set<Element>();
/** The page last asked for: an answer about another one comes too late. */
const asked = new WeakMap<Element, AskedPage>();
/** Counts of the page that they are on. */
const ofThisPage = new Set<Element>();

const siteOf = (element: Element): string => element.getAttribute("site") ?? "";

/** Show how many comments a page has. One request for each site asks for all such elements of the page. */
export function fillCount(base: string, element: Element, addressOf: AddressOf): void {
  if (waitingCounts.size === 0) setTimeout(() => void loadCounts(base, addressOf));
  waitingCounts.add(element);
  if (element.getAttribute("thread")) return;
  if (ofThisPage.size === 0) addEventListener(ADDRESS_CHANGED, () => followAddress(base, addressOf));
  ofThisPage.add(element);
}

function followAddress(base: string, addressOf: AddressOf): void {
  for (const element of ofThisPage) {
    const isOfThisPage = element.isConnected && !element.getAttribute("thread");
    const isNew = isOfThisPage && addressOf(element).thread !== asked.get(element)?.thread;
    if (isNew) fillCount(base, element, addressOf);
  }
}

async function loadCounts(base: string, addressOf: AddressOf): Promise<void> {
  const elements = [...waitingCounts];
  waitingCounts.clear();
  const pages = new Map<Element, AskedPage>();
  for (const element of elements) {
    const thread = element.getAttribute("thread");
    const page = thread ? { thread, canonical: "" } : addressOf(element);
    pages.set(element, page);
    asked.set(element, page);
  }
  for (const site of new Set(elements.map(siteOf))) {
    const here = [...pages].filter(([element]) => siteOf(element) === site);
    const threads = [...new Set(here.map(([, { thread }]) => thread))];
    const canonical = here.find(([, page]) => page.canonical)?.[1].canonical;
    for (let at = 0; at < threads.length; at += THREADS_MAX) {
      const query = threads.slice(at, at + THREADS_MAX).map((thread) => ["thread", thread]);
      if (canonical) query.push(["canonical", canonical]);
      const answer = (await ask(base, "counts", site, query)) as Counts | null;
      if (answer) showCounts(answer, here);
    }
  }
}

function showCounts({ counts, texts }: Counts, pages: [Element, AskedPage][]): void {
  for (const [element, page] of pages) {
    const found = counts[page.canonical] ?? counts[page.thread];
    if (found !== undefined && asked.get(element) === page) element.textContent = texts[found] ?? String(found);
  }
}

/** Show the newest comments of a site, as links; several calls in one task are one request. */
export function fillRecent(base: string, element: Element): void {
  if (waitingRecent.has(element)) return;
  waitingRecent.add(element);
  setTimeout(() => void loadRecent(base, element));
}

async function loadRecent(base: string, element: Element): Promise<void> {
  waitingRecent.delete(element);
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
