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
from functools import cache

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.schema import CreateIndex

from commentsvc.core import networks, search_query, verdict
from commentsvc.core import sanitizer as texts
from commentsvc.core.policy import Mode, Policy, to_json
from commentsvc.core.verdict import Facts, Moment, Record
from commentsvc.store import search_index
from commentsvc.store.db import Base, db
from commentsvc.store.threads import hash_of
from tests.support import seeding

SITES = 100
BODIES = 3000
# Of ten million comments a hundred thousand are in the first thread of the first site.
LARGEST = (0.01,)
STATUSES = ("approved", "spam", "pending", "rejected")
# Pending comments: enough that the largest sites have a full page of queue with ten thousand comments.
WEIGHTS = (86, 5, 8, 1)
# Words that the searches look for, each in every so-manieth comment besides those that prose is made of.
EXTRAS = {"frequent": 25, "seldom": 1_000, "rarity": 20_000}
# A word in a fixed number of comments at every size: one page of them in the largest site.
NEEDLE, NEEDLES = "needle", 400
SCORED_EACH = 3
OPEN_PARENTS = 8
BATCH = 20_000
COMMENT = (
    "id", "site_id", "thread_id", "parent_id", "root_id", "depth", "kind", "author_id", "author_name", "author_email",
    "ip", "user_agent", "source", "html", "renderer", "text_hash", "status", "is_shown", "reasons", "score", "notify",
    "created_at", "network", "facts", "spam_score", "sketch_1", "sketch_2",
)  # fmt: skip
WORDS = ("comment_id", "words")
DECISION = (
    "id", "site_id", "comment_id", "batch", "action", "status_after", "by_rule", "note", "reasons", "created_at",
)  # fmt: skip
ACTIONS = {"approved": "approve", "spam": "spam", "pending": "pending", "rejected": "reject"}
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"


Row = tuple[object, ...]
Rows = Iterable[Row]


@dataclass
class Thread:
    """The state of a thread while comments are added to it."""

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


