import Link from "next/link";
import { posts } from "./posts";

export const metadata = { title: "Field notes" };

export default function Home() {
  return (
    <>
      <h1>Field notes</h1>
      <ul>
        {Object.entries(posts).map(([slug, { title }]) => (
          <li key={slug}>
            <Link href={`/posts/${slug}`}>{title}</Link>
          </li>
        ))}
      </ul>
    </>
  );
}
