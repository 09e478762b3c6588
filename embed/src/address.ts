// Which page this is: its address and its canonical link. The service makes the thread's key of them.

export interface PageAddress {
  /** The page's path and query; with `thread-from="hash"` its path and route. */
  thread: string;
  url: string;
  /** The canonical link, where it is another address. The service says whether it counts. */
  canonical: string;
}

/** The event on `window` after each change of the page's address. */
export const ADDRESS_CHANGED = "comment-address";

const POLL_MS = 500;
// The fragment of a page that a script routes by it, without a comment's place; the fragments of our own are no routes.
const ROUTE = /^#(?!comment(?:-\d+$|svc=)|respond$)(.+?)(?:#comment-\d+)?$/;

let loaded: string | undefined; // the address that the document was loaded from
let canonical = ""; // the document's canonical link
let hasLeft = false; // for another address: from then on the canonical link may be that of any page
let route = "";

/** Follow the page's address from now on; the entry file calls it once. */
export function watchAddress(): void {
  let last = location.href;
  const look = (): void => {
    readCanonical();
    if (last !== (last = location.href)) dispatchEvent(new Event(ADDRESS_CHANGED));
  };
  look();
  if ("navigation" in window) navigation.addEventListener("currententrychange", look);
  else setInterval(look, POLL_MS); // Firefox before 147, Safari before 26.2
}

/**
 * The address of the page that an element is on. The canonical link is about the page that was loaded; where a script
 * shows another page in its place, only the location counts.
 */
export function pageAddress(element: Element): PageAddress {
  const { origin, pathname, search, hash } = location;
  const path = pathname + search;
  const url = origin + path;
  if (element.getAttribute("thread-from") !== "hash") {
    const linked = readCanonical();
    return { thread: path, url, canonical: linked === url ? "" : linked };
  }
  route = ROUTE.exec(hash)?.[1] ?? route;
  return { thread: `${pathname}/${route.replace(/^!/, "")}`, url: route ? `${url}#${route}` : url, canonical: "" };
}

/** The canonical link while the loaded page is shown, else "". */
function readCanonical(): string {
  const here = withoutHash(location.href);
  loaded ??= withoutHash(performance.getEntriesByType("navigation")[0]?.name ?? here);
  hasLeft ||= here !== loaded;
  if (!hasLeft) canonical = document.querySelector<HTMLLinkElement>("link[rel~=canonical]")?.href ?? "";
  return here === loaded ? canonical : "";
}

const withoutHash = (href: string): string => href.split("#", 1)[0] ?? "";
