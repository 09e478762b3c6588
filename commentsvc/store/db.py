"""The one way to the database: the session, how transactions begin, and column types that both databases share."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote
from weakref import WeakKeyDictionary

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    URL,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    TypeDecorator,
    event,
    func,
    insert,
    select,
)
from sqlalchemy import BigInteger as SqlBigInteger
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from commentsvc.core.errors import Conflict
from commentsvc.core.phrases import phrase
from commentsvc.store import availability, time_limits
from commentsvc.store.availability import Availability, OutcomeUnknown, trouble_of

log = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 5
POOL_TIMEOUT_S = 1.5  # for one of the connections that there are
# Of each connection. The pages and posts of readers need 26; what is asked of the ids of a page is another statement
# for each number of them, and SQLite holds some 25 kB for each: the default of 128 was most of a worker's growth.
STATEMENTS_KEPT = 32
SHOWN_SQL_MAX = 2000
DATA_EXCEPTIONS = "22"  # of PostgreSQL, which quotes the value
DEADLOCKS = ("40P01", "40001")  # PostgreSQL's codes, appendix A
UNIQUE_VIOLATION = "23505"
SQLITE_RACES = (
    sqlite3.SQLITE_BUSY_SNAPSHOT,
    sqlite3.SQLITE_BUSY_RECOVERY,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
)
# The order in which every write verb takes its locks; a verb leaves out what it does not need. It follows from posting,
# the busiest verb: two verbs that keep to it can't wait for each other in a circle. docs/architecture.md says more.
#   1. what somebody was sent or holds: sign-in code, invitation, notice, authorization code, token, sanction, follower
#   2. sites, by id: sites.lock, sites.hold_posting, sites.stop_posting
#   3. accounts, by id: people.hold, people.locked
#   4. browser sessions, second factors
#   5. threads, by id: threads.lock, threads.get_or_add_all
#   6. authors, by id; comments; votes and flags
#   7. tallies, by site and status


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


def engine_options(database_url: str, availability: Availability) -> dict[str, Any]:
    """What create_engine needs so that a database in trouble is noticed fast and a lock is waited for."""

    class Pool(QueuePool):
        """Gives no connection to a database that is away."""

        def connect(self) -> PoolProxiedConnection:
            availability.check()
            return super().connect()

    Pool.__module__ = QueuePool.__module__  # its logger is named after it: what it has to say is no news for operators
    # Errors reach the log; values may be a commenter's words.
    options: dict[str, Any] = {"hide_parameters": True, "poolclass": Pool, "pool_timeout": POOL_TIMEOUT_S}
    if database_url.startswith("sqlite"):
        connect = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False, "cached_statements": STATEMENTS_KEPT}
        return {**options, "connect_args": connect}
    return {**options, "pool_pre_ping": True}


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
        busy_ms = int(time_limits.current().limit.lock_s * 1000)
        if connection.info.get("busy_ms") != busy_ms:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={busy_ms}")
            connection.info["busy_ms"] = busy_ms
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))


def end_read_transaction() -> None:
    """End what the request was reading and give its connection back; loaded rows are read again when asked for."""
    if db.session.registry.has():
        db.session.rollback()


def end_failed_transaction() -> None:
    """End a transaction in which the database has failed; its connection is given up when it cannot even do that."""
    try:
        db.session.rollback()
    except DBAPIError:  # of the same connection that has just failed
        db.session().invalidate()


def _begin_write() -> None:
    """Start the write transaction; every verb calls it before it loads what it will change: nothing stale is written
    back.
    """
    end_read_transaction()
    availability.of(db.engine).check(for_writing=True)
    if is_postgres():
        db.session.connection()
        return
    _wait_for_other_threads()
    try:
        db.session.connection(execution_options={"sqlite_begin": "BEGIN IMMEDIATE"})
    except BaseException:
        db.session.rollback()
        raise


_write_turns: WeakKeyDictionary[Engine, threading.Lock] = WeakKeyDictionary()
WRITE_TURN = "write_turn"


def _wait_for_other_threads() -> None:
    """Let one thread of this process write at a time; raises OperationalError when that takes too long.

    SQLite's own wait is a poll with growing pauses: beside threads that write again and again, one that has waited
    for long looks ever less often, and posts were refused beside mails that were being noted.
    """
    turn = _write_turns.setdefault(db.engine, threading.Lock())
    if not turn.acquire(timeout=time_limits.current().limit.lock_s):
        raise availability.unavailable("another write of this process takes too long")
    db.session().info[WRITE_TURN] = turn


@event.listens_for(Session, "after_transaction_end")
def _end_write_turn(session: Session, transaction: SessionTransaction) -> None:
    turn = session.info.pop(WRITE_TURN, None) if transaction.parent is None else None
    if turn is not None:
        turn.release()


def _commit_and_keep() -> None:
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
def write(keep_loaded: bool = False) -> Iterator[None]:
    """A write transaction around a block: one commit at its end, nothing at all when it raises.

    With `keep_loaded`, rows loaded in it stay readable after the commit without another query.
    """
    _begin_write()
    try:
        yield
        if keep_loaded:
            _commit_and_keep()
        else:
            db.session.commit()
    except BaseException:
        db.session.rollback()
        raise


P = ParamSpec("P")
R = TypeVar("R")


def retried(verb: Callable[P, R]) -> Callable[P, R]:
    """A write verb that is tried again once when it loses a race; then it raises Conflict.

    The verb begins its own transaction, so that the second try reads everything anew.
    """

    @wraps(verb)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return verb(*args, **kwargs)
        except (DBAPIError, ObjectDeletedError, StaleDataError) as error:
            if not is_lost_race(error):
                raise
            log.info("%s lost a race and is tried again: %s", verb.__qualname__, first_line(error))
        end_read_transaction()
        try:
            return verb(*args, **kwargs)
        except (DBAPIError, ObjectDeletedError, StaleDataError) as error:
            if not is_lost_race(error):
                raise
            end_read_transaction()
            log.warning("%s lost a race twice: %s", verb.__qualname__, first_line(error))
            raise lost_race() from error

    return run


def lost_race() -> Conflict:
    sentence = phrase("Someone else changed this at the same time. Your changes were not saved; please try again.")
    return Conflict(sentence, "lost-race")


def is_lost_race(error: Exception) -> bool:
    """Whether another write at the same moment is the reason, so that a second try may succeed.

    A lock that was not given within its time limit is none: the wait was the second try already.
    """
    if not isinstance(error, DBAPIError):
        return isinstance(error, ObjectDeletedError | StaleDataError)
    state, code = (getattr(error.orig, name, None) for name in ("sqlstate", "sqlite_errorcode"))
    return state in (*DEADLOCKS, UNIQUE_VIOLATION) or code in SQLITE_RACES


def take_turn(*key: object) -> None:
    """Hold a key that no row stands for until the transaction ends; on SQLite the write transaction is enough."""
    if is_postgres():
        db.session.execute(select(func.pg_advisory_xact_lock(_number_of(key))))


def share_turn(*key: object) -> None:
    """As take_turn, together with all others who share the key."""
    if is_postgres():
        db.session.execute(select(func.pg_advisory_xact_lock_shared(_number_of(key))))


def _number_of(key: tuple[object, ...]) -> int:
    digest = hashlib.sha256("\0".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def is_away(error: DBAPIError) -> bool:
    """Whether the error means that the database can't be used for now, not that we asked it nonsense."""
    if is_lost_race(error):
        return False
    if trouble_of(error.orig) is not None or error.connection_invalidated:
        return True
    if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:  # such as: no such table
        return False
    return isinstance(error, OperationalError | InterfaceError)


def is_unknown(error: DBAPIError) -> bool:
    """Whether what was asked may have been done all the same."""
    return isinstance(error.orig, OutcomeUnknown) or (error.connection_invalidated and error.statement is None)


def is_of_one(error: DBAPIError) -> bool:
    """Whether one of the rows written is the reason, so that other writes may succeed without it."""
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in DEADLOCKS


def first_line(error: Exception) -> str:
    """What a database error says, without the statement and its values: those may be a commenter's words."""
    if not isinstance(error, DBAPIError):
        return str(error).partition("\n")[0]
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    if sqlstate.startswith(DATA_EXCEPTIONS):
        return f"{type(error.orig).__name__} ({sqlstate})"
    return str(error.orig).partition("\n")[0]
