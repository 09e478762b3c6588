"""Static pages: hot pages as files, which an nginx on the same machine serves by itself (deploy/nginx.conf).

nginx looks for a page in `leases/<window of the wall clock>/`, under a name made of the request's own words. That is a
link to the folder of the pages. One thread on the machine makes the link shortly before its window begins, after a look
at what has changed in the database (changes.py) has confirmed every page in the folder; no other thread changes that
folder. All processes submit
the pages that are read, and the thread takes them in its next round. When the service dies, hangs or cannot reach the
database, no link is made, and nginx asks the service as if there were no files.

So a page that nginx serves was true at most LEAD_S before its window began: a decision shows LEAD_S + WINDOW_S = 0.65 s
after it at the latest. A page that has changed comes from the service until it has been read in both windows of a
second: by then nginx's own cache, which it uses when the service is away, has the new one too.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from commentsvc.config import Config
from commentsvc.config_values import BadSetting
from commentsvc.page_cache.changes import Changes
from commentsvc.page_cache.middleware import PageCache
from commentsvc.page_cache.pages import NEVER_SEEN, WINDOW_S, CachedPage, RequestKey, chosen_encoding, etag_number
from commentsvc.store import page_changes, versions
from commentsvc.store.db_errors import first_line
from commentsvc.store.page_changes import Change
from commentsvc.store.versions import PageDependency

log = logging.getLogger(__name__)

LEAD_S = 0.15
# The service does not see what nginx serves. So each file is removed after 30 s; the next read brings it back.
LIFE_WINDOWS = int(30 / WINDOW_S)
PAGES_MAX = 5_000
BYTES_MAX = 64 * 2**20
SUBMITTED_MAX = 100  # for one round
READS_MAX = 20_000
BOTH_HALVES = 0b11
# Query strings as browsers write them. No slash: nginx uses the words as a file name, and a slash would lead into
# another folder.
QUERY = re.compile(r"[A-Za-z0-9._~*&=%+-]{1,200}")


@dataclass(frozen=True)
class StaticKind:
    """A kind of page that may be a file: `headers` are exactly those that nginx adds to a file of this kind."""

    name: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class PublishedFile:
    """A page that is a file, or submitted to become one, until the window with the number `until`.

    `as_of` is the number of the look at the changes after which it was found in the database as it is.
    """

    dependency: PageDependency
    etag_number: int
    size_bytes: int
    until: int
    as_of: int = NEVER_SEEN


class StaticPagePublisher:
    """A PageStore that only nginx reads.

    `changes` gives what has changed since the last call, None when any page may have; `current_pages` gives those of
    some dependencies that the database still has at their versions. Both raise DBAPIError when the database is away.
    `kinds` says by path which pages may be files.
    """

    def __init__(
        self,
        folder: Path,
        changes: Callable[[], set[Change] | None],
        current_pages: Callable[[Iterable[PageDependency]], set[PageDependency]],
        kinds: Mapping[str, StaticKind],
    ) -> None:
        self._kinds = kinds
        self._folder, self._pages, self._leases = folder, folder / "pages", folder / "leases"
        self._submitted = folder / "handed-in"
        self._changes = Changes(changes)
        self._current_pages = current_pages
        self._lock = threading.Lock()
        self._reads: dict[str, tuple[int, int]] = {}
        self._folder_lock: IO[bytes] | None = None
        self._published: dict[str, PublishedFile] = {}
        self._is_well = True

    def get(self, key: RequestKey) -> CachedPage | None:
        """None: only nginx reads the files."""
        return None

    def drop(self, key: RequestKey) -> None:
        """Nothing: a round removes each file whose page has changed."""

    def put(self, key: RequestKey, page: CachedPage) -> None:
        """Submit the page once it has been read in both windows of a second; called once per window for each page."""
        path, query, accepted_encodings, _ = key
        kind = self._kinds.get(path)
        encoding = chosen_encoding(accepted_encodings)
        if kind is None or not encoding or not QUERY.fullmatch(query):
            return
        if not isinstance(page.dependency, PageDependency) or dict(page.headers) != kind.headers:
            return
        name, number = f"{kind.name}.{encoding}.{query}", etag_number(page.tag, encoding)
        with self._lock:
            last_number, halves = self._reads.get(name, (0, 0))
            halves = 1 << page.confirmed_in % 2 | (halves if last_number == number else 0)
            if len(self._reads) >= READS_MAX:
                self._reads.clear()
            self._reads[name] = (number, halves)
        if halves == BOTH_HALVES:
            body = page.body(encoding)
            until = page.confirmed_in + LIFE_WINDOWS
            self._submit(name, PublishedFile(page.dependency, number, len(body), until), body)

    def _submit(self, name: str, file: PublishedFile, body: bytes) -> None:
        part = self._submitted / f".{os.getpid()}.{threading.get_ident()}"
        try:
            if len(os.listdir(self._submitted)) < SUBMITTED_MAX:
                source = file.dependency.site_id, file.dependency.key_hash.hex()
                head = [*source, *file.dependency.versions, file.etag_number, file.until]
                part.write_bytes(json.dumps(head).encode() + b"\n" + body)
                part.rename(self._submitted / name)
        except OSError as error:
            self._log_failure(error)

    def run(self, stop: threading.Event) -> None:
        """Publish before each window, until `stop`; of several processes with the folder, one does."""
        while not stop.wait(WINDOW_S - (time.time() + LEAD_S) % WINDOW_S + 0.001):
            try:
                if self._folder_lock is not None or self._become_publisher():
                    self.publish_round(time.time())
                self._is_well = True
            except (DBAPIError, PoolTimeout) as error:
                self._log_failure(error)
            except OSError as error:
                self._log_failure(error)
                self._give_up_folder()

    def _log_failure(self, error: Exception) -> None:
        if self._is_well:
            log.warning("static pages are off, nginx asks the service for each page: %s", first_line(error))
        self._is_well = False

    def _become_publisher(self) -> bool:
        """Lock the folder and empty it; False when another process has the lock."""
        lock = (self._folder / "lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (self._folder / "lock").chmod(0o600)
            for folder, mode in ((self._leases, 0o755), (self._pages, 0o755), (self._submitted, 0o700)):
                with suppress(FileNotFoundError):
                    shutil.rmtree(folder)
                folder.mkdir()
                folder.chmod(mode)
        except OSError as error:
            lock.close()
            if isinstance(error, BlockingIOError):
                return False
            raise
        self._folder_lock, self._published = lock, {}
        return True

    def _give_up_folder(self) -> None:
        """Release the folder; the next process that locks it, perhaps this one, empties it."""
        if self._folder_lock is not None:
            self._folder_lock.close()
            self._folder_lock = None

    def publish_round(self, now: float) -> None:
        """Remove changed pages, write submitted ones, then make the link for the window that begins soon."""
        window_number = int((now + LEAD_S) / WINDOW_S)
        files = {name: file for name, file in self._published.items() if file.until > window_number}
        room = BYTES_MAX - sum(file.size_bytes for file in files.values())
        submitted = self._take_submitted()
        for name, (file, _) in submitted.items():
            if name in files or (len(files) < PAGES_MAX and file.size_bytes <= room):
                room -= file.size_bytes
                files[name] = file
        files = self._confirmed(files) if files else {}
        for name in [name for name in self._published if name not in files]:
            (self._pages / name).unlink(missing_ok=True)
            del self._published[name]
        for name, file in files.items():
            if name not in self._published or self._published[name].etag_number != file.etag_number:
                self._write_file(name, file, submitted[name][1])
            self._published[name] = file
        if self._published:
            self._lease(window_number)

    def _confirmed(self, files: Mapping[str, PublishedFile]) -> dict[str, PublishedFile]:
        """Those that are as the database has them: unchanged since they were found so, or found so now."""
        self._changes.look()
        number, is_unchanged = self._changes.last.number, self._changes.is_unchanged
        known = {name: file for name, file in files.items() if is_unchanged(file.dependency.source, file.as_of)}
        doubtful = {name: file for name, file in files.items() if name not in known}
        current = self._current_pages({file.dependency for file in doubtful.values()}) if doubtful else set()
        found = {name: file for name, file in doubtful.items() if file.dependency in current}
        return known | {name: replace(file, as_of=number) for name, file in found.items()}

    def _take_submitted(self) -> dict[str, tuple[PublishedFile, bytes]]:
        """The pages submitted since the last round."""
        submitted = {}
        for path in self._submitted.iterdir():
            if not path.name.startswith("."):
                head, _, body = path.read_bytes().partition(b"\n")
                path.unlink()
                site_id, key_hash, of_site, of_thread, etag_number, until = json.loads(head)
                dependency = PageDependency(site_id, bytes.fromhex(key_hash), (of_site, of_thread))
                submitted[path.name] = PublishedFile(dependency, etag_number, len(body), until), body
        return submitted

    def _write_file(self, name: str, file: PublishedFile, body: bytes) -> None:
        """Write a page; its time gives it the ETag of the service, since nginx makes one of time and size."""
        part = self._pages / ".part"
        part.write_bytes(body)
        part.chmod(0o644)
        os.utime(part, (file.etag_number, file.etag_number))
        part.rename(self._pages / name)

    def _lease(self, window_number: int) -> None:
        for old in self._leases.iterdir():
            if old.name not in (_lease_name(window_number - 1), _lease_name(window_number)):
                old.unlink()
        with suppress(FileExistsError):
            (self._leases / _lease_name(window_number)).symlink_to("../pages")


def _lease_name(window_number: int) -> str:
    """The name that nginx makes of its clock: the second, then 0 or 5 for its half."""
    return f"{window_number // 2}.{window_number % 2 * 5}"


def prepare(folder: Path) -> None:
    """Make the folder where there is none; raises BadSetting for one that cannot hold the pages."""
    probe = folder / f".probe.{os.getpid()}"
    time_s = 2**60 - 1
    try:
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)
        probe.touch()
        os.utime(probe, (time_s, time_s))
        holds_times = probe.stat().st_mtime_ns == time_s * 10**9
        probe.unlink()
    except OSError as error:
        mend = "must be a folder that the service can write into and nginx can read, such as /run/commentsvc"
        raise BadSetting("STATIC_PAGES_DIR", f"{mend} ({error})") from error
    if not holds_times:
        raise BadSetting(
            "STATIC_PAGES_DIR", "must be in memory (tmpfs), such as /run/commentsvc or /dev/shm/commentsvc"
        )


def init_app(app: Flask, config: Config, kinds: Mapping[str, StaticKind]) -> None:
    if config.static_pages_dir is not None:
        changes = page_changes.change_reader(app).read
        publisher = StaticPagePublisher(config.static_pages_dir, changes, versions.threads_reader(app), kinds)
        cache: PageCache = app.extensions["page_cache"]
        cache.hot_pages = publisher
        app.extensions["static_pages"] = publisher


def start(app: Flask) -> None:
    """Publish pages from this process, where a folder is set; of several processes one does, the others wait."""
    publisher: StaticPagePublisher | None = app.extensions.get("static_pages")
    if publisher is not None:
        threading.Thread(target=publisher.run, args=(threading.Event(),), name="static-pages", daemon=True).start()
