"""Reads through the nginx of deploy/nginx.conf beside nginx that serves the same bytes as files, on the same core."""

from __future__ import annotations

import contextlib
import json
import random
import statistics
import threading
import time
import urllib.request

import brotli

from bench import hot_reads
from bench.hot_reads import ENCODING, SERVER_CORE, fetched
from tests.support import seeding, servers
from tests.support.nginx import IN_MEMORY, program, running_nginx
from tests.support.servers import Server


def run(rounds: int = 3, seconds: float = 2) -> list[dict[str, object]]:
    servers.need("wrk", "taskset")
    with servers.folder() as folder, servers.folder(IN_MEMORY) as pages_dir, contextlib.ExitStack() as stack:
        port, static_port = servers.free_port(), servers.free_port()
        env = servers.settings(folder, port, STATIC_PAGES_DIR=str(pages_dir))
        app = seeding.prepare(env)
        for count, key in hot_reads.THREADS.items():
            seeding.add_thread(app, env["COMMENTSVC_SECRET_KEY"], key, count)
        token = seeding.moderators_token(app)
        command = servers.serve(port, "--no-worker")
        stack.enter_context(
            servers.running(command, f"http://127.0.0.1:{port}/healthz", folder / "log", SERVER_CORE, env)
        )
        ours = stack.enter_context(running_nginx(folder, [port], pages_dir=pages_dir))
        conf = hot_reads.nginx_conf(folder, static_port, f"http://127.0.0.1:{port}")
        static = [program(), "-p", str(folder), "-c", str(conf)]
        url = f"http://127.0.0.1:{static_port}/none"
        theirs = stack.enter_context(servers.running(static, url, folder / "log", SERVER_CORE))
        rows = []
        for question in hot_reads.questions():
            rows.append(hot_reads.paired(question, ours, theirs, rounds, seconds, False))
            if question.name in hot_reads.CONDITIONAL:
                rows.append(hot_reads.paired(question, ours, theirs, rounds, seconds, True))
        late = approvals(ours, f"http://127.0.0.1:{port}", token)
        print(
            f"approvals through nginx under load: {len(late)}, visible after {statistics.median(late):.2f} s (median), "
            f"{max(late):.2f} s at most"
        )
        rows.append(
            {
                "what": "approvals visible, s",
                "median_s": round(statistics.median(late), 2),
                "most_s": round(max(late), 2),
            }
        )
    return rows


def approvals(front_server: Server, app_url: str, token: str, count: int = 15) -> list[float]:
    """Seconds from a decision's answer until the page that nginx gives shows it, while others read that page."""
    base = hot_reads.origin(front_server)
    page = base + "/embed/v1/comments?site=held&thread=%2Fapprovals"
    stop = threading.Event()
    reader = threading.Thread(target=_read_on, args=(page, stop))
    reader.start()
    waits = []
    for n in range(count):
        comment = call(
            app_url,
            "POST",
            "/api/v1/comments",
            {
                "site": "held",
                "thread": "/approvals",
                "body": f"unmistakable-{n}.",
                "author": {"name": "C", "email": f"c{n}@example.org"},
            },
        )
        time.sleep(1.5 + random.random() / 2)  # the page is a static file again
        call(app_url, "POST", "/api/v1/moderation/decisions", {"ids": [comment["id"]], "action": "approve"}, token)
        decided = time.monotonic()
        while f"unmistakable-{n}." not in brotli.decompress(fetched(page, ENCODING)[0]).decode():
            time.sleep(0.005)
        waits.append(time.monotonic() - decided)
    stop.set()
    reader.join()
    return waits


def _read_on(url: str, stop: threading.Event) -> None:
    while not stop.is_set():
        fetched(url, ENCODING)


def call(base: str, method: str, path: str, body: dict[str, object], token: str = "") -> dict:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(base + path, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


if __name__ == "__main__":
    run()
