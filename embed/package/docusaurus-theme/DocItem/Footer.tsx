// The end of a doc as the site's theme shows it, with the doc's comments.

import { useDoc } from "@docusaurus/plugin-content-docs/client";
import { usePluginData } from "@docusaurus/useGlobalData";
import DocItemFooter from "@theme-init/DocItem/Footer";
import PageComments from "@theme/PageComments";
import type { JSX } from "react";

export default function DocItemFooterWithComments(props: object): JSX.Element {
  const { metadata, frontMatter } = useDoc();
  const { docs = true } = usePluginData("commentsvc-embed");
  return (
    <>
      <DocItemFooter {...props} />
      {docs && <PageComments metadata={metadata} frontMatter={frontMatter} />}
    </>
  );
}
