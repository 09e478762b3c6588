// Drives Firefox for tests: one JSON array a line, the command and its arguments; answers with one JSON object a line.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// Of embed/node_modules, where this is run.
const { default: puppeteer } = await import(createRequire(`${process.cwd()}/`).resolve("puppeteer-core"));

const [, , executablePath, width] = process.argv;
const viewport = { width: Number(width), height: 900 };
const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath,
  headless: true,
  defaultViewport: viewport,
  // Block windows, as browsers of readers do. Puppeteer runs scripts as if the reader had just acted; with this maximum
  // only a real click may open a window.
  extraPrefsFirefox: { "dom.disable_open_during_load": true, "dom.popup_maximum": 0 },
});
// In the page that Firefox begins with, keys press no buttons.
const [initial] = await browser.pages();
const first = await browser.newPage();
await initial.close();
let page = first;

const find = async (css) => {
  const handle = await page.evaluateHandle((css) => {
    const thread = document.querySelector("comment-thread");
    const found = (thread?.shadowRoot ?? document).querySelector(css);
    found?.scrollIntoView({ block: "center" });
    return found;
  }, css);
  const element = handle.asElement();
  if (!element) throw new Error(`no ${css}`);
  return element;
};
const commands = {
  open: async (url) => void (await page.goto(url)),
  evaluate: async (script) => page.evaluate(`(() => { ${script} })()`),
  click: async (css) => (await find(css)).click(),
  type: async (css, text) => {
    await (await find(css)).click();
    await page.keyboard.type(text);
  },
  write: async (text) => page.keyboard.type(text),
  press: async (key) => page.keyboard.press(key),
  windows: async () => (await browser.pages()).length,
  turn_to: async (window) => {
    page = [first, ...(await browser.pages()).filter((one) => one !== first)][window];
    if (!page) throw new Error(`no window ${window}`);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...given] = JSON.parse(line);
  const answer = await commands[name](...given).then(
    (value) => ({ value }),
    (error) => ({ error: String(error) }),
  );
  console.log(JSON.stringify(answer));
}
await browser.close();
