// A page's comments as HTML, for programs that build pages: the element, and the copy of the comments within it.

import type { Sort, Theme } from "./elements.js";

/** Which comments, and how they are shown. */
export interface ThreadOptions {
  /** The address of the service, such as `https://comments.example`. */
  service: string;
  /** The site's key. */
  site: string;
  /** The page's path, with the folder that the site is in. */
  thread: string;
  /** The page's address. */
  url?: string | undefined;
  /** The page's title. */
  title?: string | undefined;
  theme?: Theme | undefined;
  lang?: string | undefined;
  sort?: Sort | undefined;
}

const PATIENCE_MS = 10_000;
const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const ELEMENT = /(<comment-thread\b((?:"[^"]*"|[^">])*)>)(<\/comment-thread>|<noscript>)/g;
const escape = (text: string): string => text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? "");
const unescape = (text: string): string =>
  text.replace(/&#x27;|&#39;/g, "'").replace(/&(?:lt|gt|quot);|&amp;/g, (entity) => {
    const found = Object.entries(ENTITIES).find(([, name]) => name === entity);
    return found ? found[0] : entity;
  });

/** The service's address without a slash at the end. */
export const baseOf = (service: string): string => service.replace(/\/+$/, "");

/** The hosted page: the same comments on a page of their own, which needs no scripts. */
export function hostedUrl({ service, site, thread }: ThreadOptions): string {
  return `${baseOf(service)}/t/${encodeURIComponent(site)}?${new URLSearchParams({ thread }).toString()}`;
}

/**
 * The comments of a page as HTML without a form, to be put into `<comment-thread>` when the page is built.
 *
 * `init` is given to `fetch`. Where the service does not answer, or has no such site, the result is empty and a warning
 * is printed: a page without a copy is better than none.
 */
export async function fetchCopy(options: ThreadOptions, init?: RequestInit): Promise<string> {
  const { service, site, thread, sort, lang } = options;
  const query = new URLSearchParams({ site, thread, form: "0" });
  if (sort) query.set("sort", sort);
  if (lang) query.set("lang", lang);
  const address = `${baseOf(service)}/embed/v1/comments?${query.toString()}`;
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(PATIENCE_MS), ...init });
    if (answer.ok) return await answer.text();
    const reason = answer.status === 404 ? `there is no site “${site}”` : `status ${answer.status}`;
    console.warn(`comments: ${address}: ${reason}`);
  } catch (error) {
    console.warn(`comments: ${address}: ${String(error)}`);
  }
  return "";
}

/** A link to the hosted page, for readers without scripts. */
export const renderLink = (options: ThreadOptions): string =>
  `<noscript><a href="${escape(hostedUrl(options))}">Read and write comments</a></noscript>`;

/** The script and the element as HTML; `copy` comes from `fetchCopy`. */
export function renderThread(options: ThreadOptions, copy = ""): string {
  const { site, thread, url, title, theme, lang, sort } = options;
  const attributes = Object.entries({ site, thread, url, title, theme, lang, sort })
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => ` ${name}="${escape(value ?? "")}"`);
  return (
    `<script type="module" src="${escape(baseOf(options.service))}/embed.js"></script>\n` +
    `<comment-thread${attributes.join("")}>${copy}${renderLink(options)}</comment-thread>`
  );
}

/** A built page with a copy of the comments in each `<comment-thread>` that has none. */
export async function insertCopies(html: string, service: string): Promise<string> {
  const parts: string[] = [];
  let end = 0;
  for (const found of html.matchAll(ELEMENT)) {
    const [, tag = "", attributes = ""] = found;
    const value = (name: string): string => unescape(new RegExp(`\\s${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    const lang = value("lang") || /<html[^>]*\slang="([^"]*)"/.exec(html)?.[1];
    const sort = (value("sort") || undefined) as Sort | undefined;
    const after = found.index + tag.length;
    parts.push(
      html.slice(end, after),
      await fetchCopy({ service, site: value("site"), thread: value("thread"), lang, sort }),
    );
    end = after;
  }
  return parts.join("") + html.slice(end);
}
