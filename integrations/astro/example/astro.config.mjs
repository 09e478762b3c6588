import { defineConfig } from "astro/config";

export default defineConfig({
  site: process.env.SITE_ORIGIN ?? "https://blog.example",
  base: "/notes",
  trailingSlash: "always",
});
