export default {
  title: "Field notes",
  url: process.env.SITE_ORIGIN ?? "https://blog.example",
  baseUrl: process.env.SITE_BASE ?? "/",
  i18n: {
    defaultLocale: "en",
    locales: ["en", "he"],
    localeConfigs: { he: { direction: "rtl" } },
  },
  presets: [["classic", { blog: { routeBasePath: "/", onUntruncatedBlogPosts: "ignore" }, docs: {}, sitemap: false }]],
  plugins: [
    [
      "commentsvc-embed/docusaurus",
      { service: process.env.COMMENTS_SERVICE ?? "https://comments.example", site: "blog" },
    ],
  ],
  themeConfig: {
    colorMode: { respectPrefersColorScheme: true },
    navbar: {
      title: "Field notes",
      items: [
        { to: "/", label: "Blog", exact: true },
        { to: "/docs/tools", label: "Docs" },
        { type: "localeDropdown", position: "right" },
      ],
    },
  },
};
