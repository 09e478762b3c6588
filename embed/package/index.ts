// The package `commentsvc-embed`: puts the widget on a page, and the comments into the page when it is built.

import { baseOf } from "./thread.js";

export type * from "./elements.js";
export { fetchCopy, hostedUrl, insertCopies, renderThread, type ThreadOptions } from "./thread.js";

const loading = new Map<string, Promise<void>>();

/**
 * Load the widget from the service; the elements work from then on. Does nothing the second time, or without a document.
 *
 * Rejects when the script could not be loaded; the next call tries again.
 */
export function load(service: string): Promise<void> {
  const source = `${baseOf(service)}/embed.js`;
  if (typeof document === "undefined" || customElements.get("comment-thread")) return Promise.resolve();
  const known = loading.get(source);
  if (known) return known;
  const script = document.createElement("script");
  script.type = "module";
  script.src = source;
  const loaded = new Promise<void>((resolve, reject) => {
    script.addEventListener("load", () => resolve());
    script.addEventListener("error", () => {
      loading.delete(source);
      script.remove();
      reject(new Error(`${source} could not be loaded`));
    });
  });
  loading.set(source, loaded);
  document.head.append(script);
  return loaded;
}
