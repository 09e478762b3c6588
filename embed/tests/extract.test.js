// @vitest-environment node
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { extract } from "../extract.mjs";

let folder;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "extract-"));
  write(
    "translator.ts",
    "export const phrase = (s: string) => s;\nexport class Translator { translate(s: string) { return s; } }",
  );
  write(
    "dom.ts",
    `export const make = (tag: string, attributes = {}, ...children: unknown[]) => ({ tag, attributes, children });
     export const makeButton = (label: string, part: string) => make("button", { part }, label);`,
  );
});

afterEach(() => rmSync(folder, { recursive: true }));

function write(name, source) {
  const file = join(folder, name);
  writeFileSync(file, source);
  return file;
}

it("finds the sentences of the translator and of phrase(), and no others", () => {
  const file = write(
    "view.ts",
    `import { phrase as later, Translator } from "./translator";
     const other = { translate: (s: string) => s };
     const t = new Translator();
     const LATER = later("Said later.");
     t.translate("Say \\"hello\\".");
     t.translate(LATER);
     t.translate(Math.random() > 0.5 ? later("One.") : later("Other."));
     other.translate("Not ours.");`,
  );
  expect(extract([file]).sentences.get(file)).toEqual(["Said later.", 'Say "hello".', "One.", "Other."]);
});

it("finds the parts of elements and buttons", () => {
  const file = write(
    "view.ts",
    `import { make, makeButton } from "./dom";
     make("p", { class: "x", part: "note pinned" }, make("b", { part: "author" }));
     makeButton("Send", "send");
     const unrelated = { part: "nothing" };`,
  );
  expect(extract([file]).parts.get(file)).toEqual(["note", "pinned", "author", "send"]);
});

it.each([
  ["a sentence", 'import { phrase } from "./translator";\nconst s = String(1);\nphrase(s);'],
  ["a part", 'import { makeButton } from "./dom";\nconst s = String(1);\nmakeButton("Send", s);'],
])("stops the build at %s that it cannot read, with its place", (_, source) => {
  const file = write("view.ts", source);
  expect(() => extract([file])).toThrow(/view\.ts:3: this argument must be a string literal/);
});
