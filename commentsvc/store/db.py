"""The one way to the database: the session, how transactions begin, and column types that both databases share."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import URL, Connection, DateTime, Dialect, Engine, Integer, MetaData, TypeDecorator, event, insert
from sqlalchemy import BigInteger as SqlBigInteger
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.orm import DeclarativeBase

log = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 5
# Of each connection. The pages and posts of readers need 26; what is asked of the ids of a page is another statement
# for each number of them, and SQLite holds some 25 kB for each: the default of 128 was most of a worker's growth.
STATEMENTS_KEPT = 32
SHOWN_SQL_MAX = 2000
DEADLOCKS = ("40P01", "40001")  # PostgreSQL's codes, appendix A


class Base(DeclarativeBase):
    # Named constraints, so that a migration can name what it drops on both databases.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)

# SQLite makes a rowid only of INTEGER; a hundred million comments want 64 bits on PostgreSQL.
Id = SqlBigInteger().with_variant(Integer, "sqlite")


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC in Python on both databases; SQLite itself would hand back naive times."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone reached the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def engine_options(database_url: str) -> dict[str, Any]:
    """What create_engine needs so that a database that went away is noticed fast and a lock is waited for."""
    if database_url.startswith("sqlite"):
        options = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False, "cached_statements": STATEMENTS_KEPT}
        return {"connect_args": options}
    return {
        "pool_pre_ping": True,
        "pool_timeout": 5,
        "connect_args": {"connect_timeout": 3, "options": "-c statement_timeout=30000 -c lock_timeout=5000"},
    }


def sqlite_url(path: object, create: bool = False) -> URL:
    """An SQLAlchemy URL that opens the file, and creates it only when asked.

    A file that vanished must look like a database that is away, not like an empty one.
    """
    # Not as text: SQLAlchemy would decode it once, and SQLite once more.
    query = {"mode": "rwc" if create else "rw", "uri": "true"}
    return URL.create("sqlite", database=f"file:{quote(str(path))}", query=query)


def note_slow(engine: Engine, slow_query_ms: int, note: Callable[[], None]) -> None:
    """Write each statement that takes longer to the log, without its values: those may be a commenter's words."""

    @event.listens_for(engine, "before_cursor_execute")
    def begin(_conn: Connection, _cursor: object, _sql: str, _values: object, context: Any, _many: bool) -> None:
        context.began_at = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def end(_conn: Connection, _cursor: object, sql: str, _values: object, context: Any, _many: bool) -> None:
        took_ms = (time.perf_counter() - context.began_at) * 1000
        if took_ms > slow_query_ms:
            note()
            log.warning("a query took %d ms: %s", took_ms, " ".join(sql.split())[:SHOWN_SQL_MAX])


def prepare(engine: Engine) -> None:
    """Make SQLite keep its promises: WAL, foreign keys, durable commits, and transactions that we begin ourselves.

    pysqlite's own transaction handling starts a writer as a reader, and then lost 422 of 480 concurrent updates
    without an error (docs/architecture.md has the measurement); BEGIN IMMEDIATE lost none.
    """
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))


def let_go() -> None:
    """End what the request was reading and give its connection back; loaded rows are read again when asked for."""
    if db.session.registry.has():
        db.session.rollback()


def begin_write() -> None:
    """Start the write transaction; every verb calls it before it loads what it will change: nothing stale is written
    back.
    """
    let_go()
    db.session.connection(execution_options={"sqlite_begin": "BEGIN IMMEDIATE"})


def commit_and_keep() -> None:
    """Commit; what was loaded is not read again for the answer."""
    session = db.session()
    session.expire_on_commit = False
    try:
        session.commit()
    finally:
        session.expire_on_commit = True


def insert_all(model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Write rows that nobody needs back: in one go, and without an object for each."""
    if rows:
        db.session.connection().execute(insert(Base.metadata.tables[model.__tablename__]), rows)


def begin_read() -> None:
    """Start a transaction whose queries all see one moment, also on PostgreSQL."""
    db.session.rollback()
    if db.engine.dialect.name == "postgresql":
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def is_postgres() -> bool:
    return db.engine.dialect.name == "postgresql"


@contextmanager
def write() -> Iterator[None]:
    """A write transaction around a block: one commit at its end, nothing at all when it raises."""
    begin_write()
    try:
        yield
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise


def is_away(error: DBAPIError) -> bool:
    """Whether the error means that the database cannot be reached or is locked, not that we asked it nonsense."""
    text = str(error.orig).lower()
    if "no such table" in text or "no such column" in text:
        return False
    return isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated


def is_of_one(error: DBAPIError) -> bool:
    """Whether one of the rows written is the reason, so that other writes may succeed without it."""
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in DEADLOCKS


def first_line(error: Exception) -> str:
    """What a database error says, without the statement and its values: those may be a commenter's words."""
    return str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
