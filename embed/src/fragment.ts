// The one place where HTML enters the page. XMLHttpRequest parses it into an inert document: no script in it runs, and
// unlike innerHTML it needs no Trusted Types policy, so it works on the strictest pages.

const TIMEOUT_MS = 20_000;

/** A refusal in the service's own words; `status` 0 when no answer came at all. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    detail = "",
    readonly problems: FieldProblem[] = [],
    readonly problem: Record<string, unknown> = {},
  ) {
    super(detail);
  }
}

export interface FieldProblem {
  field: string;
  message: string;
}

/** An address of the service; what is empty is not said. */
export function address(base: string, path: string, query: Record<string, string>): string {
  const given = Object.entries(query).filter(([, value]) => value);
  return `${base}${path}?${new URLSearchParams(given)}`;
}

/**
 * Load HTML and take the first element that matches; with a `body` it is a POST. What comes is still in a document of its
 * own: nothing of it may be shown before `adopted` has been asked. Throws Refused.
 */
export function load(
  url: string,
  selector: string,
  signal: AbortSignal,
  headers: Record<string, string> = {},
  body: string | null = null,
): Promise<{ element: HTMLElement; etag: string | null }> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(body === null ? "GET" : "POST", url);
    request.responseType = "document";
    request.timeout = TIMEOUT_MS;
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.onload = () => {
      const found = request.status === 200 ? request.responseXML?.querySelector<HTMLElement>(selector) : null;
      if (found) resolve({ element: found, etag: body === null ? request.getResponseHeader("ETag") : null });
      else reject(new Refused(request.status));
    };
    request.onerror = request.ontimeout = () => reject(new Refused(0));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}

/** The element as this document's own, cleaned. */
export function adopted<E extends Element>(element: E): E {
  return document.importNode(cleaned(element), true);
}

/** The service sends nothing of this kind; should a proxy on the way, it stays out. */
export function cleaned<E extends Element>(root: E): E {
  root
    .querySelectorAll("script, style, iframe, object, embed, link, meta, base")
    .forEach((element) => element.remove());
  for (const element of [root, ...root.querySelectorAll("*")]) {
    for (const { name } of [...element.attributes]) {
      if (name.startsWith("on") || name === "style") element.removeAttribute(name);
    }
  }
  return root;
}
