"""Connections to PostgreSQL that notice a server that does not answer; loaded only where PostgreSQL is used."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg.abc import Params, PQGen, Query
from psycopg.errors import _WaitTimeout  # raised by wait(timeout=…); has no public name
from sqlalchemy import Engine

from commentsvc.store import time_limits
from commentsvc.store.availability import Found, TroubleKind, trouble_of

R = TypeVar("R")

STATEMENT_MAX_MS = 30_000
# An open transaction whose client is gone would hold its locks for hours.
IDLE_MAX_MS = 15_000
LOCK_MAX_MS = 1_200
SLICE_S = 0.5
# Without them the kernel notices after two hours that the other machine is gone.
KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
SERVERS_KEEPALIVES = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}


class NoAnswer(psycopg.OperationalError, TimeoutError):
    """The server did not answer within the time limit; the outcome is unknown."""


class PostgresCursor(psycopg.Cursor[Any]):
    """Sends many sets of values as one statement after the other, not as a pipeline.

    psycopg ends a pipeline with Sync and Flush. The server arms idle_in_transaction_session_timeout at the Sync and
    disarms it at the Flush. If the client is never heard of again after that, the transaction and its locks remain.
    """

    def executemany(self, query: Query, params_seq: Iterable[Params], *, returning: bool = False) -> None:
        if returning:
            raise psycopg.NotSupportedError("rows of many statements are not kept")
        for params in params_seq:
            self.execute(query, params)  # type: ignore[arg-type]  # Query has templates too, which SQLAlchemy never sends


class _Steps:
    """A generator of psycopg's that can be waited for again after a time limit.

    Each wait begins with next(). A generator that has begun expects what became ready instead, and breaks while a
    long statement is still being sent; so a second next() is told once more what the generator waits for.
    """

    def __init__(self, gen: PQGen[Any]) -> None:
        self._gen = gen
        self._waits_for: Any = None

    def __iter__(self) -> _Steps:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, ready: Any) -> Any:
        if ready is not None or self._waits_for is None:
            self._waits_for = self._gen.send(ready)
        return self._waits_for


class PostgresConnection(psycopg.Connection[Any]):
    """Gives up waiting at the current time limit, and closes itself then.

    `is_lost` says of a query that takes longer whether the server is known to be away.
    """

    is_lost: Callable[[], bool] = staticmethod(lambda: False)

    def wait(self, gen: PQGen[R], interval: float = 0.1, timeout: float | None = None) -> R:
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        allowance = time_limits.current()
        first_s, longest_s = allowance.answer_s(), allowance.longest_answer_s()
        if first_s is None or longest_s is None:
            return super().wait(gen, interval)
        began, slice_s = time.monotonic(), first_s
        steps: Any = _Steps(gen)
        while True:
            try:
                answer: R = super().wait(steps, interval, slice_s)
            except _WaitTimeout:
                waited_s = time.monotonic() - began
                if waited_s >= longest_s or self.is_lost():
                    allowance.is_spent = True
                    self.pgconn.finish()
                    raise NoAnswer(f"no answer within {waited_s:.1f} s") from None
                slice_s = min(SLICE_S, longest_s - waited_s)
            else:
                allowance.has_answer = True
                return answer


def connect(is_lost: Callable[[], bool], *args: Any, **options: Any) -> PostgresConnection:
    """A new connection, or NoAnswer when there is none within the current time limit.

    Another thread connects: looking up a host's name can't be interrupted, and psycopg waits for at least two seconds.
    """
    allowance = time_limits.current()
    limit_s = allowance.connect_s()
    outcome: list[PostgresConnection | BaseException] = []
    lock, is_done, is_given_up = threading.Lock(), threading.Event(), threading.Event()

    def work() -> None:
        try:
            made: PostgresConnection | BaseException = PostgresConnection.connect(*args, **options)
        except BaseException as error:  # raised again by the waiting thread
            made = error
        with lock:
            if is_given_up.is_set() and isinstance(made, PostgresConnection):
                made.close()
            outcome.append(made)
            is_done.set()

    threading.Thread(target=work, name="connect", daemon=True).start()
    is_done.wait(limit_s)
    with lock:
        if not outcome:
            is_given_up.set()
            allowance.is_spent = True
            raise NoAnswer(f"no connection within {limit_s:.1f} s")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    outcome[0].is_lost = is_lost
    return outcome[0]


def watch(engine: Engine, is_lost: Callable[[], bool]) -> None:
    """Have the engine's connections made here, after what listeners of "do_connect" have to say."""
    engine.dialect.connect = partial(new_connection, is_lost)  # type: ignore[assignment, method-assign]
    # Many rows are one INSERT with many VALUES. Other statements go through Cursor.executemany, which counts no rows.
    engine.dialect.use_insertmanyvalues_wo_returning = True
    engine.dialect.supports_sane_multi_rowcount = False


def new_connection(is_lost: Callable[[], bool], *args: Any, **options: Any) -> PostgresConnection:
    settings = f"{options.pop('options', '')} {_server_settings()}".strip()
    ours = {"options": settings, "cursor_factory": PostgresCursor}
    return connect(is_lost, *args, **{"connect_timeout": 3, **KEEPALIVES, **options, **ours})


def _server_settings() -> str:
    """The settings of each connection, by the current time limits."""
    limit = time_limits.current().limit
    is_command = limit is time_limits.COMMAND
    settings = {
        "statement_timeout": STATEMENT_MAX_MS,
        # Less than a request waits for an answer: a lock that is held is no dead server.
        "lock_timeout": int(limit.lock_s * 1000) if is_command else LOCK_MAX_MS,
        "idle_in_transaction_session_timeout": 0 if is_command else IDLE_MAX_MS,
        **SERVERS_KEEPALIVES,
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


class Probe:
    """Tries to write, by a connection of its own, and takes it back."""

    def __init__(self, engine: Engine) -> None:
        self._args, self._options = engine.dialect.create_connect_args(engine.url)

    def __call__(self, _known: TroubleKind | None) -> Found | None:
        # A row of its own: no lock of a migration or of another probe is in its way.
        row = f"INSERT INTO alembic_version (version_num) VALUES ('probe {secrets.token_hex(8)}')"
        asked = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')"
        try:
            with time_limits.within(time_limits.PROBE):
                connection = new_connection(lambda: False, *self._args, **self._options, autocommit=True)
                with closing(connection):
                    is_standby, read_only = connection.execute(asked).fetchone() or (False, "")
                    if is_standby or read_only == "on":
                        reason = "it is a standby server" if is_standby else "default_transaction_read_only is on"
                        return TroubleKind.READ_ONLY, reason, True
                    connection.execute(f"BEGIN; {row}; ROLLBACK")
        except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
            return None  # it answers; the schema is somebody else's question
        except psycopg.Error as error:
            reason = str(error).partition("\n")[0]
            return trouble_of(error) or TroubleKind.AWAY, reason, isinstance(error, NoAnswer)
        return None