def plan(comments: int, largest: tuple[float, ...] = LARGEST, a_thread: int = 100) -> World:
    """Threads one to a hundred comments, sites by Zipf, people by one to five comments."""
    chance = random.Random(7)
    count = max(SITES, comments // a_thread)
    weights = [1 / (n + 1) for n in range(SITES)]
    sites = chance.choices(range(1, SITES + 1), weights, k=count)
    threads = [Thread(n + 1, 1 if n == 0 else site_id) for n, site_id in enumerate(sites)]
    sources = [seeding.prose(chance) for _ in range(BODIES)]
    return World(comments, threads, max(SITES, comments // 5), [(s, texts.to_html(s)) for s in sources], largest)


def rows(world: World) -> Iterator[tuple[Row, Row, Row]]:
    """Each comment with the decision that let it in and the words it is found by, in the order of time."""
    chance = random.Random(11)

    @cache
    def words_of_body(site_id: int, number: int) -> str:
        source, html = world.bodies[number]
        return search_query.index_of(site_id, source, "", "", search_index.has_link(html))

    rest = len(world.threads) - len(world.largest)
    others = [(1 - sum(world.largest)) / rest] * rest
    cumulative = list(itertools.accumulate([*world.largest, *others]))
    step = timedelta(days=3600) / world.comments
    facts = json.dumps(verdict.facts_json(Facts(Record(approved=5, age_days=400.5), Moment(elapsed_ms=41_000))))
    reasons = json.dumps(
        [{"rule": "mode off", "outcome": "approve", "sentence": "Comments appear at once.", "match": ""}]
    )
    looked_for = [*EXTRAS.items(), (NEEDLE, max(1, world.comments // NEEDLES))]
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
            extras = " ".join(word for word, each in looked_for if number % each == 0)
            if extras:
                source, html = f"{source}\n\n{extras}", f"{html}\n<p>{extras}</p>"
            at = world.first_at + step * number
            is_shown = status == "approved"
            if is_shown:
                thread.count += 1
                if depth < 4:
                    thread.open.append((number, root_id or 0, depth))
                    if len(thread.open) > OPEN_PARENTS:
                        del thread.open[chance.randrange(OPEN_PARENTS)]
            name, email = f"Reader {author_id}", f"reader{author_id}@example.org"
            ip = f"198.51.{author_id % 200}.{author_id % 250}"
            mark = number.to_bytes(8) * 4
            # Texts that differ have sketches that differ: chance does as well as hashing.
            sketch_1, sketch_2 = chance.getrandbits(64) - 2**63, chance.getrandbits(64) - 2**63
            found_by = search_query.index_of(thread.site_id, extras, name, email, False)
            yield (
                (
                    number, thread.site_id, thread.id, parent_id, root_id, depth, "comment", author_id, name,
                    email, ip, AGENT, source, html, texts.RENDERER, mark, status, is_shown, reasons, 0, False, at,
                    network_near(ip), facts, round(chance.random(), 4) if number % SCORED_EACH == 0 else None,
                    sketch_1, sketch_2,
                ),
                (
                    number, thread.site_id, number, f"{number:032x}", ACTIONS[status], status, "mode off", "",
                    reasons, at,
                ),
                (number, f"{words_of_body(thread.site_id, number % BODIES)} {found_by}"),
            )  # fmt: skip


network_near = cache(lambda ip: networks.network_of(ip, networks.NetworkScope.NEIGHBOURHOOD))


def fill(comments: int, largest: tuple[float, ...] = LARGEST, a_thread: int = 100) -> World:
    """Fill the empty, migrated database of the app whose context is open; says how long it took.

    `a_thread` is the mean number of comments of a thread.
    """
    began = time.monotonic()
    world = plan(comments, largest, a_thread)
    indexes = [index for table in ("comment", "decision") for index in Base.metadata.tables[table].indexes]
    with db.engine.begin() as connection:
        for index in indexes:
            index.drop(connection, checkfirst=True)
        made_last = [str(CreateIndex(index).compile(db.engine)) for index in indexes] + _drop_search(connection)
    db.engine.dispose()
    sink = _into_postgres if db.engine.dialect.name == "postgresql" else _into_sqlite
    sink(world, made_last)
    print(f"{comments:,} comments filled in {time.monotonic() - began:.0f} s", flush=True)
    return world


def _drop_search(connection: Connection) -> list[str]:
    """Take away what keeps the index of words in line with each row; gives what makes it anew, of all rows at once."""
    if connection.dialect.name == "postgresql":
        made = connection.execute(text("SELECT indexdef FROM pg_indexes WHERE indexname = 'word_search'")).scalar_one()
        connection.execute(text("DROP INDEX word_search"))
        return [made]
    named = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'word_search_%'"
    triggers = connection.execute(text(named)).all()
    for name, _ in triggers:
        connection.execute(text(f"DROP TRIGGER {name}"))

    def holding(size_bytes: int) -> str:
        return f"INSERT INTO word_search(word_search, rank) VALUES ('hashsize', {size_bytes})"

    rebuild = "INSERT INTO word_search(word_search) VALUES ('rebuild')"
    return [holding(200_000_000), rebuild, holding(FTS5_HASH_BYTES), *(sql for _, sql in triggers)]


FTS5_HASH_BYTES = 2**20  # as it is unless told otherwise


def small_rows(world: World) -> Iterator[tuple[str, Sequence[str], Rows]]:
    """The other tables, each with its columns; threads and tallies after the comments that they count."""
    at = world.first_at
    policy = json.dumps(to_json(Policy(mode=Mode.OFF, challenge_after=0)))
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


def _into_postgres(world: World, made_last: Sequence[str]) -> None:
    url = db.engine.url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    tallies: dict[tuple[int, str], int] = {}
    with psycopg.connect(url) as one, psycopg.connect(url) as other, psycopg.connect(url) as third:
        for connection in (one, other, third):
            connection.execute("SET session_replication_role = replica")  # foreign keys hold by construction
        for table, names, of_table in small_rows(world):
            _copy(one, table, names, of_table)
        with (
            one.cursor().copy(_copy_sql("comment", COMMENT)) as into,
            other.cursor().copy(_copy_sql("decision", DECISION)) as also,
            third.cursor().copy(_copy_sql("comment_words", WORDS)) as besides,
        ):
            for comment, decision, found_by in rows(world):
                into.write_row(comment)
                also.write_row(decision)
                besides.write_row(found_by)
                tallies[comment[1], comment[16]] = tallies.get((comment[1], comment[16]), 0) + 1
        _copy(one, "thread", THREAD, thread_rows(world))
        for table, names, of_table in last_rows(world, tallies):
            _copy(one, table, names, of_table)
    with psycopg.connect(url, autocommit=True) as one:
        for table in ("site", "site_origin", "author", "thread", "comment", "decision"):
            one.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
        for statement in ("SET maintenance_work_mem = '800MB'", *made_last, "VACUUM ANALYZE"):
            one.execute(statement)


def _copy_sql(table: str, names: Sequence[str]) -> str:
    return f"COPY {table} ({', '.join(names)}) FROM STDIN"


def _copy(connection: psycopg.Connection, table: str, names: Sequence[str], of_table: Rows) -> None:
    with connection.cursor() as cursor, cursor.copy(_copy_sql(table, names)) as into:
        for row in of_table:
            into.write_row(row)


def _into_sqlite(world: World, made_last: Sequence[str]) -> None:
    tallies: dict[tuple[int, str], int] = {}
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
        _insert(connection, "comment", COMMENT, (triple[0] for triple in some))
        _insert(connection, "decision", DECISION, (triple[1] for triple in some))
        _insert(connection, "comment_words", WORDS, (triple[2] for triple in some))
        for comment, _, _ in some:
            tallies[comment[1], comment[16]] = tallies.get((comment[1], comment[16]), 0) + 1
    _insert(connection, "thread", THREAD, thread_rows(world))
    for table, names, of_table in last_rows(world, tallies):
        _insert(connection, table, names, of_table)
    connection.execute("COMMIT")
    for statement in (*made_last, "ANALYZE", "PRAGMA journal_mode=WAL"):
        connection.execute(statement)
    connection.close()


def _insert(connection: sqlite3.Connection, table: str, names: Sequence[str], of_table: Rows) -> None:
    marks = ", ".join("?" * len(names))
    plain = (tuple(_sqlite(value) for value in row) for row in of_table)
    connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", plain)


def _sqlite(value: object) -> object:
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value
