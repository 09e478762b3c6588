// What <Comments> is given on a page. Runs in a loader: in the build, or on the server.
import { fetchCopy } from "commentsvc-embed";
import type { CommentsProps } from "commentsvc-embed/react";

const SERVICE = process.env.COMMENTS_SERVICE ?? "https://comments.example";
const ORIGIN = process.env.SITE_ORIGIN ?? "https://blog.example";

export async function commentsOf(request: Request, { title, lang }: { title: string; lang: string }) {
  const thread = new URL(request.url).pathname; // with the `basename`
  const page: CommentsProps = { service: SERVICE, site: "blog", thread, url: new URL(thread, ORIGIN).href, title, lang };
  return { ...page, copy: await fetchCopy(page) };
}
