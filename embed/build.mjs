// Builds what the service serves: embed.js with its styles inside, the files that it loads on demand (named by their
// content, so that they can be cached for ever), and the styles of the hosted page. Also writes the lists of sentences
// and of parts that are made from the sources.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { build } from "esbuild";
import { minify } from "terser";
import { extract } from "./extract.mjs";

const out = "../commentsvc/web/static";
const target = ["es2022", "chrome111", "firefox113", "safari16.4"];
const shared = { minify: true, legalComments: "none", charset: "utf8", target, logLevel: "info" };

const stylesAsText = {
  name: "styles-as-text",
  setup(building) {
    building.onLoad({ filter: /\.css$/ }, async (args) => {
      const built = await build({ ...shared, entryPoints: [args.path], write: false, logLevel: "silent" });
      // esbuild keeps the space before the value of a custom property.
      const contents = built.outputFiles[0].text.trimEnd().replace(/(--[\w-]+): /g, "$1:");
      return { contents, loader: "text" };
    });
  },
};

await rm(`${out}/embed`, { recursive: true, force: true });
const { metafile: loadedOnDemand } = await build({
  ...shared,
  entryPoints: {
    act: "src/actions.ts",
    form: "src/form.ts",
    key: "src/page-key.ts",
    lists: "src/lists.ts",
    poller: "src/poller.ts",
  },
  outdir: `${out}/embed`,
  entryNames: "[name]-[hash]",
  bundle: true,
  format: "esm",
  metafile: true,
  plugins: [stylesAsText],
});
/** The name of the file that was built from an entry, as JavaScript. */
const fileOf = (entry) => {
  const [path] = Object.entries(loadedOnDemand.outputs).find(([, output]) => output.entryPoint === entry);
  return JSON.stringify(basename(path));
};
await build({ ...shared, entryPoints: ["src/page.css"], bundle: true, outfile: `${out}/comments.css` });
const { metafile: first } = await build({
  ...shared,
  entryPoints: ["src/main.ts"],
  outfile: `${out}/embed.js`,
  bundle: true,
  format: "esm",
  metafile: true,
  define: {
    ACTIONS_FILE: fileOf("src/actions.ts"),
    FORM_FILE: fileOf("src/form.ts"),
    KEY_FILE: fileOf("src/page-key.ts"),
    LISTS_FILE: fileOf("src/lists.ts"),
    POLLER_FILE: fileOf("src/poller.ts"),
  },
  plugins: [stylesAsText],
});

// A second, slower minifier: every reader downloads this file.
const bundled = await readFile(`${out}/embed.js`, "utf8");
const { code } = await minify(bundled, {
  module: true,
  compress: { ecma: 2022, passes: 5, unsafe_arrows: true, unsafe_methods: true, hoist_funs: true, keep_fargs: false },
  format: { comments: false },
});
await writeFile(`${out}/embed.js`, code);

const sources = (await readdir("src")).filter((name) => /(?<!\.d)\.ts$/.test(name)).map((name) => `src/${name}`);
const { sentences, parts } = extract(sources);
const sorted = (files, lists) => [...new Set(files.flatMap((file) => lists.get(file) ?? []))].sort();

// The sentences for the service to translate; those of the first bundle are sent together with the comments.
const asLines = (list) => JSON.stringify(list, null, 2) + "\n";
await writeFile("../commentsvc/locale/widget.json", asLines(sorted(sources, sentences)));
await writeFile("../commentsvc/locale/widget_first.json", asLines(sorted(Object.keys(first.inputs), sentences)));

// The parts that pages may style, including those that the service draws. The demo offers them, and README.md lists them.
const template = await readFile("../commentsvc/web/templates/comment.html", "utf8");
const drawn = [...template.matchAll(/\bpart="([a-z -]+)"/g)].flatMap(([, names]) => names.split(" "));
const all = [...new Set([...drawn, ...sorted(sources, parts)])].sort();
await writeFile("../commentsvc/demo/content/parts.json", JSON.stringify(all) + "\n");
