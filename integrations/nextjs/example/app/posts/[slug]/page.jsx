import Link from "next/link";
import { notFound } from "next/navigation";
import PageComments from "../../comments";
import { posts } from "../../posts";

export const revalidate = 600; // pages are rendered again, with the present comments, after ten minutes

export const generateStaticParams = () => Object.keys(posts).map((slug) => ({ slug }));

const postOf = async (params) => {
  const slug = decodeURIComponent((await params).slug);
  return { slug, ...(posts[slug] ?? notFound()) };
};

export const generateMetadata = async ({ params }) => ({ title: (await postOf(params)).title });

export default async function Post({ params }) {
  const { slug, title, lang, dir, text, next } = await postOf(params);
  return (
    <main lang={lang} dir={dir}>
      <nav>
        <Link href="/">Field notes</Link>
      </nav>
      <article>
        <h1>{title}</h1>
        <p>
          {text} {next && <Link href={`/posts/${next}`}>{posts[next].title}</Link>}
        </p>
      </article>
      <PageComments path={`/posts/${slug}`} title={title} lang={lang} />
    </main>
  );
}
