"""Sets up the database of an application: its engine, and the end of read transactions after each request."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from flask import Flask
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import DBAPIError

from commentsvc.config import Config
from commentsvc.store import (
    availability,
)
from commentsvc.store.availability import Availability
from commentsvc.store.connections import BUSY_TIMEOUT_S, engine_options, note_slow, prepare, sqlite_url
from commentsvc.store.db import db
from commentsvc.store.db_errors import first_line
from commentsvc.store.sqlite_file import SqliteFile
from commentsvc.store.transactions import end_read_transaction

log = logging.getLogger(__name__)


def init_app(
    app: Flask,
    config: Config,
    note_slow_query: Callable[[], None] = lambda: None,
    note_away: Callable[[], None] = lambda: None,
) -> None:
    url = config.database_url
    known = Availability()
    known.note_trouble = note_away
    app.config["SQLALCHEMY_DATABASE_URI"] = sqlite_url(config.sqlite_path) if config.sqlite_path else url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, known)
    db.init_app(app)
    with app.app_context():
        prepare(db.engine)
        note_slow(db.engine, config.slow_query_ms, note_slow_query)
        _watch(db.engine, config.sqlite_path, known)
    app.teardown_appcontext(_end_session)


def _watch(engine: Engine, sqlite_path: Path | None, known: Availability) -> None:
    availability.watch(engine, known)
    if sqlite_path is not None:
        file = SqliteFile(sqlite_path)
        file.watch(engine)
        known.probe = file.probe
        return
    from commentsvc.store import postgres  # psycopg takes ten megabytes

    postgres.watch(engine, lambda: known.is_away)
    known.probe = postgres.Probe(engine)


def _end_session(_error: BaseException | None) -> None:
    """End the request's read transaction; the response is complete and is sent even if the database has just failed."""
    try:
        end_read_transaction()
    except DBAPIError as error:
        log.warning("a transaction could not be ended: %s", first_line(error))
        db.session().invalidate()


def create_file(config: Config) -> None:
    """An empty SQLite file, where there is none; only `db upgrade` may make one."""
    if config.sqlite_path is not None:
        config.sqlite_path.parent.mkdir(parents=True, exist_ok=True)
        config.sqlite_path.touch(mode=0o600, exist_ok=True)


def name_of(config: Config) -> str:
    """The database as logs may show it, without a password."""
    return str(config.sqlite_path or make_url(config.database_url).render_as_string(hide_password=True))


def merge_wal(config: Config) -> None:
    """Write what is in the `-wal` file of SQLite into the database file, so that a copy of that file alone is whole.

    For a clean stop, when no process of ours has the file open any more.
    """
    if config.sqlite_path is None or not config.sqlite_path.exists():
        return
    try:
        with closing(sqlite3.connect(config.sqlite_path, timeout=BUSY_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        log.warning(
            "%s-wal could not be merged into the database and still belongs to it: %s", config.sqlite_path, error
        )
