"""Writes: guests' posts a second, each answered only after its commit, while the published page is read."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from pathlib import Path

from bench import growth, hot_reads, load
from commentsvc.store.db import db
from tests.support import seeding, servers

HERE = Path(__file__).parent
CONNECTIONS = 32
READ_PAUSE_S = 0.01


def run(rounds: int = 3, seconds: float = 5) -> list[dict[str, object]]:
    rows = []
    for kind, workers in (("sqlite", 1), ("sqlite", 2), ("postgresql", 2)):
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(servers.folder())
            url = stack.enter_context(growth.postgres()) if kind == "postgresql" else ""
            port = servers.free_port()
            env = servers.settings(folder, port, url)
            app = seeding.prepare(env)
            seeding.add_thread(app, env["COMMENTSVC_SECRET_KEY"], "/read", 50)
            with app.app_context():
                db.engine.dispose()
            command = servers.serve(port, "--no-worker", "--workers", str(workers))
            server = stack.enter_context(
                servers.running(command, f"http://127.0.0.1:{port}/healthz", folder / "log", None, env)
            )
            rows.append(_measured(kind, workers, server, rounds, seconds))
    return rows


def _measured(kind: str, workers: int, server: servers.Server, rounds: int, seconds: float) -> dict[str, object]:
    base = f"{hot_reads.origin(server)}"
    stop = threading.Event()
    waits: list[float] = []
    reader = threading.Thread(target=_read, args=(f"{base}/embed/v1/comments?site=blog&thread=/read", stop, waits))
    reader.start()
    loads, costs = [], []
    for _ in range(rounds):
        began = server.cpu_s()
        loads.append(load.wrk(f"{base}/api/v1/comments", seconds, CONNECTIONS, script=HERE / "post.lua"))
        costs.append((server.cpu_s() - began) / (loads[-1].per_s * seconds) * 1000)
    stop.set()
    reader.join()
    row: dict[str, object] = {
        "database": kind,
        "workers": workers,
        "posts_per_s": round(statistics.median(one.per_s for one in loads)),
        "p99_ms": round(statistics.median(one.p99_ms for one in loads)),
        "refused": sum(one.errors for one in loads),
        "cpu_ms": round(statistics.median(costs), 2),
        "read_p50_ms": round(statistics.median(waits) * 1000, 1),
    }
    print(
        "{database:11} {workers} workers {posts_per_s:>6} posts/s, p99 {p99_ms} ms, {refused} refused, "
        "{cpu_ms} ms of processor a post; "
        "reads meanwhile {read_p50_ms} ms".format(**row),
        flush=True,
    )
    return row


def _read(url: str, stop: threading.Event, waits: list[float]) -> None:
    while not stop.is_set():
        began = time.monotonic()
        hot_reads.fetched(url)
        waits.append(time.monotonic() - began)
        time.sleep(READ_PAUSE_S)


if __name__ == "__main__":
    run()
