// Plugin for Eleventy: the shortcode `comments`.

import { fetchCopy, renderThread, type ThreadOptions } from "./index.js";

export interface EleventyOptions extends Omit<ThreadOptions, "thread" | "url" | "title"> {
  /** Whether pages have a copy of the comments for search engines. */
  copy?: boolean;
  /** The site's origin, such as `https://blog.example`. */
  origin?: string;
}

interface EleventyConfig {
  readonly pathPrefix?: string;
  addAsyncShortcode(name: string, shortcode: (this: ShortcodeScope) => Promise<string>): void;
}

interface ShortcodeScope {
  page: { url: string };
  ctx: { title?: string; lang?: string };
}

/** Add the shortcode `comments`, which puts the comments of the page where it stands. */
export default function commentsPlugin(config: EleventyConfig, options: EleventyOptions): void {
  const { copy = true, origin, ...shared } = options;
  config.addAsyncShortcode("comments", async function () {
    const folder = (config.pathPrefix ?? "/").replace(/^\/?|\/*$/g, "/").replace(/\/+$/, "");
    const thread = folder + this.page.url;
    const url = origin && new URL(thread, origin).href;
    const thisPage = { lang: this.ctx.lang, ...shared, thread, url, title: this.ctx.title };
    return renderThread(thisPage, copy ? await fetchCopy(thisPage) : "");
  });
}
