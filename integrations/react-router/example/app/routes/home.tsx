import { Link } from "react-router";
import { posts } from "../posts";

export const meta = () => [{ title: "Field notes" }];

export default function Home() {
  return (
    <>
      <h1>Field notes</h1>
      <ul>
        {Object.entries(posts).map(([slug, { title }]) => (
          <li key={slug}>
            <Link to={`/posts/${slug}`}>{title}</Link>
          </li>
        ))}
      </ul>
    </>
  );
}
