// The one place where HTML enters the page. XMLHttpRequest parses it into an inert document: no script in it runs, and
// unlike innerHTML it needs no Trusted Types policy, so it works on the strictest pages.

import { Refused } from "./service";

const TIMEOUT_MS = 20_000;

/** Load a page of HTML and take the first element that matches, cleaned and owned by this document; throws Refused. */
export function load(address: string, selector: string, signal: AbortSignal, headers: Record<string, string> = {}): Promise<HTMLElement> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.timeout = TIMEOUT_MS;
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.onload = () => {
      const found = request.status === 200 ? request.responseXML?.querySelector<HTMLElement>(selector) : null;
      if (found) resolve(document.importNode(cleaned(found), true));
      else reject(new Refused(request.status, ""));
    };
    request.onerror = request.ontimeout = () => reject(new Refused(0, ""));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send();
  });
}

/** The service sends nothing of this kind; should a proxy on the way, it stays out. */
export function cleaned<E extends Element>(root: E): E {
  root.querySelectorAll("script, style, iframe, object, embed, link, meta, base").forEach((element) => element.remove());
  for (const element of [root, ...root.querySelectorAll("*")]) {
    for (const { name } of [...element.attributes]) {
      if (name.startsWith("on") || name === "style") element.removeAttribute(name);
    }
  }
  return root;
}
