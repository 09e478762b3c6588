// Configuration for VitePress: gives the theme (vitepress-theme.ts) its options, and built pages a copy of their comments.

import { insertCopies, type ThreadOptions } from "./index.js";

export interface VitePressOptions extends Omit<ThreadOptions, "thread" | "url" | "title"> {
  /** Whether pages have a copy of the comments for search engines. */
  copy?: boolean;
  /** The site's origin, such as `https://blog.example`. */
  origin?: string;
}

interface VitePressConfig {
  themeConfig: { comments: VitePressOptions };
  transformHtml?: (html: string) => Promise<string>;
  vite: { ssr: { noExternal: string[] }; optimizeDeps: { exclude: string[] } };
}

/** What a site's configuration `extends`. */
export default function commentsConfig(options: VitePressOptions): VitePressConfig {
  const { copy = true, service } = options;
  return {
    themeConfig: { comments: options },
    ...(copy && { transformHtml: (html: string) => insertCopies(html, service) }),
    // Only what Vite itself has processed can import `vitepress`, in builds and in `vitepress dev`.
    vite: { ssr: { noExternal: ["commentsvc-embed"] }, optimizeDeps: { exclude: ["commentsvc-embed"] } },
  };
}
