import { Comments } from "commentsvc-embed/react";
import { Link } from "react-router";
import { commentsOf } from "../comments";
import { posts } from "../posts";
import type { Route } from "./+types/post";

export async function loader({ params, request }: Route.LoaderArgs) {
  const post = posts[params.slug];
  if (!post) throw new Response("Not found", { status: 404 });
  return { post, comments: await commentsOf(request, post) };
}

export const meta = ({ loaderData }: Route.MetaArgs) => [{ title: loaderData?.post.title }];

export default function PostPage({ loaderData: { post, comments } }: Route.ComponentProps) {
  return (
    <>
      <nav>
        <Link to="/">Field notes</Link>
      </nav>
      <article>
        <h1>{post.title}</h1>
        <p>
          {post.text} {post.next && <Link to={`/posts/${post.next}`}>{posts[post.next]?.title}</Link>}
        </p>
      </article>
      <Comments {...comments} />
    </>
  );
}
