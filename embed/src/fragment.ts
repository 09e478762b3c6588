// The one place where HTML enters the page. XMLHttpRequest parses it into an inert document: no script in it runs, and
// unlike innerHTML it needs no Trusted Types policy, so it works on the strictest pages.

import { Refused } from "./refused";

const TIMEOUT_MS = 20_000;

/** A URL of the service; empty values are left out. */
export function serviceUrl(base: string, path: string, query: Record<string, string>): string {
  const given = Object.entries(query).filter(([, value]) => value);
  return `${base}${path}?${new URLSearchParams(given)}`;
}

/**
 * Load HTML and take the first element that matches; with a `body` it is a POST. The element is still in the inert
 * document: pass it to `adopt` before showing it. Throws Refused.
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
    request.open(body ? "POST" : "GET", url);
    request.responseType = "document";
    request.timeout = TIMEOUT_MS;
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.onload = () => {
      const found = request.status === 200 ? request.responseXML?.querySelector<HTMLElement>(selector) : null;
      if (found) resolve({ element: found, etag: request.getResponseHeader("ETag") });
      else reject(new Refused(request.status));
    };
    request.onerror = request.ontimeout = () => {
      reject(new Refused(0));
    };
    signal.addEventListener(
      "abort",
      () => {
        request.abort();
      },
      { once: true },
    );
    request.send(body);
  });
}

/** A cleaned copy of the element that belongs to this document. */
export function adopt<E extends Element>(element: E): E {
  return document.importNode(clean(element), true);
}

/** Remove active content. The service sends none; a proxy between might. */
export function clean<E extends Element>(root: E): E {
  root.querySelectorAll("script, style, iframe, object, embed, link, meta, base").forEach((element) => {
    element.remove();
  });
  for (const element of [root, ...root.querySelectorAll("*")]) {
    for (const { name } of [...element.attributes]) {
      if (name.startsWith("on") || name === "style") element.removeAttribute(name);
    }
  }
  return root;
}
