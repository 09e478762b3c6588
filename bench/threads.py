"""Hot threads: readers spread over many threads by Zipf's law, beside nginx that serves the same bytes as files."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from pathlib import Path

from bench import filling, hot_reads, load
from bench.filling import World
from bench.hot_reads import ENCODING, LOAD_CORE, NGINX, OF_THE_SERVER, SERVER_CORE
from bench.load import Load
from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.store import engine, migrations
from commentsvc.store.db import db
from tests.support import servers
from tests.support.nginx import program
from tests.support.servers import Server

COMMENTS_A_THREAD = 10
HOT = (1, 1_000, 10_000)
LARGE_MB = 128  # memory for pages, a worker; room for all of them
READS = 100_000  # of a sequence, which is then read again
LOCATION = """
    location / {{
      default_type "{kind}";
      {headers}
    }}
"""


def fill(environ: dict[str, str], threads: int) -> World:
    """A database with so many threads of ten comments."""
    config = from_environment(environ, None)
    engine.create_file(config)
    app = create_app(config)
    with app.app_context():
        migrations.upgrade()
        world = filling.fill(threads * COMMENTS_A_THREAD, (), COMMENTS_A_THREAD)
        db.engine.dispose()
    return world


def run(rounds: int = 3, seconds: float = 4) -> list[dict[str, object]]:
    servers.need("nginx", "wrk", "taskset")
    rows = []
    with servers.folder() as folder:
        port, nginx_port = servers.free_port(), servers.free_port()
        environ = servers.settings(folder, port)
        world = fill(environ, max(HOT))
        asked = [f"/embed/v1/comments?site=site{one.site_id}&thread=%2F{one.id}%2F&limit=10" for one in world.threads]
        for memory_mb, hot in [(LARGE_MB, count) for count in HOT] + [(8, 2_000), (8, 10_000)]:
            environ["COMMENTSVC_PAGE_CACHE_MB"] = str(memory_mb)
            command = servers.serve(port, "--no-worker")
            health = f"http://127.0.0.1:{port}/healthz"
            with servers.running(command, health, folder / "log", SERVER_CORE, environ) as ours:
                conf = _nginx_conf(folder, nginx_port, hot_reads.origin(ours), asked[:hot])
                nginx = [program(), "-p", str(folder), "-c", str(conf)]
                none = f"http://127.0.0.1:{nginx_port}/none"
                with servers.running(nginx, none, folder / "log", SERVER_CORE) as theirs:
                    rows.append(_paired(ours, theirs, asked[:hot], memory_mb, rounds, seconds))
    return rows


def _nginx_conf(folder: Path, port: int, base: str, asked: Sequence[str]) -> Path:
    """Write what the service answers as files, and a configuration that serves them by their numbers."""
    files = folder / "files"
    files.mkdir(exist_ok=True)
    for number, path in enumerate(asked):
        body, headers = hot_reads.fetched(base + path, ENCODING)
        (files / str(number)).write_bytes(body)
    said = (f'add_header {name} "{value}";' for name, value in headers.items() if name not in OF_THE_SERVER)
    location = LOCATION.format(kind=headers["content-type"], headers="\n      ".join(said))
    path = folder / "nginx.conf"
    text = NGINX.format(folder=folder, port=port, sendfile="on", locations=location)
    path.write_text(text.replace("max=1000", "max=20000"))
    return path


def _sequence(count: int) -> list[int]:
    weights = [1 / (number + 1) for number in range(count)]
    return random.Random(5).choices(range(count), weights, k=READS)


def _paired(
    ours: Server, theirs: Server, asked: Sequence[str], memory_mb: int, rounds: int, seconds: float
) -> dict[str, object]:
    sequence = _sequence(len(asked))
    pairs = []
    for _ in range(rounds):
        one = _loaded(hot_reads.origin(ours), [asked[number] for number in sequence], seconds)
        other = _loaded(hot_reads.origin(theirs), [f"/{number}" for number in sequence], seconds)
        pairs.append((one, other, one.per_s / other.per_s))
    row: dict[str, object] = {
        "threads": len(asked),
        "cache_mb": memory_mb,
        "per_s": round(statistics.median(pair[0].per_s for pair in pairs)),
        "nginx_per_s": round(statistics.median(pair[1].per_s for pair in pairs)),
        "ratio": round(statistics.median(pair[2] for pair in pairs), 2),
        "p99_ms": round(statistics.median(pair[0].p99_ms for pair in pairs), 2),
        "nginx_p99_ms": round(statistics.median(pair[1].p99_ms for pair in pairs), 2),
    }
    print(*(f"{name} {value}" for name, value in row.items()), flush=True)
    return row


def _loaded(url: str, paths: Sequence[str], seconds: float) -> Load:
    done = load.wrk_paths(url, paths, seconds, LOAD_CORE, (ENCODING,))
    assert not done.errors, "refused or broken requests measure nothing"
    return done


if __name__ == "__main__":
    run()
