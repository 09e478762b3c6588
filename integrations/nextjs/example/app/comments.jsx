// The comments of a page. A server component: fetches their copy where the page is rendered.
import { fetchCopy } from "commentsvc-embed";
import { Comments } from "commentsvc-embed/react";

const SERVICE = process.env.COMMENTS_SERVICE ?? "https://comments.example";
const ORIGIN = process.env.SITE_ORIGIN ?? "https://blog.example";
const BASE_PATH = "/notes"; // as in next.config.mjs

export default async function PageComments({ path, copy = true, ...options }) {
  const thread = BASE_PATH + path;
  const page = { service: SERVICE, site: "blog", thread, url: new URL(thread, ORIGIN).href, ...options };
  return <Comments {...page} copy={copy ? await fetchCopy(page) : ""} />;
}
