// A blog post as the site's theme shows it, with its comments where it has a page of its own.

import { useBlogPost } from "@docusaurus/plugin-content-blog/client";
import { usePluginData } from "@docusaurus/useGlobalData";
import BlogPostItem from "@theme-init/BlogPostItem";
import PageComments from "@theme/PageComments";
import type { JSX } from "react";

export default function BlogPostItemWithComments(props: object): JSX.Element {
  const { isBlogPostPage, metadata, frontMatter } = useBlogPost();
  const { blog = true } = usePluginData("commentsvc-embed");
  return (
    <>
      <BlogPostItem {...props} />
      {blog && isBlogPostPage && <PageComments metadata={metadata} frontMatter={frontMatter} />}
    </>
  );
}
