// custom-elements.json for editors and documentation tools: the elements, with the parts that pages can style.
import { readFile } from "node:fs/promises";

const parts = JSON.parse(await readFile("../commentsvc/demo/content/parts.json", "utf8")); // build.mjs collects them

const cssParts = {
  name: "css-parts",
  packageLinkPhase({ customElementsManifest }) {
    const declarations = customElementsManifest.modules.flatMap((module) => module.declarations);
    const thread = declarations.find(({ tagName }) => tagName === "comment-thread");
    thread.cssParts = parts.map((name) => ({ name }));
  },
};

export default { globs: ["package/elements.ts"], outdir: ".", plugins: [cssParts] };
