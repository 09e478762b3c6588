"""The widget in Chromium on a processor slowed four times: when comments show, how long tasks are, and what is moved.

Run by `python -m bench.in_browser`; needs Chromium (scripts/install-debian-packages) and the development requirements.
"""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from tests.support import seeding, servers

THREADS = {10: "/ten", 100: "/hundred", 1000: "/thousand"}
SLOWED = 4
RUNS = 5
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-features=LocalNetworkAccessChecks"
).split()
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A post</title>
<style>comment-thread {{ display: block; min-height: 100vh }}</style>
<main>{words}</main>
<script type="module" src="{service}/embed.js"></script>
<comment-thread site="blog" thread="{thread}"></comment-thread>
<footer>The end of the page, which must not be seen to move.</footer></html>"""
WATCH = """
window.measured = {shift: 0, moved: [], tasks: [], shown: null};
new PerformanceObserver(list => list.getEntries().filter(e => !e.hadRecentInput).forEach(e => {
  measured.shift += e.value;
  measured.moved.push(...e.sources.map(source => source.node?.outerHTML?.slice(0, 80)));
}))
  .observe({type: 'layout-shift', buffered: true});
// Tasks of the page itself, before its comments have been asked for, are none of ours.
const asked = () =>
  performance.getEntriesByType('resource').find(e => e.name.includes('/embed/v1/comments'))?.startTime;
new PerformanceObserver(list => list.getEntries().forEach(e => {
  if (e.startTime >= (asked() ?? Infinity)) measured.tasks.push(e.duration);
}))
  .observe({type: 'longtask', buffered: true});
document.addEventListener('comment-thread-loaded',
  () => requestAnimationFrame(() => { measured.shown = performance.now(); }));
"""


def main() -> None:
    with servers.folder() as folder:
        port = servers.free_port()
        env = servers.settings(folder, port)
        app = seeding.prepare(env)
        for count, key in THREADS.items():
            seeding.add_thread(app, env["COMMENTSVC_SECRET_KEY"], key, count)
        url = f"http://127.0.0.1:{port}"
        serve = servers.serve(port, "--no-worker")
        with servers.running(serve, f"{url}/healthz", folder / "log", "0", env), blog(url) as address, browser() as one:
            print(f"Chromium, processor slowed {SLOWED} times, median of {RUNS}:\n")
            print("| comments | where the thread begins | shown after | longest task | layout shift (CLS) |")
            print("| --- | --- | --- | --- | --- |")
            for count, key in THREADS.items():
                for place, words in (("below the first screen", 40), ("in the first screen", 1)):
                    runs = [measure(one, f"{address}{key}?{words}") for _ in range(RUNS)]
                    shown = statistics.median(run["shown"] for run in runs)
                    longest = statistics.median(max(run["tasks"], default=0) for run in runs)
                    shift = max(run["shift"] for run in runs)
                    task = f"{longest:.0f} ms" if longest else "under 50 ms"
                    moved = {node for run in runs for node in run["moved"]}
                    print(f"| {count} | {place} | {shown:.0f} ms | {task} | {shift:.4f} {moved or ''} |")


class Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        pass


@contextmanager
def blog(service: str) -> Iterator[str]:
    """A blog on another origin: each path is a thread, the query the number of paragraphs before it."""

    def answer(environ: Any, start_response: Any) -> Any:
        words = "<p>" + "Words of the post, in a paragraph of some length. " * 8 + "</p>"
        html = PAGE.format(
            service=service, thread=environ["PATH_INFO"], words=words * int(environ["QUERY_STRING"] or 1)
        )
        return Response(html, mimetype="text/html")(environ, start_response)

    server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield found
        finally:
            found.close()


def measure(one: Browser, address: str) -> dict[str, Any]:
    page = one.new_page(viewport={"width": 1280, "height": 720})
    try:
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
        page.add_init_script(WATCH)
        page.goto(address)
        is_first_screen = address.endswith("?1")
        for _ in range(400):  # as a reader comes down the page; where the comments begin in sight, they are waited for
            if page.evaluate("() => measured.shown"):
                break
            page.mouse.wheel(0, 0 if is_first_screen else 60)
            page.wait_for_timeout(50)
        for _ in range(30):
            page.mouse.wheel(0, 400)
            page.wait_for_timeout(30)
        page.wait_for_timeout(500)
        found: dict[str, Any] = page.evaluate("() => measured")
        return found
    finally:
        page.close()


if __name__ == "__main__":
    main()
