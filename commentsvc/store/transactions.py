"""Transactions: the only way to write, lost races that are tried again, and locks without a row."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import (
    Engine,
    event,
    func,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError

from commentsvc.core.errors import Conflict
from commentsvc.core.phrases import phrase
from commentsvc.store import availability, time_limits
from commentsvc.store.db import db, is_postgres
from commentsvc.store.db_errors import first_line, is_lost_race

log = logging.getLogger(__name__)

# The order in which every use case takes its locks; it skips those that it does not need. Two that keep to this order
# cannot wait for each other in a circle. docs/architecture.md says more.
#   1. the row that a request names: sign-in code, invitation, mail, authorization code, token, sanction, follower
#   2. sites, by id: sites.lock, sites.hold_posting, sites.stop_posting
#   3. accounts, by id: accounts.hold, accounts.locked
#   4. browser sessions, second factors
#   5. threads, by id: threads.lock, threads.get_or_add_all
#   6. authors, by id; comments; votes and reports
#   7. counters, by site and status


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
    """Start the write transaction, before rows that will be changed are loaded: no stale row is written back."""
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


_write_locks: WeakKeyDictionary[Engine, threading.Lock] = WeakKeyDictionary()
WRITE_TURN = "write_turn"


def _wait_for_other_threads() -> None:
    """Let one thread of this process write at a time; raises OperationalError when that takes too long.

    SQLite's own wait is a poll with growing pauses: beside threads that write again and again, one that has waited
    for long looks ever less often, and posts were refused beside mails that were being noted.
    """
    turn = _write_locks.setdefault(db.engine, threading.Lock())
    if not turn.acquire(timeout=time_limits.current().limit.lock_s):
        raise availability.unavailable("another write of this process takes too long")
    db.session().info[WRITE_TURN] = turn


@event.listens_for(Session, "after_transaction_end")
def _end_write_turn(session: Session, transaction: SessionTransaction) -> None:
    turn = session.info.pop(WRITE_TURN, None) if transaction.parent is None else None
    if turn is not None:
        turn.release()


def _commit_and_keep() -> None:
    """Commit and keep loaded rows readable without another query."""
    session = db.session()
    session.expire_on_commit = False
    try:
        session.commit()
    finally:
        session.expire_on_commit = True


def begin_read() -> None:
    """Start a transaction whose queries all see one moment, also on PostgreSQL."""
    db.session.rollback()
    if db.engine.dialect.name == "postgresql":
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


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


def advisory_lock(*key: object) -> None:
    """Hold a key that no row stands for until the transaction ends; on SQLite the write transaction is enough."""
    if is_postgres():
        db.session.execute(select(func.pg_advisory_xact_lock(_number_of(key))))


def shared_advisory_lock(*key: object) -> None:
    """As advisory_lock, together with all others who share the key."""
    if is_postgres():
        db.session.execute(select(func.pg_advisory_xact_lock_shared(_number_of(key))))


def _number_of(key: tuple[object, ...]) -> int:
    digest = hashlib.sha256("\0".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
