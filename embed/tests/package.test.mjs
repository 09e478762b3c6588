// The package for builds of pages: what it writes into them. The examples in integrations/ try it in real builds (tests/browser/integrations/test_eleventy.py).
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { fetchCopy, insertCopies, load, renderThread } from "../package/index";
import { Comments } from "../package/react";

const run = promisify(execFile);

let server;
let service;
let asked;

beforeEach(async () => {
  asked = [];
  server = createServer((request, answer) => {
    const url = new URL(request.url ?? "", "http://service");
    asked.push(url.pathname + url.search);
    answer.statusCode = url.searchParams.get("site") === "blog" ? 200 : 404;
    answer.end(`<section>comments of ${url.searchParams.get("thread") ?? ""}</section>`);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  service = `http://127.0.0.1:${server.address().port}`;
});

afterEach(() => {
  server.close();
  vi.restoreAllMocks();
});

it("asks for a copy without a form, in the order and language of the page", async () => {
  const copy = await fetchCopy({
    service: `${service}/`,
    site: "blog",
    thread: "/日本語/",
    sort: "newest",
    lang: "ja",
  });
  expect(copy).toBe("<section>comments of /日本語/</section>");
  expect(asked).toEqual([
    `/embed/v1/comments?site=blog&thread=${encodeURIComponent("/日本語/")}&form=0&sort=newest&lang=ja`,
  ]);
});

it("warns and gives no copy for an unknown site and for a service that does not answer", async () => {
  const warnings = [];
  vi.spyOn(console, "warn").mockImplementation((warning) => void warnings.push(warning));
  expect(await fetchCopy({ service, site: "blgo", thread: "/a/" })).toBe("");
  await new Promise((resolve) => server.close(resolve));
  expect(await fetchCopy({ service, site: "blog", thread: "/a/" })).toBe("");
  expect(warnings[0]).toContain("there is no site “blgo”");
  expect(warnings[1]).toContain(service);
});

it("writes attributes that no title can leave", () => {
  const html = renderThread({ service, site: "blog", thread: "/a/", title: `"><script>alert(1)</script> & more` });
  expect(html).toContain(`title="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; more"`);
  expect(html).toContain(`<noscript><a href="${service}/t/blog?thread=%2Fa%2F">`);
});

it("puts a copy into each element of a built page that has none", async () => {
  const page = `<html lang="de"><comment-thread site="blog" thread="/a/" title="a &gt; b"></comment-thread>
<comment-thread site="blog" thread="/q?a=1&amp;b=it&#x27;s" sort="top"><noscript>x</noscript></comment-thread>
<comment-thread site="blog" thread="/c/"><section>has one</section></comment-thread>`;
  expect(await insertCopies(page, service)).toBe(
    page
      .replace('b"></', 'b"><section>comments of /a/</section></')
      .replace("<noscript>", "<section>comments of /q?a=1&b=it's</section><noscript>"),
  );
  expect(asked.map((address) => new URL(address, service).searchParams.get("sort"))).toEqual([null, "top"]);
  expect(asked[0]).toContain("lang=de");
});

it("loads nothing where there is no document", async () => {
  await expect(load(service)).resolves.toBeUndefined();
});

it("describes every attribute that the elements read", async () => {
  const read = async (file) =>
    [...(await readFile(file, "utf8")).matchAll(/(?:get|has)Attribute\("([a-z-]+)"\)/g)].map(([, name]) => name);
  const manifest = JSON.parse(await readFile("custom-elements.json", "utf8"));
  const described = new Map(
    manifest.modules.flatMap(({ declarations }) =>
      declarations.map(({ tagName, attributes }) => [tagName, attributes.map(({ name }) => name)]),
    ),
  );
  const ofThread = new Set((await read("src/thread.ts")).filter((name) => !name.startsWith("aria-")));
  expect(described.get("comment-thread")).toEqual(expect.arrayContaining([...ofThread]));
  const ofLists = [...described.get("comment-count"), ...described.get("recent-comments")];
  expect(ofLists).toEqual(expect.arrayContaining(await read("src/lists.ts")));
});

it("renders the React component on a server, and the copy within it", async () => {
  const html = renderToString(
    createElement(Comments, { service, site: "blog", thread: "/a/", sort: "newest", copy: "<section>old</section>" }),
  );
  expect(html).toContain(`<comment-thread site="blog" thread="/a/" sort="newest"><section>old</section><noscript>`);
});

it("is used from TypeScript and JSX as it is published", { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "commentsvc-package-"));
  const modules = join(folder, "node_modules");
  await mkdir(modules);
  for (const name of ["react", "@types"]) await symlink(join(process.cwd(), "node_modules", name), join(modules, name));
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder]);
  const [{ filename }] = JSON.parse(stdout);
  await run("tar", ["-xzf", filename], { cwd: folder });
  await rename(join(folder, "package"), join(modules, "commentsvc-embed"));
  await writeFile(join(folder, "package.json"), `{"type": "module"}`);
  await writeFile(
    join(folder, "page.tsx"),
    `import { load } from "commentsvc-embed";
import { Comments } from "commentsvc-embed/react";
await load("https://comments.example");
export const one = <Comments service="https://comments.example" site="blog" thread="/a/" sort="newest" />;
export const two = <comment-thread site="blog" thread="/a/" theme="dark" />;
const count: number | undefined = document.querySelector("comment-thread")?.count;
// @ts-expect-error -- the site is missing
export const three = <comment-thread thread="/a/" />;
console.log(count);
`,
  );
  const options = ["--noEmit", "--strict", "--jsx", "react-jsx", "--module", "nodenext", "--target", "es2022"];
  const tsc = join(process.cwd(), "node_modules", ".bin", "tsc");
  await run(tsc, [...options, "page.tsx"], { cwd: folder });
  await rm(folder, { recursive: true });
});
