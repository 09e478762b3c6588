import comments from "commentsvc-embed/eleventy";

export default function (config) {
  config.addPlugin(comments, {
    service: process.env.COMMENTS_SERVICE ?? "https://comments.example",
    site: "blog",
    origin: process.env.SITE_ORIGIN ?? "https://blog.example",
  });
}
