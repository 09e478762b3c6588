import type { Config } from "@react-router/dev/config";
import { posts } from "./app/posts";

export default {
  basename: "/notes",
  ssr: false,
  prerender: ["/", ...Object.keys(posts).map((slug) => `/posts/${slug}`)],
} satisfies Config;
