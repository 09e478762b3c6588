"""Freshness under load: thousands of reads a second of one thread while a moderator approves, in two workers."""

from __future__ import annotations

import contextlib
import random
import re
import statistics
import subprocess
import time

from bench import behind_nginx, growth, hot_reads, load
from commentsvc.store.db import db
from tests.support import seeding, servers

PAGE = "/embed/v1/comments?site=held&thread=/fresh"
APPROVALS = 20
LOOKS = 6  # connections a look: both workers are asked
READS_S = 25


def run() -> list[dict[str, object]]:
    servers.need("wrk")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(servers.folder())
        port = servers.free_port()
        env = servers.settings(folder, port, stack.enter_context(growth.postgres()))
        app = seeding.prepare(env)
        token = seeding.moderators_token(app)
        with app.app_context():
            db.engine.dispose()
        base = f"http://127.0.0.1:{port}"
        command = servers.serve(port, "--no-worker", "--workers", "2")
        stack.enter_context(servers.running(command, f"{base}/healthz", folder / "log", None, env))
        hot_reads.fetched(base + PAGE)
        before = _built(base)
        load_command = ["wrk", "-t1", "-c32", f"-d{READS_S}s", "--latency", "-H", hot_reads.ENCODING, base + PAGE]
        readers = subprocess.Popen(load_command, stdout=subprocess.PIPE, text=True)
        waits = [_approved(base, token, n) for n in range(APPROVALS)]
        told = load.read(readers.communicate()[0])
        built = _built(base) - before
    row: dict[str, object] = {
        "reads_per_s": round(told.per_s),
        "approvals": APPROVALS,
        "median_s": round(statistics.median(waits), 2),
        "most_s": round(max(waits), 2),
        "built": built,
        "p99_ms": told.p99_ms,
        "errors": told.errors,
    }
    print(
        "{reads_per_s} reads/s, {errors} errors, p99 {p99_ms} ms; {approvals} approvals, each in every worker after "
        "{median_s} s (median), {most_s} s (most); {built} pages built by two workers".format(**row),
        flush=True,
    )
    return [row]


def _approved(base: str, token: str, number: int) -> float:
    """Seconds from the decision's answer until every one of several connections shows it."""
    body = {
        "site": "held",
        "thread": "/fresh",
        "body": f"unmistakable-{number}.",
        "author": {"name": "C", "email": f"c{number}@example.org"},
    }
    comment = behind_nginx.call(base, "POST", "/api/v1/comments", body)
    time.sleep(random.random() / 2)
    behind_nginx.call(
        base, "POST", "/api/v1/moderation/decisions", {"ids": [comment["id"]], "action": "approve"}, token
    )
    decided = time.monotonic()
    while not all(f"unmistakable-{number}." in hot_reads.fetched(base + PAGE)[0].decode() for _ in range(LOOKS)):
        time.sleep(0.005)
    return time.monotonic() - decided


def _built(base: str) -> int:
    text = hot_reads.fetched(base + "/metrics")[0].decode()
    found = re.search(r'commentsvc_pages_total\{how="built"\} ([\d.]+)', text)
    return int(float(found[1])) if found else 0


if __name__ == "__main__":
    run()
