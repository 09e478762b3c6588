"""The database's promises: durable, no lost update, aware times, and a file that is gone is gone."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError, StatementError

from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.store import availability, sites, threads
from commentsvc.store.accounts import Account
from commentsvc.store.availability import trouble_of
from commentsvc.store.db import db, is_postgres
from commentsvc.store.db_errors import first_line, is_away
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.time_limits import LONG_REQUEST, REQUEST, within
from commentsvc.store.transactions import _begin_write, begin_read, write
from tests.support.cast import SECRET, add_site

THREADS, ROUNDS = 8, 40


def test_sqlite_keeps_its_promises(app):
    if is_postgres():
        pytest.skip("SQLite's own settings")
    wanted = {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 5000}
    assert {name: db.session.scalar(text(f"PRAGMA {name}")) for name in wanted} == wanted


def test_a_comment_of_no_thread_cannot_be(app):
    with pytest.raises(IntegrityError), write():
        db.session.execute(text("INSERT INTO membership (account_id, site_id, role) VALUES (77, 77, 'owner')"))


def test_read_modify_write_loses_nothing(app, site, now, at_once):
    with write():
        thread_id = threads.get_or_add(site, "/post", now).id

    def add_one_many_times():
        with app.app_context():
            for _ in range(ROUNDS):
                _begin_write()
                threads.lock([thread_id])
                thread = db.session.get_one(Thread, thread_id, populate_existing=True)
                thread.version += 1
                db.session.commit()
            db.session.remove()

    before = db.session.get_one(Thread, thread_id).version
    assert at_once(*[add_one_many_times] * THREADS) == [None] * THREADS
    db.session.rollback()
    assert db.session.scalar(select(Thread.version)) == before + THREADS * ROUNDS


def test_a_block_that_raises_leaves_nothing(app, site, now):
    with pytest.raises(RuntimeError), write():  # noqa: PT012 (the block is what is tested)
        db.session.execute(update(Site).values(name="changed"))
        raise RuntimeError
    assert sites.by_key("blog").name == "Blog notes"


def test_a_read_sees_one_moment(app, site):
    begin_read()
    before = db.session.scalar(select(Site.name))
    with db.engine.connect() as other:
        other.execute(update(Site).values(name="changed meanwhile"))
        other.commit()
    assert db.session.scalar(select(Site.name)) == before
    db.session.rollback()
    assert db.session.scalar(select(Site.name)) == "changed meanwhile"


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30))])
def test_times_come_back_as_the_same_moment_in_utc(app, zone):
    moment = datetime(2026, 3, 29, 1, 59, 59, 123456, tzinfo=zone)
    with write():
        db.session.add(Account(name="A", created_at=moment))
    back = db.session.scalar(select(Account.created_at))
    assert (back, back.utcoffset()) == (moment, timedelta(0))


def test_a_time_without_a_zone_is_refused(app):
    with pytest.raises(StatementError, match="without a zone"), write():
        db.session.add(Account(name="A", created_at=datetime(2026, 3, 29)))  # noqa: DTZ001


def test_a_file_that_is_gone_is_an_error_and_is_not_made_anew(tmp_path):
    environ = {"COMMENTSVC_SECRET_KEY": SECRET, "COMMENTSVC_INSTANCE_DIR": str(tmp_path)}
    with create_app(from_environment(environ, None)).app_context():
        with pytest.raises(OperationalError) as caught:
            sites.all_sites()
        assert is_away(caught.value)
        db.engine.dispose()
    assert list(tmp_path.glob("*.sqlite3*")) == []


def test_a_database_that_is_away_is_told_from_a_wrong_question(app):
    with pytest.raises((OperationalError, ProgrammingError)) as caught:
        db.session.execute(text("SELECT secret FROM nowhere"))
    assert not is_away(caught.value)
    assert "SELECT" not in first_line(caught.value)
    db.session.rollback()


def test_two_threads_with_one_key_are_one(app, site, now, at_once):
    add_site("other", "https://other.example", now=now)

    def get(key):
        def work():
            with app.app_context():
                with write():
                    found = threads.get_or_add(sites.by_key(key), "/post", now).id
                db.session.remove()
                return found

        return work

    results = at_once(*[get("blog")] * 4, *[get("other")] * 4)
    assert len(set(results[:4])) == len(set(results[4:])) == 1
    assert set(results[:4]) != set(results[4:])


def test_a_long_query_is_waited_for_where_long_queries_are_asked(app):
    if not is_postgres():
        pytest.skip("SQLite is in this process")
    slow = text("SELECT pg_sleep(2)")
    with within(LONG_REQUEST):
        db.session.execute(text("SELECT 1"))
        assert db.session.scalar(slow) == ""
    db.session.rollback()
    with within(REQUEST), pytest.raises(OperationalError, match="no answer within") as caught:
        db.session.execute(slow)
    assert is_away(caught.value)
    db.session.rollback()
    assert db.session.scalar(text("SELECT 1")) == 1
    db.session.rollback()
    assert availability.of(db.engine).look(0.0) is None


TROUBLES = [
    (sqlite3.SQLITE_READONLY_DBMOVED, True),
    (sqlite3.SQLITE_CORRUPT_VTAB, True),
    (sqlite3.SQLITE_IOERR_WRITE, True),
    (sqlite3.SQLITE_FULL, True),
    (sqlite3.SQLITE_NOTADB, True),
    (sqlite3.SQLITE_CANTOPEN, True),
    (sqlite3.SQLITE_BUSY, True),
    (sqlite3.SQLITE_ERROR, False),
    (sqlite3.SQLITE_CONSTRAINT_UNIQUE, False),
]


@pytest.mark.parametrize(("code", "is_trouble"), TROUBLES)
def test_what_sqlite_reports_is_the_databases_trouble_or_the_questions(code, is_trouble):
    error = sqlite3.DatabaseError("words of SQLite")
    error.sqlite_errorcode = code
    assert (trouble_of(error) is not None) == is_trouble
    assert is_away(DBAPIError("", {}, error)) == is_trouble


@pytest.mark.parametrize(
    ("error", "is_trouble"),
    [
        (psycopg.errors.ReadOnlySqlTransaction, True),
        (psycopg.errors.DiskFull, True),
        (psycopg.errors.DataCorrupted, True),
        (psycopg.errors.AdminShutdown, True),
        (psycopg.errors.CannotConnectNow, True),
        (psycopg.errors.ConnectionFailure, True),
        (psycopg.errors.DeadlockDetected, False),
        (psycopg.errors.SerializationFailure, False),
        (psycopg.errors.LockNotAvailable, False),
        (psycopg.errors.UniqueViolation, False),
    ],
)
def test_what_postgresql_reports_is_the_databases_trouble_or_the_questions(error, is_trouble):
    assert (trouble_of(error("words of PostgreSQL")) is not None) == is_trouble
