"""The shelf: hot pages of comments as files, which an nginx on this machine gives by itself (deploy/nginx.conf).

nginx looks for a page in `leases/<half second of the wall clock>/`, under a name made of the request's own words. That
is a link to the folder of the pages. It is made shortly before its half second begins, after one look at the database
has confirmed every page in the folder, and by the only thread that ever changes the folder: what readers ask of any
process is handed in, and laid out at the next turn. When the service dies, hangs or cannot reach the database no link
is made, and nginx asks the service as if there were no shelf.

So a page that nginx gives was true at most LEAD_S before the half second began, however late anything is: a decision
shows LEAD_S + SLOT_S = 0.65 s after it at the latest. What has changed then comes from the service, until it has been
asked for in both halves of a second: by then nginx's own cache, where it looks when the service is gone, has it too.
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
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from commentsvc.config import BadSetting, Config
from commentsvc.core import routes
from commentsvc.page_cache.middleware import PageCache
from commentsvc.page_cache.pages import WINDOW_S, CachedPage, PreparedResponse, RequestKey
from commentsvc.store import versions
from commentsvc.store.db import first_line
from commentsvc.store.versions import PageDependency

log = logging.getLogger(__name__)

LEAD_S = 0.15
# Nobody tells the service that nginx gave a page, so each goes after a while, and who asks then brings it back.
LIFE = int(30 / WINDOW_S)
PAGES_MAX = 500  # each is confirmed twice a second: five hundred of one site take 3 ms, of as many sites 90
BYTES_MAX = 64 * 2**20
HANDED_IN_MAX = 100  # for one turn
SEEN_MAX = 10_000
BOTH_HALVES = 0b11
KINDS = {routes.EMBED_COMMENTS: "embed", routes.API_COMMENTS: "api"}
# As browsers spell a query. A slash would lead into another folder; in this one there are none, so that nginx, which
# takes the words as they come, finds nothing behind one.
QUERY = re.compile(r"[A-Za-z0-9._~*&=%+-]{1,200}")
# What nginx adds to a page by itself; one that has anything else is left to the service.
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Retry-After",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS_OF = {
    "embed": {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY, **HEADERS},
    "api": {"Content-Type": "application/json", **HEADERS},
}


@dataclass(frozen=True)
class PublishedFile:
    """A page on the shelf, or on its way there; `until` is the half second that ends its time."""

    watched: PageDependency
    stamp: int
    size_bytes: int
    until: int


class StaticPagePublisher:
    """`standing` gives those pages that are as the database has them, or raises DBAPIError."""

    def __init__(self, folder: Path, standing: Callable[[Iterable[PageDependency]], set[PageDependency]]) -> None:
        self._folder, self._pages, self._leases = folder, folder / "pages", folder / "leases"
        self._handed_in = folder / "handed-in"
        self._standing = standing
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[int, int]] = {}
        self._held: IO[bytes] | None = None
        self._laid: dict[str, PublishedFile] = {}
        self._is_well = True

    def note(self, spelled: RequestKey, page: CachedPage, ready: PreparedResponse, half_second: int) -> None:
        """Remember that this page is read, and hand it in when it is hot; the edge's listener."""
        path, query, _, _ = spelled
        kind = KINDS.get(path)
        if kind is None or not ready.encoding or not QUERY.fullmatch(query):
            return
        if not isinstance(page.watched, PageDependency) or dict(page.headers) != HEADERS_OF[kind]:
            return
        name = f"{kind}.{ready.encoding}.{query}"
        with self._lock:
            stamp, halves = self._seen.get(name, (0, 0))
            halves = 1 << half_second % 2 | (halves if stamp == ready.stamp else 0)
            if len(self._seen) >= SEEN_MAX:
                self._seen.clear()
            self._seen[name] = (ready.stamp, halves)
        if halves == BOTH_HALVES:
            body = ready.body[0]
            self._hand_in(name, PublishedFile(page.watched, ready.stamp, len(body), half_second + LIFE), body)

    def _hand_in(self, name: str, leaf: PublishedFile, body: bytes) -> None:
        part = self._handed_in / f".{os.getpid()}.{threading.get_ident()}"
        try:
            if len(os.listdir(self._handed_in)) < HANDED_IN_MAX:
                watched = leaf.watched
                head = [watched.site_key, watched.thread_key, *watched.versions, leaf.stamp, leaf.until]
                part.write_bytes(json.dumps(head).encode() + b"\n" + body)
                part.rename(self._handed_in / name)
        except OSError as error:
            self._complain(error)

    def run(self, stop: threading.Event) -> None:
        """Take a turn before each half second. Of the processes that share the folder one does; the others wait."""
        while not stop.wait(WINDOW_S - (time.time() + LEAD_S) % WINDOW_S + 0.001):
            try:
                if self._held is not None or self._take():
                    self.turn(time.time())
                self._is_well = True
            except (DBAPIError, PoolTimeout) as error:
                self._complain(error)
            except OSError as error:
                self._complain(error)
                self._let_go()

    def _complain(self, error: Exception) -> None:
        if self._is_well:
            log.warning("nginx asks the service for each page: %s", first_line(error))
        self._is_well = False

    def _take(self) -> bool:
        """Become the one that fills the folder, and empty it; whether that was so."""
        lock = (self._folder / "lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (self._folder / "lock").chmod(0o600)
            for folder, mode in ((self._leases, 0o755), (self._pages, 0o755), (self._handed_in, 0o700)):
                with suppress(FileNotFoundError):
                    shutil.rmtree(folder)
                folder.mkdir()
                folder.chmod(mode)
        except OSError as error:
            lock.close()
            if isinstance(error, BlockingIOError):
                return False
            raise
        self._held, self._laid = lock, {}
        return True

    def _let_go(self) -> None:
        """Whoever takes the folder next, this process too, begins it anew."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def turn(self, now: float) -> None:
        """Bring the folder in line with the database, then lease it for the half second that begins soon."""
        half_second = int((now + LEAD_S) / WINDOW_S)
        leaves = {name: leaf for name, leaf in self._laid.items() if leaf.until > half_second}
        room = BYTES_MAX - sum(leaf.size_bytes for leaf in leaves.values())
        received = self._received()
        for name, (leaf, _) in received.items():
            if name in leaves or (len(leaves) < PAGES_MAX and leaf.size_bytes <= room):
                room -= leaf.size_bytes
                leaves[name] = leaf
        standing = self._standing({leaf.watched for leaf in leaves.values()}) if leaves else set()
        for name in [name for name in self._laid if name not in leaves or leaves[name].watched not in standing]:
            (self._pages / name).unlink(missing_ok=True)
            del self._laid[name]
        for name, leaf in leaves.items():
            if leaf.watched in standing:
                if name not in self._laid or self._laid[name].stamp != leaf.stamp:
                    self._lay_out(name, leaf, received[name][1])
                self._laid[name] = leaf
        if self._laid:
            self._lease(half_second)

    def _received(self) -> dict[str, tuple[PublishedFile, bytes]]:
        """What was handed in since the last turn."""
        received = {}
        for path in self._handed_in.iterdir():
            if not path.name.startswith("."):
                head, _, body = path.read_bytes().partition(b"\n")
                path.unlink()
                site_key, thread_key, of_site, of_thread, stamp, until = json.loads(head)
                watched = PageDependency(site_key, thread_key, (of_site, of_thread))
                received[path.name] = PublishedFile(watched, stamp, len(body), until), body
        return received

    def _lay_out(self, name: str, leaf: PublishedFile, body: bytes) -> None:
        """nginx makes a file's ETag of its time and size, so that it is the service's own."""
        part = self._pages / ".part"
        part.write_bytes(body)
        part.chmod(0o644)
        os.utime(part, (leaf.stamp, leaf.stamp))
        part.rename(self._pages / name)

    def _lease(self, half_second: int) -> None:
        for old in self._leases.iterdir():
            if old.name not in (_lease_name(half_second - 1), _lease_name(half_second)):
                old.unlink()
        with suppress(FileExistsError):
            (self._leases / _lease_name(half_second)).symlink_to("../pages")


def _lease_name(half_second: int) -> str:
    """As nginx makes it of its clock: the second, and 0 or 5 for its half."""
    return f"{half_second // 2}.{half_second % 2 * 5}"


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


def init_app(app: Flask, config: Config) -> None:
    if config.static_pages_dir is not None:
        shelf = StaticPagePublisher(config.static_pages_dir, versions.threads_reader(app))
        edge: PageCache = app.extensions["edge"]
        edge.listener = shelf.note
        app.extensions["shelf"] = shelf


def start(app: Flask) -> None:
    """Fill the shelf from this process, where it is set and no other process does."""
    shelf: StaticPagePublisher | None = app.extensions.get("shelf")
    if shelf is not None:
        threading.Thread(target=shelf.run, args=(threading.Event(),), name="shelf", daemon=True).start()
