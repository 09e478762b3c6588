// The entry: finds the service's address and registers the elements, once.

import { pageAddress, watchAddress } from "./address";
import css from "./comments.css";
import { CommentThread, type FormModule, type KeyModule, type PollerModule } from "./thread";
import type { ActionsModule } from "./thread-host";

declare const ACTIONS_FILE: string; // build.mjs defines the names of the files loaded on demand
declare const FORM_FILE: string;
declare const KEY_FILE: string;
declare const LISTS_FILE: string;
declare const POLLER_FILE: string;

const base = new URL(".", import.meta.url).href.replace(/\/$/, "");

// Constructed, so that no page's style-src can forbid it.
const styles = new CSSStyleSheet();
styles.replaceSync(css);

let loading: Promise<ActionsModule> | null = null;
let attempts = 0;

/** Import the second bundle. A browser remembers a failed import, so each further attempt has a URL of its own. */
const importActions = (): Promise<ActionsModule> =>
  import(`${base}/embed/${ACTIONS_FILE}${attempts++ ? `?${attempts}` : ""}`) as Promise<ActionsModule>;

function loadActions(): Promise<ActionsModule> {
  loading ??= importActions().catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** An element of index pages; the code that fills it is loaded when a page has one. */
const listElement = (fill: "fillCount" | "fillRecent"): CustomElementConstructor =>
  class extends HTMLElement {
    static readonly observedAttributes = ["site", "thread", "thread-from", "limit"];

    connectedCallback(): void {
      void (import(`${base}/embed/${LISTS_FILE}`) as Promise<typeof import("./lists")>).then((lists) =>
        lists[fill](base, this, pageAddress),
      );
    }

    attributeChangedCallback(): void {
      if (this.isConnected) this.connectedCallback();
    }
  };

function register(name: string, element: CustomElementConstructor): void {
  if (!customElements.get(name)) customElements.define(name, element);
}

const loadForm = (): Promise<FormModule> => import(`${base}/embed/${FORM_FILE}`) as Promise<FormModule>;
const loadKey = (): Promise<KeyModule> => import(`${base}/embed/${KEY_FILE}`) as Promise<KeyModule>;
const loadPoller = (): Promise<PollerModule> => import(`${base}/embed/${POLLER_FILE}`) as Promise<PollerModule>;

watchAddress();
CommentThread.config = { base, styles: [styles], loadActions, loadForm, loadKey, loadPoller };
register("comment-thread", CommentThread);
register("comment-count", listElement("fillCount"));
register("recent-comments", listElement("fillRecent"));
// Back from a sign-in whose window was cut off from its opener. The page may have no thread yet.
if (/#comment(?:-\d|svc=)/.test(location.hash)) void loadActions().then((actions) => actions.handOver());
