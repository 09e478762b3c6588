"""Connections to the database: options of the engine, SQLite's pragmas, and the log of slow queries."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    event,
)
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from commentsvc.store import time_limits
from commentsvc.store.availability import Availability

log = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 5
POOL_TIMEOUT_S = 1.5  # waiting for a free connection of the pool
# Prepared statements that SQLite caches for each connection. Pages and posts of readers need 26; queries with lists of
# ids are one statement for each length, of about 25 kB. The default of 128 was most of a worker's growth in memory.
STATEMENTS_KEPT = 32
SHOWN_SQL_MAX = 2000


def engine_options(database_url: str, availability: Availability) -> dict[str, Any]:
    """Options of create_engine: a database in trouble is noticed fast, and locks are waited for."""

    class Pool(QueuePool):
        """Gives no connection to a database that is away."""

        def connect(self) -> PoolProxiedConnection:
            availability.check()
            return super().connect()

    Pool.__module__ = QueuePool.__module__  # the logger is named after it; its messages are not for operators
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

    With `secure_delete` it overwrites what is deleted, so that an erased person is not left in the file.

    pysqlite's own transaction handling starts a writer as a reader, and then lost 422 of 480 concurrent updates
    without an error (docs/architecture.md has the measurement); BEGIN IMMEDIATE lost none.
    """
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        busy_ms = int(time_limits.current().limit.lock_s * 1000)
        if connection.info.get("busy_ms") != busy_ms:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={busy_ms}")
            connection.info["busy_ms"] = busy_ms
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))
