"""The edge: answers hot public reads from memory before Flask is entered, also while the database is away.

It knows nothing of comments. Flask is its origin: a view says in `environ[WATCH]` which thread its answer was built
from and at which versions; while those versions stand, the bytes stand.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import brotli
from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from commentsvc.config import Config
from commentsvc.store import database
from commentsvc.store.database import Watched
from commentsvc.store.db import first_line

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

WATCH = "commentsvc.watch"
SESSION_COOKIE = "commentsvc"
# Confirmed twice within the second that the contract promises, so that the rebuild too fits into it.
FRESH_S = 0.5
PROMISE_S = 1.0
WAIT_MAX_S = 2.0
QUERY_NAMES = frozenset({"site", "thread", "sort", "cursor", "limit", "lang", "reply_to", "about"})
DEFAULTS = {("sort", "oldest"), ("cursor", ""), ("limit", ""), ("lang", ""), ("reply_to", ""), ("about", "")}
PREFIXES = (
    "/api/v1/comments",
    "/embed/v1/comments",
    "/api/v1/counts",
    "/api/v1/recent",
    "/t/",
    "/feeds/",
    "/embed.js",
    "/avatars/",
)
PRUNE_EVERY = 200  # writes


@dataclass
class Page:
    """One answer in its three encodings. `checked_at` is monotonic; it moves, nothing else does."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    watched: Watched | None
    checked_at: float
    gzip: bytes = field(init=False)
    br: bytes = field(init=False)
    etag: str = field(init=False)

    def __post_init__(self) -> None:
        self.gzip = gzip.compress(self.body, 6, mtime=0)
        self.br = brotli.compress(self.body, quality=5)
        self.etag = hashlib.sha256(self.body).hexdigest()[:24]

    @property
    def size_bytes(self) -> int:
        return len(self.body) + len(self.gzip) + len(self.br)


@dataclass(frozen=True)
class Other:
    """An answer that is not kept: anything but a cookieless 200."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


class Memory:
    """Pages by key, the least recently read forgotten first, bounded by bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._lock = threading.Lock()
        self._left = max_bytes

    def get(self, key: str) -> Page | None:
        with self._lock:
            page = self._pages.get(key)
            if page is not None:
                self._pages.move_to_end(key)
            return page

    def put(self, key: str, page: Page) -> None:
        with self._lock:
            self._drop(key)
            self._pages[key] = page
            self._left -= page.size_bytes
            while self._left < 0 and self._pages:
                self._drop(next(iter(self._pages)))

    def drop(self, key: str) -> None:
        with self._lock:
            self._drop(key)

    def _drop(self, key: str) -> None:
        page = self._pages.pop(key, None)
        if page is not None:
            self._left += page.size_bytes


