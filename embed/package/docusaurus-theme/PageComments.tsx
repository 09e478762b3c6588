// The comments of a post or a doc.

import useDocusaurusContext from "@docusaurus/useDocusaurusContext";
import { usePluginData } from "@docusaurus/useGlobalData";
import type { JSX } from "react";
import type { Content } from "../docusaurus.js";
import { Comments } from "../react.js";

export default function PageComments({ metadata, frontMatter }: Content): JSX.Element | null {
  const { siteConfig, i18n } = useDocusaurusContext();
  const { service, site, lang, sort, theme } = usePluginData("commentsvc-embed");
  if (frontMatter.comments === false) return null;
  const { permalink, title } = metadata;
  return (
    <div className="margin-top--xl">
      <Comments
        service={service}
        site={site}
        thread={permalink}
        url={new URL(permalink, siteConfig.url).href}
        title={title}
        lang={lang ?? i18n.localeConfigs[i18n.currentLocale]?.htmlLang}
        sort={sort}
        theme={theme}
      />
    </div>
  );
}
