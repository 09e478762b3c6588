// Theme for VitePress: shows the comments of a page below it.

import { useData } from "vitepress";
import { type Component, defineComponent, h, onMounted, type VNode } from "vue";
import { load } from "./index.js";
import { renderLink } from "./thread.js";

/** The path of a page is made of its file's: the router has it with and without `.html`. */
function threadOf(relativePath: string, site: { base: string; cleanUrls: boolean }): string {
  const ending = site.cleanUrls ? "" : ".html";
  return site.base + relativePath.replace(/(^|\/)index\.md$/, "$1").replace(/\.md$/, ending);
}

const PageComments = defineComponent(() => {
  const { page, site, theme, frontmatter, lang } = useData();
  onMounted(() => {
    load(theme.value.comments.service).catch((error: unknown) => console.warn(error));
  });
  return (): VNode | null => {
    if (frontmatter.value.comments === false) return null;
    const { service, origin, ...options } = theme.value.comments;
    const thread = threadOf(page.value.relativePath, site.value);
    const attributes = {
      site: options.site,
      thread,
      url: origin ? new URL(thread, origin).href : thread,
      title: page.value.title,
      lang: options.lang ?? lang.value,
      sort: options.sort,
      theme: options.theme,
    };
    // In the browser no content is given, so that Vue leaves the copy that the build has put there.
    const content = typeof document === "undefined" && { innerHTML: renderLink({ service, ...attributes }) };
    // A new element for each thread, so that no page ever shows the comments of another.
    const element = h("comment-thread", { key: thread, ...attributes, ...content });
    return h("div", { class: "vp-doc", style: { marginTop: "48px" } }, [element]); // the class styles the copy
  };
});

/** The theme with the comments below each page that is not a home page. */
export function withComments<T extends { Layout?: Component }>(theme: T): T & { Layout: Component } {
  const { Layout } = theme;
  if (!Layout) throw new TypeError("the theme has no Layout: give the default theme, or one with the same slots");
  return { ...theme, Layout: () => h(Layout, null, { "doc-after": () => h(PageComments) }) };
}
