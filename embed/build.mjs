// Builds what the service serves: embed.js with its styles inside, what it loads when somebody reaches for it (named for
// its content, so that it can be kept for ever), and the styles for the hosted page.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { minify } from "terser";

const out = "../commentsvc/web/static";
const target = ["es2022", "chrome111", "firefox113", "safari16.4"];
const shared = { minify: true, legalComments: "none", charset: "utf8", target, logLevel: "info" };

const stylesAsText = {
  name: "styles-as-text",
  setup(building) {
    building.onLoad({ filter: /\.css$/ }, async (args) => {
      const built = await build({ ...shared, entryPoints: [args.path], write: false, logLevel: "silent" });
      return { contents: built.outputFiles[0].text, loader: "text" };
    });
  },
};

await rm(`${out}/embed`, { recursive: true, force: true });
await build({
  ...shared,
  entryPoints: ["src/act.ts", "src/lists.ts"],
  outdir: `${out}/embed`,
  entryNames: "[name]-[hash]",
  bundle: true,
  format: "esm",
  plugins: [stylesAsText],
});
const built = await readdir(`${out}/embed`);
const named = (part) => JSON.stringify(built.find((file) => file.startsWith(`${part}-`)));
await build({ ...shared, entryPoints: ["src/comments.css"], outfile: `${out}/comments.css` });
await build({
  ...shared,
  entryPoints: ["src/main.ts"],
  outfile: `${out}/embed.js`,
  bundle: true,
  format: "esm",
  define: { ACT: named("act"), LISTS: named("lists") },
  plugins: [stylesAsText],
});

// Once more, by a minifier that takes its time: every reader downloads this file.
const bundled = await readFile(`${out}/embed.js`, "utf8");
const { code } = await minify(bundled, {
  module: true,
  compress: { passes: 3, unsafe_arrows: true },
  format: { comments: false },
});
await writeFile(`${out}/embed.js`, code);

// Every sentence that the widget may say, for the service to translate; the first bundle's come with the comments.
const sentences = async (files) => {
  const sources = await Promise.all(files.map((file) => readFile(`src/${file}`, "utf8")));
  const found = sources.flatMap((source) =>
    [...source.matchAll(/\b(?:say|key)\(\s*("(?:[^"\\]|\\.)+")/g)].map(([, text]) => JSON.parse(text)),
  );
  return JSON.stringify([...new Set(found)].sort(), null, 2) + "\n";
};
const sources = (await readdir("src")).filter((name) => name.endsWith(".ts"));
await writeFile("../commentsvc/locale/widget.json", await sentences(sources));
await writeFile("../commentsvc/locale/widget_first.json", await sentences(["thread.ts"]));

// Every part that pages may style; the demo's page on styling offers them, and embed/README.md lists them.
const drawn = [
  ...(await Promise.all(sources.map((file) => readFile(`src/${file}`, "utf8")))),
  await readFile("../commentsvc/web/templates/comment.html", "utf8"),
];
const parts = drawn.flatMap((source) =>
  [...source.matchAll(/\bpart(?:=|: )"([a-z -]+)"/g)].flatMap(([, names]) => names.split(" ")),
);
const buttons = drawn.flatMap((source) =>
  [...source.matchAll(/this\.button\([^;]*?, "([a-z-]+)",/g)].map(([, name]) => name),
);
await writeFile(
  "../commentsvc/demo_content/parts.json",
  JSON.stringify([...new Set([...parts, ...buttons])].sort()) + "\n",
);
