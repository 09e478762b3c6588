"""Memory of a worker whose page cache is full, as the setting bounds it."""

from __future__ import annotations

import time
from pathlib import Path

from bench import hot_reads, load
from tests.support import seeding, servers

HERE = Path(__file__).parent
PAGES = 1000  # twice what the cache holds
ROUND_S = 10.0


def run(page_cache_mb: int = 0) -> list[dict[str, object]]:
    with servers.folder() as folder:
        port = servers.free_port()
        env = servers.settings(folder, port, **({"PAGE_CACHE_MB": str(page_cache_mb)} if page_cache_mb else {}))
        app = seeding.prepare(env)
        seeding.add_thread(app, env["COMMENTSVC_SECRET_KEY"], "/full", 300)
        with servers.running(servers.serve(port), f"http://127.0.0.1:{port}/healthz", folder / "log", None, env) as one:
            base = hot_reads.origin(one)
            hot_reads.fetched(f"{base}/embed/v1/comments?site=blog&thread=/full")
            before = max(one.workers_rss_mb())
            pages = 0
            while pages < PAGES:
                pages += round(load.wrk(base, ROUND_S, 16, script=HERE / "pages.lua").per_s * ROUND_S)
            time.sleep(1)
            after = max(one.workers_rss_mb())
    print(f"memory of a worker: {before:.0f} MB at the start, {after:.0f} MB after {pages} different pages")
    return [{"start_mb": round(before), "full_mb": round(after), "pages": pages}]


if __name__ == "__main__":
    run()
