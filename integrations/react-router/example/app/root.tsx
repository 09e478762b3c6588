import { Links, Meta, Outlet, Scripts, ScrollRestoration } from "react-router";
import type { Route } from "./+types/root";
import { posts } from "./posts";
import "./style.css";

export default function Root({ params }: Route.ComponentProps) {
  const post = posts[params.slug ?? ""];
  return (
    <html lang={post?.lang ?? "en"} dir={post?.dir ?? "ltr"}>
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <link rel="icon" href="data:," />
        <Meta />
        <Links />
      </head>
      <body>
        <Outlet />
        <ScrollRestoration />
        <Scripts />
      </body>
    </html>
  );
}
