"""Reads through the nginx of deploy/nginx.conf beside nginx that serves the same bytes as files, on the same core."""

from __future__ import annotations

import contextlib
import json
import random
import re
import statistics
import threading
import time
import urllib.request
from pathlib import Path

import brotli

from bench import hot_reads, seeding, servers
from bench.hot_reads import ENCODING, SERVER_CORE, fetched, nginx
from bench.servers import ROOT, Server

WRAPPING = """
daemon off;
worker_processes 1;
pid {folder}/front.pid;
error_log {folder}/front-error.log;
events {{ worker_connections 1024; multi_accept on; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  client_body_temp_path {folder}/front-body; proxy_temp_path {folder}/front-proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/commentsvc.conf;
}}
"""
IN_MEMORY = "/dev/shm"


def front_conf(folder: Path, port: int, backends: list[int], shelf: Path) -> Path:
    """The documented file itself, with only its ports and its folders put in place."""
    source = (ROOT / "deploy" / "nginx.conf").read_text()
    listed = "\n".join(f"server 127.0.0.1:{backend} max_fails=1 fail_timeout=1s;" for backend in backends)
    source = re.sub(r"    server 127\.0\.0\.1:8000.*\n", lambda _: listed + "\n", source)
    source = source.replace("listen 80;", f"listen 127.0.0.1:{port};")
    source = source.replace("/var/cache/commentsvc", str(folder / "cache"))
    source = re.sub(r"access_log /var/log/nginx/.*;", "access_log off;", source)
    source = source.replace("/run/commentsvc;", f"{shelf};")
    (folder / "commentsvc.conf").write_text(source)
    path = folder / "front.conf"
    path.write_text(WRAPPING.format(folder=folder))
    return path


@contextlib.contextmanager
def front(
    folder: Path, backends: list[int], cores: str | None = SERVER_CORE, port: int = 0, shelf: Path = Path("/nowhere")
):
    port = port or servers.free_port()
    command = [nginx(), "-p", str(folder), "-c", str(front_conf(folder, port, backends, shelf))]
    with servers.running(command, f"http://127.0.0.1:{port}/healthz", folder / "log", cores) as server:
        yield server


def run(rounds: int = 3, seconds: float = 2) -> list[dict[str, object]]:
    servers.need("wrk", "taskset")
    with servers.folder() as folder, servers.folder(IN_MEMORY) as shelf, contextlib.ExitStack() as stack:
        port, static_port = servers.free_port(), servers.free_port()
        env = servers.settings(folder, port, PUBLISH_DIR=str(shelf))
        app = seeding.prepare(env)
        for count, key in hot_reads.THREADS.items():
            seeding.add_thread(app, env["COMMENTSVC_SECRET_KEY"], key, count)
        token = seeding.moderators_token(app)
        command = servers.serve(port, "--no-worker")
        stack.enter_context(
            servers.running(command, f"http://127.0.0.1:{port}/healthz", folder / "log", SERVER_CORE, env)
        )
        ours = stack.enter_context(front(folder, [port], shelf=shelf))
        conf = hot_reads.nginx_conf(folder, static_port, f"http://127.0.0.1:{port}")
        static = [nginx(), "-p", str(folder), "-c", str(conf)]
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
        time.sleep(1.5 + random.random() / 2)  # the page lies ready as a file again
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
