"""The SQLite file of a running service: open connections must be on the file that is at its path now."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError

from commentsvc.store.availability import Found, TroubleKind, trouble_of, unavailable

log = logging.getLogger(__name__)

Identity = tuple[int, int]  # device, inode
OPENED = "opened file"  # where a pooled connection's info keeps the identity
SIDE_FILES = ("-wal", "-shm")
# A probe writes so much, in a transaction that is rolled back: more than its page cache holds, so it reaches the disk.
PROBE_BYTES = 64 * 1024
FREE_MIN_BYTES = 2**20
# Looking for damage reads the whole file: not often, and not for long.
INSPECT_EVERY_S = 5.0
INSPECT_MAX_S = 0.7
INSPECT_PAUSE_FACTOR = 20  # times as long as it took
STEPS_BETWEEN_CHECKS = 10_000  # of SQLite's virtual machine between two looks at the clock


def identity(path: Path) -> Identity | None:
    """The identity of the file at a path; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class SqliteFile:
    """Watches that nothing is written into a file that was renamed, removed or replaced."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._uri = f"file:{quote(str(path))}?mode=rw"
        self._clock = clock
        self._lock = threading.Lock()
        # Keeps the file that is served open, so that its inode is not given to another, and its log can be merged.
        self._anchor: sqlite3.Connection | None = None
        self._anchored: Identity | None = None
        self._sides: dict[str, Identity | None] = {}
        self._inspect_at = float("-inf")
        self._is_damaged = False
        self._forget_connections: Callable[[], None] = lambda: None

    def watch(self, engine: Engine) -> None:
        known = weakref.ref(engine)

        def forget() -> None:
            if (found := known()) is not None:
                found.dispose()

        self._forget_connections = forget

        @event.listens_for(engine, "do_connect")
        def open_current(_dialect: object, _record: object, _args: object, _options: object) -> None:
            self.switch_to_current()

        @event.listens_for(engine, "connect")
        def remember(_connection: sqlite3.Connection, record: Any) -> None:
            record.info[OPENED] = self._anchored

        @event.listens_for(engine, "checkout")
        def check(_connection: sqlite3.Connection, record: Any, _fairy: object) -> None:
            if record.info[OPENED] != identity(self.path):
                raise DisconnectionError("the database file is another now")

        @event.listens_for(engine, "engine_disposed")
        def close(_engine: Engine) -> None:
            self.close()

        @event.listens_for(engine, "commit")
        def check_once_more(connection: Connection) -> None:
            if connection.info[OPENED] != identity(self.path):
                connection.invalidate()
                raise unavailable("the database file was moved or replaced; nothing of this transaction is kept")

    def switch_to_current(self) -> None:
        """Switch to the file that is now at the path; the replaced file stays consistent.

        The WAL of the old file is merged into it, wherever that file is now. Its side files are removed: SQLite would
        take them for the new file's.
        """
        with self._lock:
            now = identity(self.path)
            if now is None or now == self._anchored:
                return
            if self._anchor is not None:
                is_busy = self._anchor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                if is_busy:
                    raise sqlite3.OperationalError("the database file was replaced, and the old one is still in use")
                for side, known in self._sides.items():
                    path = Path(f"{self.path}{side}")
                    if known is not None and identity(path) == known:
                        path.unlink()
                self._anchor.close()
                self._anchor = self._anchored = None
                log.warning("the database file %s was replaced; the new one is used from now on", self.path)
            anchor = sqlite3.connect(self._uri, uri=True, timeout=1.0, check_same_thread=False, isolation_level=None)
            try:
                anchor.execute("PRAGMA journal_mode=WAL")
                anchor.execute("SELECT count(*) FROM sqlite_master").fetchone()
                if identity(self.path) != now:
                    raise sqlite3.OperationalError("the database file is being replaced")
            except sqlite3.Error:
                anchor.close()
                raise
            self._anchor, self._anchored = anchor, now
            self._inspect_at, self._is_damaged = float("-inf"), False
            self._sides = {side: identity(Path(f"{self.path}{side}")) for side in SIDE_FILES}

    def close(self) -> None:
        with self._lock:
            if self._anchor is not None:
                self._anchor.close()
            self._anchor = self._anchored = None

    def probe(self, known: TroubleKind | None) -> Found | None:
        """Try to write to the file, and look for damage from time to time."""
        if identity(self.path) is None:
            return TroubleKind.AWAY, "the file is missing", True
        if known is TroubleKind.READ_ONLY:
            self._forget_connections()  # SQLite opened them read-only, and they stay so
        try:
            self.switch_to_current()
            connection = sqlite3.connect(self._uri, uri=True, timeout=0.3, isolation_level=None)
            try:
                self._try_to_write(connection, known)
                self._inspect(connection, known)
            finally:
                connection.close()
        except sqlite3.Error as error:
            found = trouble_of(error) or TroubleKind.AWAY
            if found is TroubleKind.AWAY and not os.access(self.path.parent, os.W_OK):
                # SQLite can't make the side files without which it reads nothing.
                return found, "the disk or the folder is read-only", True
            return found, str(error), True
        if self._is_damaged:
            return TroubleKind.DAMAGED, "an integrity check found errors; restore a backup", True
        room = os.statvfs(self.path)
        free_bytes = room.f_frsize * (room.f_bfree if os.geteuid() == 0 else room.f_bavail)
        if free_bytes < FREE_MIN_BYTES:
            return TroubleKind.DISK, f"only {free_bytes // 1024} kB are free", True
        return None

    def _try_to_write(self, connection: sqlite3.Connection, known: TroubleKind | None) -> None:
        size = PROBE_BYTES
        if known is TroubleKind.DISK:  # more than the free pages of the file, which could be reused
            size += _size_bytes(Path(f"{self.path}-wal"))
        connection.execute("PRAGMA cache_size=2")
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("CREATE TABLE write_probe (content BLOB)")
            connection.execute("INSERT INTO write_probe VALUES (zeroblob(?))", (size,))
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _inspect(self, connection: sqlite3.Connection, known: TroubleKind | None) -> None:
        """Look for damaged pages. Damage that was seen stays until the whole file was found well."""
        began = self._clock()
        self._is_damaged = self._is_damaged or known is TroubleKind.DAMAGED
        if began < self._inspect_at:
            return
        connection.set_progress_handler(lambda: self._clock() > began + INSPECT_MAX_S, STEPS_BETWEEN_CHECKS)
        try:
            self._is_damaged = connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok"
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:  # too large to be read in time
                raise
        finally:
            connection.set_progress_handler(None, 0)
            now = self._clock()
            self._inspect_at = now + max(INSPECT_EVERY_S, INSPECT_PAUSE_FACTOR * (now - began))


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
