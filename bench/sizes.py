"""Sizes: a first page that is in no memory, from threads of 10 to 100,000 comments; and hot reads of small and large
threads, and of one and of many."""

from __future__ import annotations

import statistics
import time

from bench import filling, hot_reads, load
from bench.filling import Thread
from bench.hot_reads import ENCODING, LOAD_CORE, SERVER_CORE
from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.store import engine, migrations
from commentsvc.store.db import db
from tests.support import servers

COMMENTS = 200_000
# Threads of a hundred thousand comments, of ten thousand, of a thousand and of ten; the others share the rest.
SHARES = (0.5, 0.05, 0.005, 0.00005)
TRIES = 60
MANY = 200


def run(rounds: int = 3, seconds: float = 2) -> list[dict[str, object]]:
    servers.need("wrk", "taskset")
    with servers.folder() as folder:
        port = servers.free_port()
        env = servers.settings(folder, port)
        config = from_environment(env, None)
        engine.create_file(config)
        app = create_app(config)
        with app.app_context():
            migrations.upgrade()
            world = filling.fill(COMMENTS, SHARES)
            db.engine.dispose()
        command = servers.serve(port, "--no-worker")
        with servers.running(command, f"http://127.0.0.1:{port}/healthz", folder / "log", SERVER_CORE, env) as server:
            base = hot_reads.origin(server)
            rows = [_cold(base, thread) for thread in world.threads[: len(SHARES)]]
            largest, smallest = world.threads[0], world.threads[len(SHARES) - 1]
            for name, threads in (
                ("10 of a thread of 10", [smallest]),
                ("10 of a thread of 100,000", [largest]),
                (f"10 of each of {MANY} threads", world.threads[100 : 100 + MANY]),
            ):
                rows.append(_hot(base, name, threads, rounds, seconds))
    return rows


def _query(thread: Thread) -> str:
    return f"site=site{thread.site_id}&thread=/{thread.id}/"


def _cold(base: str, thread: Thread) -> dict[str, object]:
    """The cost of one page build, network included: each request is for a page that was not requested before."""
    url = f"{base}/embed/v1/comments?{_query(thread)}&about="
    took = []
    for n in range(TRIES + 5):
        began = time.perf_counter()
        hot_reads.fetched(f"{url}{n}", ENCODING)
        took.append((time.perf_counter() - began) * 1000)
    warm = sorted(took[5:])  # the first of a process also read its templates
    row = {"what": f"cold, first page of {thread.count:,}", "median_ms": round(statistics.median(warm), 1)}
    row["p95_ms"] = round(warm[int(len(warm) * 0.95)], 1)
    print(f"{row['what']}: {row['median_ms']} ms, {row['p95_ms']} ms (95th percentile)", flush=True)
    return row


def _hot(base: str, name: str, threads: list[Thread], rounds: int, seconds: float) -> dict[str, object]:
    paths = [f"/embed/v1/comments?limit=10&{_query(thread)}" for thread in threads]
    done = [load.wrk_paths(base, paths, seconds, LOAD_CORE, (ENCODING,)) for _ in range(rounds)]
    assert not any(one.errors for one in done), "refused or broken requests measure nothing"
    row: dict[str, object] = {
        "what": f"hot, {name}",
        "per_s": round(statistics.median(one.per_s for one in done)),
        "p99_ms": round(statistics.median(one.p99_ms for one in done), 2),
    }
    print(f"{row['what']}: {row['per_s']}/s, p99 {row['p99_ms']} ms", flush=True)
    return row


if __name__ == "__main__":
    run()
