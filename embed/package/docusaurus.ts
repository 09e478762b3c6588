// Plugin for Docusaurus: the comments below blog posts and docs, and a copy of them in the built pages.

import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { insertCopies, type ThreadOptions } from "./index.js";

export interface DocusaurusOptions extends Omit<ThreadOptions, "thread" | "url" | "title"> {
  /** Whether pages have a copy of the comments for search engines. */
  copy?: boolean;
  /** Whether blog posts have comments. */
  blog?: boolean;
  /** Whether docs have comments. */
  docs?: boolean;
}

/** What Docusaurus knows of a post or a doc. */
export interface Content {
  metadata: { permalink: string; title: string };
  frontMatter: { comments?: boolean };
}

interface DocusaurusPlugin {
  name: "commentsvc-embed";
  getThemePath: () => string;
  contentLoaded: (args: { actions: { setGlobalData: (data: DocusaurusOptions) => void } }) => void;
  postBuild: (args: { outDir: string }) => Promise<void>;
}

const PAGES_AT_ONCE = 8; // as many requests as a small service answers at once

/** The plugin; its theme is docusaurus-theme/. */
export default function commentsPlugin(_context: unknown, options: DocusaurusOptions): DocusaurusPlugin {
  return {
    name: "commentsvc-embed",
    getThemePath: () => fileURLToPath(new URL("./docusaurus-theme", import.meta.url)),
    contentLoaded({ actions }) {
      actions.setGlobalData(options);
    },
    async postBuild({ outDir }) {
      if (options.copy === false) return;
      const pages = (await readdir(outDir, { recursive: true })).filter((name) => name.endsWith(".html"));
      const insertNext = async (): Promise<void> => {
        for (let name; (name = pages.pop());) await insertInto(join(outDir, name), options.service);
      };
      await Promise.all(Array.from({ length: PAGES_AT_ONCE }, insertNext));
    },
  };
}

async function insertInto(file: string, service: string): Promise<void> {
  const built = await readFile(file, "utf8");
  const page = await insertCopies(built, service);
  if (page === built) return;
  // Renamed, because other plugins (feeds, search) read the pages at the same time and would find half of one.
  await writeFile(`${file}.new`, page);
  await rename(`${file}.new`, file);
}
