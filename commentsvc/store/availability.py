"""Whether the database can be read and written: learned from errors, tried by a probe, one probe at a time."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

from commentsvc.store import time_limits

log = logging.getLogger(__name__)

PROBE_MAX_S = 1.5  # a probe that takes longer has failed
RECENT_S = 0.3
# A request waits so long for the probe that may find the database well again.
WAIT_S = 0.3


class TroubleKind(StrEnum):
    """The kind of trouble, as messages name it. Only AWAY prevents reading."""

    AWAY = "away"
    LOCKED = "locked by another program"
    READ_ONLY = "read-only"
    DISK = "not writable: the disk is full or fails"
    DAMAGED = "damaged"


SQLITE = {
    sqlite3.SQLITE_PERM: TroubleKind.AWAY,
    sqlite3.SQLITE_BUSY: TroubleKind.LOCKED,
    sqlite3.SQLITE_READONLY: TroubleKind.READ_ONLY,
    sqlite3.SQLITE_IOERR: TroubleKind.DISK,
    sqlite3.SQLITE_CORRUPT: TroubleKind.DAMAGED,
    sqlite3.SQLITE_FULL: TroubleKind.DISK,
    sqlite3.SQLITE_CANTOPEN: TroubleKind.AWAY,
    sqlite3.SQLITE_NOTADB: TroubleKind.AWAY,
}
# PostgreSQL, appendix A.
SQLSTATES = {
    "25006": TroubleKind.READ_ONLY,
    "53100": TroubleKind.DISK,
    "58030": TroubleKind.DISK,
    "XX001": TroubleKind.DAMAGED,
    "XX002": TroubleKind.DAMAGED,
    "57P01": TroubleKind.AWAY,
    "57P02": TroubleKind.AWAY,
    "57P03": TroubleKind.AWAY,
}
TOO_MANY_CONNECTIONS = "53300"


class Unavailable(Exception):
    """Raised in place of asking a database that is known to be in trouble; always inside an OperationalError."""


class OutcomeUnknown(Unavailable):
    """The outcome of the statement is unknown; a retry must not apply it twice."""


def unavailable(reason: str) -> OperationalError:
    return OperationalError(None, None, Unavailable(reason))


def trouble_of(error: BaseException | None) -> TroubleKind | None:
    """The trouble of the whole database that a driver's error means; None for an error of one statement."""
    if isinstance(error, Unavailable):
        return TroubleKind.AWAY
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0)
        if code in (sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_BUSY_RECOVERY):  # a race, which a second try wins
            return None
        return SQLITE.get(code & 0xFF)
    sqlstate = getattr(error, "sqlstate", None) or ""
    return TroubleKind.AWAY if sqlstate.startswith("08") else SQLSTATES.get(sqlstate)


# The trouble, its reason, and whether the reason may be public.
Found = tuple[TroubleKind, str, bool]


@dataclass(frozen=True)
class DatabaseTrouble:
    """The trouble, the text of its error, and the time since when (monotonic).

    A server's error text may name hosts and accounts: `is_public` says whether it may be shown to everybody.
    """

    trouble: TroubleKind
    reason: str
    is_public: bool
    noted_at: float

    def __str__(self) -> str:
        return f"{self.trouble}: {self.reason if self.is_public else 'see the log'}"


class Availability:
    """The known state of one database. `probe(last finding)` tries it and returns the new finding, or None.

    While the database is in trouble no request waits for it: a request that needs it starts a probe, waits a moment for
    what it finds, and is refused if the trouble is still there.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.probe: Callable[[TroubleKind | None], Found | None] = lambda _known: None
        self.note_trouble: Callable[[], None] = lambda: None
        self._clock = clock
        self._lock = threading.Lock()
        self._finding: DatabaseTrouble | None = None
        self._is_probing = False
        self._is_done = threading.Event()
        self._probed_at = float("-inf")  # when the last probe that ended began

    @property
    def is_away(self) -> bool:
        finding = self._finding
        return finding is not None and finding.trouble is TroubleKind.AWAY

    def check(self, for_writing: bool = False) -> None:
        """Raise OperationalError where what is known forbids the use; asks for a probe then."""
        if self._forbids(for_writing):
            self.look(0.0, WAIT_S)
            if finding := self._forbids(for_writing):
                raise unavailable(str(finding))

    def _forbids(self, for_writing: bool) -> DatabaseTrouble | None:
        finding = self._finding
        return finding if finding is not None and (for_writing or finding.trouble is TroubleKind.AWAY) else None

    def note(self, trouble: TroubleKind, reason: str, is_public: bool = True) -> None:
        """Record the trouble that an error shows; a new one is logged."""
        with self._lock:
            before = self._finding
            self._finding = DatabaseTrouble(trouble, reason, is_public, self._clock())
        is_news = before is None or before.trouble is not trouble
        if is_news and time_limits.current().limit is not time_limits.COMMAND:  # a command says it itself
            log.error("the database is %s; published pages go on: %s", trouble, reason)
            self.note_trouble()

    def look(self, max_age_s: float = RECENT_S, wait_s: float = PROBE_MAX_S) -> DatabaseTrouble | None:
        """The current finding, or None: from a probe not older than `max_age_s`, waiting at most `wait_s` for it."""
        with self._lock:
            if not self._is_probing and self._clock() - self._probed_at > max_age_s:
                self._is_probing, self._is_done = True, threading.Event()
                threading.Thread(target=self._try, name="database probe", daemon=True).start()
            is_done = self._is_done if self._is_probing else None
        if is_done is not None and not is_done.wait(wait_s) and wait_s >= PROBE_MAX_S:
            return DatabaseTrouble(TroubleKind.AWAY, f"no answer to a probe within {wait_s:.1f} s", True, self._clock())
        return self._finding

    def _try(self) -> None:
        began = self._clock()
        known = self._finding.trouble if self._finding else None
        found: Found | None = (TroubleKind.AWAY, "the probe failed", True)
        try:
            found = self.probe(known)
        finally:
            self._end(began, found)

    def _end(self, began: float, found: Found | None) -> None:
        if found is not None:
            self.note(*found)
        elif (before := self._finding) is not None:
            with self._lock:
                # An error that came while the probe ran may be newer than what the probe saw.
                is_cleared = self._finding is before and before.noted_at <= began
                if is_cleared:
                    self._finding = None
            if is_cleared:
                log.warning("the database is well again; it was %s", before.trouble)
        with self._lock:
            self._probed_at, self._is_probing = began, False
            self._is_done.set()


_of: WeakKeyDictionary[Engine, Availability] = WeakKeyDictionary()


def of(engine: Engine) -> Availability:
    return _of[engine]


def watch(engine: Engine, availability: Availability) -> None:
    """Learn from each error of the engine's connections."""
    _of[engine] = availability

    @event.listens_for(engine, "handle_error")
    def note(context: ExceptionContext) -> None:
        error = context.original_exception
        if isinstance(error, Unavailable):
            return
        trouble = trouble_of(error)
        if trouble is None and getattr(error, "sqlstate", None) == TOO_MANY_CONNECTIONS:
            return  # the connections that there are go on
        # A connection that was closed while it lay in the pool is replaced at once; one that hangs says more.
        if context.is_pre_ping and not isinstance(error, TimeoutError):
            return
        if trouble is None and (context.is_disconnect or context.connection is None):
            trouble = TroubleKind.AWAY
        if trouble is not None:
            is_public = isinstance(error, sqlite3.Error | TimeoutError)
            availability.note(trouble, str(error).partition("\n")[0], is_public)
