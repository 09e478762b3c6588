"""Fills a database with sites, threads and comments by the million, with the skew of real life, in minutes.

Straight into the tables, by COPY on PostgreSQL and in one transaction on SQLite: what the service's own verbs keep in
line (counts, versions, tallies, what is shown) is kept in line here too.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg
from sqlalchemy import text

from bench import seeding
from commentsvc.core import text as texts
from commentsvc.core.policy import Mode, Policy, to_json
from commentsvc.store.db import Base, db
from commentsvc.store.threads import hash_of

SITES = 100
BODIES = 3000
# Of ten million comments a hundred thousand are in the first thread of the first site.
LARGEST = (0.01,)
STATUSES = ("approved", "spam", "pending", "rejected")
WEIGHTS = (92, 5, 2, 1)
OPEN_PARENTS = 8
BATCH = 20_000
COMMENT = (
    "id", "site_id", "thread_id", "parent_id", "root_id", "depth", "kind", "author_id", "author_name", "author_email",
    "ip", "user_agent", "source", "html", "renderer", "text_hash", "status", "is_shown", "reasons", "score", "notify",
    "created_at",
)  # fmt: skip
DECISION = (
    "id", "site_id", "comment_id", "batch", "action", "status_after", "by_rule", "note", "reasons", "created_at",
)  # fmt: skip
ACTIONS = {"approved": "approve", "spam": "spam", "pending": "pending", "rejected": "reject"}
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"


Rows = Iterable[tuple[object, ...]]


@dataclass
class Thread:
    """What is known of a thread while comments fall into it."""

    id: int
    site_id: int
    open: list[tuple[int, int, int]] = field(default_factory=list)  # id, root, depth of comments that can be answered
    count: int = 0


@dataclass
class World:
    """All that is made, and in what order; the same every time."""

    comments: int
    threads: list[Thread]
    authors: int
    bodies: list[tuple[str, str]]
    largest: tuple[float, ...]  # the part of all comments that is in the first thread, the second, …

    @property
    def first_at(self) -> datetime:
        return datetime(2016, 1, 1, tzinfo=UTC)


def plan(comments: int, largest: tuple[float, ...]) -> World:
    """Threads one to a hundred comments, sites by Zipf, people by one to five comments."""
    chance = random.Random(7)
    count = max(SITES, comments // 100)
    weights = [1 / (n + 1) for n in range(SITES)]
    sites = chance.choices(range(1, SITES + 1), weights, k=count)
    threads = [Thread(n + 1, 1 if n == 0 else site_id) for n, site_id in enumerate(sites)]
    sources = [seeding.prose(chance) for _ in range(BODIES)]
    return World(comments, threads, max(SITES, comments // 5), [(s, texts.to_html(s)) for s in sources], largest)


def rows(world: World) -> Iterator[tuple[tuple[object, ...], tuple[object, ...]]]:
    """Each comment with the decision that let it in, in the order of time."""
    chance = random.Random(11)
    rest = len(world.threads) - len(world.largest)
    others = [(1 - sum(world.largest)) / rest] * rest
    cumulative = list(itertools.accumulate([*world.largest, *others]))
    step = timedelta(days=3600) / world.comments
    reasons = json.dumps(
        [{"rule": "mode off", "outcome": "approve", "sentence": "Comments appear at once.", "match": ""}]
    )
    number = 0
    while number < world.comments:
        size = min(BATCH, world.comments - number)
        homes = chance.choices(world.threads, cum_weights=cumulative, k=size)
        fates = chance.choices(STATUSES, WEIGHTS, k=size)
        for thread, status in zip(homes, fates, strict=True):
            number += 1
            parent = chance.choice(thread.open) if thread.open and chance.random() < 0.4 else None
            parent_id, root_id, depth = (
                (parent[0], parent[1] or parent[0], parent[2] + 1) if parent else (None, None, 0)
            )
            author = chance.randrange(world.authors)
            author_id = (author // SITES) * SITES + thread.site_id
            source, html = world.bodies[number % BODIES]
            at = world.first_at + step * number
            is_shown = status == "approved"
            if is_shown:
                thread.count += 1
                if depth < 4:
                    thread.open.append((number, root_id or 0, depth))
                    if len(thread.open) > OPEN_PARENTS:
                        del thread.open[chance.randrange(OPEN_PARENTS)]
            name = f"Reader {author_id}"
            mark = number.to_bytes(8) * 4
            yield (
                (
                    number, thread.site_id, thread.id, parent_id, root_id, depth, "comment", author_id, name,
                    f"reader{author_id}@example.org", f"198.51.{author_id % 200}.{author_id % 250}", AGENT, source,
                    html, texts.RENDERER, mark, status, is_shown, reasons, 0, False, at,
                ),
                (
                    number, thread.site_id, number, f"{number:032x}", ACTIONS[status], status, "mode off", "",
                    reasons, at,
                ),
            )  # fmt: skip


def fill(comments: int, largest: tuple[float, ...] = LARGEST) -> World:
    """Fill the empty, migrated database of the app whose context is open; says how long it took."""
    began = time.monotonic()
    world = plan(comments, largest)
    is_postgres = db.engine.dialect.name == "postgresql"
    indexes = [index for table in ("comment", "decision") for index in Base.metadata.tables[table].indexes]
    with db.engine.begin() as connection:
        for index in indexes:
            index.drop(connection, checkfirst=True)
    sink = _into_postgres if is_postgres else _into_sqlite
    sink(world)
    written = time.monotonic()
    with db.engine.begin() as connection:
        for index in indexes:
            index.create(connection)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    done = time.monotonic()
    print(f"{comments:,} comments written in {written - began:.0f} s, indexed in {done - written:.0f} s", flush=True)
    return world


def small_rows(world: World) -> Iterator[tuple[str, Sequence[str], Rows]]:
    """The other tables, each with its columns; threads and tallies after the comments that they count."""
    at = world.first_at
    policy = json.dumps(to_json(Policy(mode=Mode.OFF)))
    sites = [(n, f"site{n}", f"Site {n}", 1, policy, at) for n in range(1, SITES + 1)]
    yield "site", ("id", "key", "name", "version", "settings", "created_at"), sites
    yield "site_origin", ("site_id", "origin"), [(n, f"https://site{n}.example") for n in range(1, SITES + 1)]
    authors = (
        (
            n, (n - 1) % SITES + 1, hashlib.sha256(f"guest {n}".encode()).digest(), f"Reader {n}",
            f"reader{n}@example.org", 5, 0, 0, at,
        )
        for n in range(1, world.authors + SITES + 1)
    )  # fmt: skip
    names = ("id", "site_id", "guest_hash", "name", "email", "approved", "pending", "refused", "first_seen_at")
    yield "author", names, authors


def last_rows(world: World, tallies: dict[tuple[int, str], int]) -> Iterator[tuple[str, Sequence[str], Rows]]:
    yield "tally", ("site_id", "status", "count"), [(*key, count) for key, count in sorted(tallies.items())]


def thread_rows(world: World) -> Rows:
    for thread in world.threads:
        key = f"/{thread.id}/"
        url = f"https://site{thread.site_id}.example{key}"
        title = f"Post {thread.id}"
        yield thread.id, thread.site_id, key, hash_of(key), url, title, True, thread.count, thread.count, world.first_at


THREAD = ("id", "site_id", "key", "key_hash", "url", "title", "is_open", "count", "version", "created_at")


def _into_postgres(world: World) -> None:
    url = db.engine.url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    tallies: dict[tuple[int, str], int] = {}
    with psycopg.connect(url) as one, psycopg.connect(url) as other:
        one.execute("SET session_replication_role = replica")  # foreign keys hold by construction
        other.execute("SET session_replication_role = replica")
        for table, names, of_table in small_rows(world):
            _copy(one, table, names, of_table)
        with one.cursor() as cursor, other.cursor() as second:
            with (
                cursor.copy(_copy_sql("comment", COMMENT)) as into,
                second.copy(_copy_sql("decision", DECISION)) as also,
            ):
                for comment, decision in rows(world):
                    into.write_row(comment)
                    also.write_row(decision)
                    tallies[comment[1], comment[16]] = tallies.get((comment[1], comment[16]), 0) + 1
        _copy(one, "thread", THREAD, thread_rows(world))
        for table, names, of_table in last_rows(world, tallies):
            _copy(one, table, names, of_table)
    with psycopg.connect(url) as one:
        for table in ("site", "site_origin", "author", "thread", "comment", "decision"):
            one.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")


def _copy_sql(table: str, names: Sequence[str]) -> str:
    return f"COPY {table} ({', '.join(names)}) FROM STDIN"


def _copy(
    connection: psycopg.Connection, table: str, names: Sequence[str], of_table: Iterable[tuple[object, ...]]
) -> None:
    with connection.cursor() as cursor, cursor.copy(_copy_sql(table, names)) as into:
        for row in of_table:
            into.write_row(row)


def _into_sqlite(world: World) -> None:
    tallies: dict[tuple[int, str], int] = {}
    db.engine.dispose()
    path = str(db.engine.url.database).removeprefix("file:").partition("?")[0]
    connection = sqlite3.connect(path, isolation_level=None)
    # A database that is being filled is thrown away when that fails: nothing has to be durable yet.
    for pragma in ("synchronous=OFF", "journal_mode=OFF", "cache_size=-400000", "foreign_keys=OFF"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN")
    for table, names, of_table in small_rows(world):
        _insert(connection, table, names, of_table)
    source = rows(world)
    while some := list(itertools.islice(source, BATCH)):
        _insert(connection, "comment", COMMENT, (pair[0] for pair in some))
        _insert(connection, "decision", DECISION, (pair[1] for pair in some))
        for comment, _ in some:
            tallies[comment[1], comment[16]] = tallies.get((comment[1], comment[16]), 0) + 1
    _insert(connection, "thread", THREAD, thread_rows(world))
    for table, names, of_table in last_rows(world, tallies):
        _insert(connection, table, names, of_table)
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _insert(
    connection: sqlite3.Connection, table: str, names: Sequence[str], of_table: Iterable[tuple[object, ...]]
) -> None:
    marks = ", ".join("?" * len(names))
    plain = (tuple(_sqlite(value) for value in row) for row in of_table)
    connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", plain)


def _sqlite(value: object) -> object:
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value
