"""Classifies errors of the database: it is down, the outcome is unknown, a lost race, or one row is the cause."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError

from commentsvc.store.availability import OutcomeUnknown, trouble_of

DATA_EXCEPTIONS = "22"  # of PostgreSQL, which quotes the value
DEADLOCKS = ("40P01", "40001")  # PostgreSQL's codes, appendix A
UNIQUE_VIOLATION = "23505"
SQLITE_RACES = (
    sqlite3.SQLITE_BUSY_SNAPSHOT,
    sqlite3.SQLITE_BUSY_RECOVERY,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
)


def is_lost_race(error: Exception) -> bool:
    """Whether another write at the same moment is the reason, so that a second try may succeed.

    A lock timeout is not a lost race: waiting was the second try already.
    """
    if not isinstance(error, DBAPIError):
        return isinstance(error, ObjectDeletedError | StaleDataError)
    state, code = (getattr(error.orig, name, None) for name in ("sqlstate", "sqlite_errorcode"))
    return state in (*DEADLOCKS, UNIQUE_VIOLATION) or code in SQLITE_RACES


def is_away(error: DBAPIError) -> bool:
    """Whether the database is down for now; False for an error of the statement itself."""
    if is_lost_race(error):
        return False
    if trouble_of(error.orig) is not None or error.connection_invalidated:
        return True
    if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:  # such as: no such table
        return False
    return isinstance(error, OperationalError | InterfaceError)


def is_unknown(error: DBAPIError) -> bool:
    """Whether the transaction may have been committed despite the error."""
    return isinstance(error.orig, OutcomeUnknown) or (error.connection_invalidated and error.statement is None)


def is_caused_by_one_row(error: DBAPIError) -> bool:
    """Whether one of the rows written is the reason, so that other writes may succeed without it."""
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in DEADLOCKS


def first_line(error: Exception) -> str:
    """The message of a database error without the statement and its values, which may be a commenter's words."""
    if not isinstance(error, DBAPIError):
        return str(error).partition("\n")[0]
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    if sqlstate.startswith(DATA_EXCEPTIONS):
        return f"{type(error.orig).__name__} ({sqlstate})"
    return str(error.orig).partition("\n")[0]
