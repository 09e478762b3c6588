// Builds the widget, and again whenever one of its sources changes, until it is stopped; `make dev` runs it.
import { spawn } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

const PAUSE_MS = 500;

// By times and sizes: a file that an editor or Git replaces by another is lost to the events of node:fs on Linux.
const state = async () => {
  const files = (await readdir("src")).map((name) => `src/${name}`);
  const found = await Promise.all([...files, "build.mjs", "../commentsvc/web/templates/comment.html"].map(describe));
  return found.join("\n");
};

const describe = async (path) => {
  // An editor that replaces a file removes it for a moment.
  const { mtimeMs, size } = await stat(path).catch(() => ({ mtimeMs: 0, size: 0 }));
  return `${path} ${mtimeMs} ${size}`;
};

// A build with a mistake in the sources prints it and fails; the next change is another try.
const build = () => new Promise((done) => spawn("node", ["build.mjs"], { stdio: "inherit" }).on("close", done));

for (let built = ""; ; await pause(PAUSE_MS)) {
  const now = await state();
  if (now === built) continue;
  built = now;
  await build();
}