class Disk:
    """The last good bytes of each page, for a restart while the database is away; bounded by bytes."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._writes = 0

    def _path(self, key: str) -> Path:
        return self._folder / (hashlib.sha256(key.encode()).hexdigest() + ".page")

    def get(self, key: str, now: float) -> Page | None:
        try:
            head, _, body = self._path(key).read_bytes().partition(b"\n")
            kept = json.loads(head)
        except (OSError, ValueError):
            return None  # not there, or half written by a machine that died: as good as not there
        headers = [(name, value) for name, value in kept["headers"]]
        # Versions that no database has: the first look at the database builds the page again.
        watched = Watched(kept["watched"][0], kept["watched"][1], (-1, -1)) if kept["watched"] else None
        return Page(kept["status"], headers, body, watched, now)

    def put(self, key: str, page: Page) -> None:
        watched = [page.watched.site_key, page.watched.thread_key] if page.watched else None
        head = json.dumps({"status": page.status, "headers": page.headers, "watched": watched})
        path = self._path(key)
        part = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(head.encode() + b"\n" + page.body)
            os.replace(part, path)
            self._prune()
        except OSError as error:
            log.warning("could not keep a published page on disk: %s", error)

    def drop(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def _prune(self) -> None:
        self._writes += 1
        if self._writes % PRUNE_EVERY != 1:
            return
        files = []
        for path in self._folder.glob("*.page"):
            try:
                files.append((path.stat().st_mtime, path.stat().st_size, path))
            except FileNotFoundError:  # another worker pruned it
                continue
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files, key=lambda f: f[0]):
            if total <= self._max_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size


class Edge:
    """WSGI middleware; `versions` looks up what a page was built from and raises DBAPIError when it can't."""

    def __init__(
        self,
        inner: WSGIApplication,
        versions: Callable[[Watched], tuple[int, int] | None],
        memory: Memory,
        disk: Disk,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._versions = versions
        self._memory = memory
        self._disk = disk
        self._clock = clock
        self._flights: dict[str, threading.Lock] = {}
        self._flights_lock = threading.Lock()
        self._away_until = 0.0
        self.builds = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        key = _key(environ)
        if key is None:
            return self._inner(environ, start_response)
        page = self._memory.get(key)
        if page is None or self._clock() - page.checked_at >= FRESH_S:
            answer = self._confirmed(key, page, environ)
            if isinstance(answer, Other):
                start_response(answer.status, answer.headers)
                return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]
            page = answer
        return _send(page, environ, start_response)

    def _confirmed(self, key: str, page: Page | None, environ: WSGIEnvironment) -> Page | Other:
        """The page as it is true now, looked up or built by one request however many ask."""
        with self._flights_lock:
            flight = self._flights.setdefault(key, threading.Lock())
        if not flight.acquire(blocking=False):
            if page is not None and (self._is_away() or self._clock() - page.checked_at < PROMISE_S):
                return page
            if not flight.acquire(timeout=WAIT_MAX_S):
                return page if page is not None else self._build(key, environ)
        try:
            page = self._memory.get(key)
            if page is not None and self._clock() - page.checked_at < FRESH_S:
                return page
            return self._confirm(key, page, environ)
        finally:
            flight.release()
            with self._flights_lock:
                self._flights.pop(key, None)

    def _confirm(self, key: str, page: Page | None, environ: WSGIEnvironment) -> Page | Other:
        if page is not None and page.watched is not None:
            if self._is_away():
                return page
            asked_at = self._clock()
            try:
                versions = self._versions(page.watched)
            except (DBAPIError, PoolTimeout) as error:
                self._note_away(error)
                return page
            if versions == page.watched.versions:
                page.checked_at = asked_at
                return page
        return self._build(key, environ, page)

    def _build(self, key: str, environ: WSGIEnvironment, last: Page | None = None) -> Page | Other:
        asked_at = self._clock()
        answer = self._ask(key, environ, asked_at)
        if isinstance(answer, Page):
            self.builds += 1
            if last is not None and last.body == answer.body and last.headers == answer.headers:
                last.watched, last.checked_at = answer.watched, asked_at
                return last
            self._memory.put(key, answer)
            self._disk.put(key, answer)
            return answer
        if answer.status.startswith("5"):
            kept = last or self._disk.get(key, self._clock())
            if kept is not None:
                self._memory.put(key, kept)
                kept.checked_at = self._clock()
                return kept
        elif last is not None:
            self._memory.drop(key)
            self._disk.drop(key)
        return answer

    def _ask(self, key: str, environ: WSGIEnvironment, asked_at: float) -> Page | Other:
        """Put the question to Flask as anybody would: no cookie, no credentials, no conditions."""
        path, _, query = key.partition("?")
        question: dict[str, Any] = {
            name: value
            for name, value in environ.items()
            if not name.startswith("HTTP_") or name in ("HTTP_HOST", "HTTP_X_FORWARDED_PROTO")
        }
        question.update(REQUEST_METHOD="GET", QUERY_STRING=query)
        got: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            got[:] = [status, headers]
            return lambda _data: None

        parts = self._inner(question, start_response)
        try:
            body = b"".join(parts)
        finally:
            close = getattr(parts, "close", None)
            if close:
                close()
        status, headers = got
        names = {name.lower() for name, _ in headers}
        if not status.startswith("200") or "set-cookie" in names:
            return Other(status, headers, body)
        kept = [(n, v) for n, v in headers if n.lower() not in ("content-length", "etag", "vary", "content-encoding")]
        return Page(status, kept, body, question.get(WATCH), asked_at)

    def _is_away(self) -> bool:
        return self._clock() < self._away_until

    def _note_away(self, error: Exception) -> None:
        log.warning("the database is away; published pages go on: %s", first_line(error))
        self._away_until = self._clock() + PROMISE_S


def _key(environ: WSGIEnvironment) -> str | None:
    """What names the page, or None for what the edge leaves to Flask."""
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return None
    path = environ.get("PATH_INFO", "")
    if not path.startswith(PREFIXES) or "HTTP_AUTHORIZATION" in environ or "HTTP_X_EDIT_TOKEN" in environ:
        return None
    if path.startswith("/t/") and f"{SESSION_COOKIE}=" in environ.get("HTTP_COOKIE", ""):
        return None
    query = environ.get("QUERY_STRING", "")
    # Neither names that mean nothing nor defaults spelled out must make new pages to build.
    asked = parse_qsl(query, keep_blank_values=True)
    known = [(name, value) for name, value in asked if name in QUERY_NAMES and (name, value) not in DEFAULTS]
    return f"{path}?{urlencode(sorted(known))}" if known else path


def _send(page: Page, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    encoding = _encoding(environ.get("HTTP_ACCEPT_ENCODING", ""))
    etag = f'"{page.etag}"' if not encoding else f'"{page.etag}-{encoding}"'
    vary = "Accept-Encoding, Cookie" if environ["PATH_INFO"].startswith("/t/") else "Accept-Encoding"
    headers = [*page.headers, ("ETag", etag), ("Vary", vary)]
    asked = environ.get("HTTP_IF_NONE_MATCH", "")
    if asked and (asked.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in asked.split(","))):
        headers = [(name, value) for name, value in headers if name.lower() != "content-type"]
        start_response("304 Not Modified", headers)
        return []
    body = {"br": page.br, "gzip": page.gzip}.get(encoding, page.body)
    if encoding:
        headers.append(("Content-Encoding", encoding))
    headers.append(("Content-Length", str(len(body))))
    start_response(page.status, headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _encoding(accepted: str) -> str:
    """The best of ours that the client takes (RFC 9110 §12.5.3), or '' for none."""
    taken: dict[str, bool] = {}
    for part in accepted.lower().split(","):
        name, _, parameters = part.partition(";")
        weight = parameters.strip().removeprefix("q=").strip()
        taken[name.strip()] = weight.rstrip("0") not in ("0.", ".") and weight != "0"
    rest = taken.get("*", False)
    return next((name for name in ("br", "gzip") if taken.get(name, rest)), "")


def init_app(app: Flask, config: Config) -> None:
    memory = Memory(config.cache_mb * 2**20)
    disk = Disk(config.instance_dir / "published", config.disk_cache_mb * 2**20)
    edge = Edge(app.wsgi_app, database.version_reader(app), memory, disk)
    app.wsgi_app = edge  # type: ignore[method-assign]
    app.extensions["edge"] = edge
