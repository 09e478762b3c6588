// Builds what the service serves: embed.js with its styles inside, and the same styles for the hosted page.
import { build } from "esbuild";

const out = "../commentsvc/web/static";
const target = ["es2022", "chrome111", "firefox113", "safari16.4"];
const shared = { minify: true, legalComments: "none", charset: "utf8", target, logLevel: "info" };

await build({ ...shared, entryPoints: ["src/comments.css"], outfile: `${out}/comments.css` });
await build({
  ...shared,
  entryPoints: ["src/main.ts"],
  outfile: `${out}/embed.js`,
  bundle: true,
  format: "esm",
  plugins: [
    {
      name: "styles-as-text",
      setup(building) {
        building.onLoad({ filter: /\.css$/ }, async (args) => {
          const built = await build({ ...shared, entryPoints: [args.path], write: false, logLevel: "silent" });
          return { contents: built.outputFiles[0].text, loader: "text" };
        });
      },
    },
  ],
});
