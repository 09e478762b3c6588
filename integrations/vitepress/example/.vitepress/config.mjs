import comments from "commentsvc-embed/vitepress";
import { defineConfig } from "vitepress";

export default defineConfig({
  extends: comments({
    service: process.env.COMMENTS_SERVICE ?? "https://comments.example",
    site: "blog",
    origin: process.env.SITE_ORIGIN ?? "https://blog.example",
  }),
  title: "Field notes",
  base: process.env.SITE_BASE ?? "/",
  locales: {
    root: {
      label: "English",
      lang: "en",
      themeConfig: {
        sidebar: [
          { text: "The first post", link: "/posts/first" },
          { text: "日本語の記事", link: "/posts/日本語" },
        ],
      },
    },
    he: {
      label: "עברית",
      lang: "he",
      dir: "rtl",
      title: "רשימות מהשדה",
      themeConfig: {
        sidebar: [{ text: "שלום עולם", link: "/he/posts/shalom" }],
        sidebarMenuLabel: "תפריט",
        returnToTopLabel: "חזרה למעלה",
      },
    },
  },
});
