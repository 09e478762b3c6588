// What the parts for VitePress and Docusaurus use of these, so that building the package does not need to install them.

declare module "vitepress" {
  import type { Ref } from "vue";

  export function useData(): {
    page: Ref<{ relativePath: string; title: string }>;
    site: Ref<{ base: string; cleanUrls: boolean }>;
    theme: Ref<{ comments: import("./vitepress.js").VitePressOptions }>;
    frontmatter: Ref<{ comments?: boolean }>;
    lang: Ref<string>;
  };
}

declare module "@docusaurus/useDocusaurusContext" {
  export default function useDocusaurusContext(): {
    siteConfig: { url: string };
    i18n: { currentLocale: string; localeConfigs: Record<string, { htmlLang: string }> };
  };
}

declare module "@docusaurus/useGlobalData" {
  export function usePluginData(name: "commentsvc-embed"): import("./docusaurus.js").DocusaurusOptions;
}

declare module "@docusaurus/plugin-content-blog/client" {
  export function useBlogPost(): import("./docusaurus.js").Content & { isBlogPostPage: boolean };
}

declare module "@docusaurus/plugin-content-docs/client" {
  export function useDoc(): import("./docusaurus.js").Content;
}

declare module "@theme/PageComments" {
  export { default } from "./docusaurus-theme/PageComments.js";
}

declare module "@theme-init/BlogPostItem" {
  import type { ComponentType } from "react";

  const BlogPostItem: ComponentType<object>;
  export default BlogPostItem;
}

declare module "@theme-init/DocItem/Footer" {
  import type { ComponentType } from "react";

  const DocItemFooter: ComponentType<object>;
  export default DocItemFooter;
}
