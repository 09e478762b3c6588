"""The page cache: answers hot public reads from memory, before Flask is entered, also while the database is away.

A WSGI middleware. The application behind it says in `environ[DEPENDS_ON]` on which rows and versions a response
depends; the cache gives the same bytes while these versions hold. It knows nothing of comments, and gets the routes
from outside.

Time is divided into windows of half a second of the wall clock, the same for every process and for an nginx in front
(deploy/nginx.conf). The first request in a window looks at what has changed in the database (changes.py), once for all
pages. Pages that have not changed go on being sent as they were prepared; a page that has is compared with the database
by its own versions, and built again where they differ.
"""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from commentsvc.config import Config
from commentsvc.gateways import metrics
from commentsvc.page_cache.concurrency import ConcurrencyLimit
from commentsvc.store import page_changes, versions
from commentsvc.store.page_changes import Change
from commentsvc.store.time_limits import CONFIRMATION, within
from commentsvc.store.versions import PageDependency

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

from commentsvc.page_cache.changes import Changes
from commentsvc.page_cache.keys import UNUSUAL, Routes, page_key
from commentsvc.page_cache.pages import (
    FIXED,
    WINDOW_S,
    CachedPage,
    ClockWindow,
    PreparedResponse,
    RequestKey,
    UpstreamResponse,
    kept_headers,
    new_page,
    prepared,
    tag_of,
)
from commentsvc.page_cache.stores import FOLDER, DiskStore, MemoryStore, PageStore

log = logging.getLogger(__name__)

DEPENDS_ON = "commentsvc.depends_on"
WAIT_MAX_S = 2.0
PROMISE_S = 1.0  # a decision is visible after this time: a page must be confirmed within it
# Requests inside the application at once. More of them only wait for each other in Python, and slow reads from memory
# down. Posts have a limit of their own, so that long work of other requests cannot hold them up.
REQUESTS_MAX = 4
POSTS_MAX = 2
BUILDS_MAX = 2
OF_WINDOW_MAX = 1_000  # responses that may be sent in one window only
FIXED_EXPIRES = [("X-Accel-Expires", "300")]  # only for nginx, which removes it
RECEIVED_MAX_BYTES = 256 * 1024  # the application refuses larger requests


Sent: TypeAlias = tuple[int, list[tuple[str, str]], bytes]  # status, headers, body


class PageCache:
    """The WSGI middleware.

    `versions` gives the current versions of a dependency, None when it is gone; raises DBAPIError when the database
    is away, as `changes` does. `hot_pages` is told of each page once per window in which it is read.
    """

    def __init__(
        self,
        inner: WSGIApplication,
        versions: Callable[[PageDependency], tuple[int, int] | None],
        changes: Callable[[], set[Change] | None],
        memory: MemoryStore,
        disk: PageStore[str],
        routes: Routes,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._inner = inner
        self._versions = versions
        self._changes = Changes(changes, lambda: self._clock())
        self._memory = memory
        self._disk = disk
        self._routes = routes
        self._clock = clock
        self._wall = wall
        self._window = ClockWindow(0.0, 0)
        self._window_lock = threading.Lock()
        self._look_lock = threading.Lock()
        self._building: dict[str, threading.Lock] = {}
        self._building_lock = threading.Lock()
        self._away_until = 0.0
        self._request_limit = ConcurrencyLimit(REQUESTS_MAX)
        self._post_limit = ConcurrencyLimit(POSTS_MAX)
        self._build_limit = threading.Semaphore(BUILDS_MAX)
        self.builds = 0
        self.hits = 0  # counted without a lock, which would cost more than one lost count in a million
        self._reported_hits = 0
        self.hot_pages: PageStore[RequestKey] | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        window = self._now()
        request_key = self._request_key(environ)
        is_plain = environ["REQUEST_METHOD"] == "GET" and environ.keys().isdisjoint(UNUSUAL)
        response = self._ready(request_key, window) if is_plain else None
        if not window.is_open and self._is_of_database(environ, response):
            self._open(window)
            response = self._ready(request_key, window) if is_plain else None
        expires = window.expires
        if response is not None:
            self.hits += 1
        else:
            key = page_key(environ, self._routes)
            if key is None:
                return self._call_app(environ, start_response)
            page = self._memory.get(key)
            if page is None or not self._may_send(page, window):
                found = self._confirmed(key, page, environ, window)
                if isinstance(found, UpstreamResponse):
                    start_response(found.status, found.headers)
                    return [] if environ["REQUEST_METHOD"] == "HEAD" else [found.body]
                page = found
            response = prepared(page, request_key, self._routes.is_localized(request_key[0]))
            if page.dependency is not None and self._is_current(page):
                self._memory.add_ready(key, request_key, response, self._is_current)
            elif not self._may_send(page, window):
                expires = []  # another request builds it anew
            elif window.is_open and len(window.ready) < OF_WINDOW_MAX:
                window.ready[request_key] = response
        if self.hot_pages is not None:
            self._note_read(request_key, response, window)
        status, headers, body = _sent(response, environ.get("HTTP_IF_NONE_MATCH"), expires)
        start_response(response.page.status if status == 200 else "304 Not Modified", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _request_key(self, environ: WSGIEnvironment) -> RequestKey:
        path, header = environ["PATH_INFO"], environ.get
        languages = header("HTTP_ACCEPT_LANGUAGE", "") if self._routes.is_localized(path) else ""
        return path, header("QUERY_STRING", ""), header("HTTP_ACCEPT_ENCODING", ""), languages

    def hot(self, request_key: RequestKey, if_none_match: str | None) -> Sent | None:
        """Status, headers and body for a GET without cookie or credentials, or None; never waits."""
        window = self._now()
        if not window.is_open and not self._may_send_meanwhile():
            return None
        response = self._ready(request_key, window)
        if response is None or (self.hot_pages is not None and response.noted_in != window.number):
            return None
        self.hits += 1
        return _sent(response, if_none_match, window.expires)

    def _ready(self, request_key: RequestKey, window: ClockWindow) -> PreparedResponse | None:
        response = self._memory.ready.get(request_key)
        if response is None:
            return window.ready.get(request_key)
        response.page.is_used = True
        return response

    def _is_of_database(self, environ: WSGIEnvironment, response: PreparedResponse | None) -> bool:
        """Whether this is a page that changes: files and health checks must not wait for a database that hangs."""
        if response is not None:
            return response.page.dependency != FIXED
        return page_key(environ, self._routes) is not None

    def _note_read(self, request_key: RequestKey, response: PreparedResponse, window: ClockWindow) -> None:
        if self.hot_pages is not None and response.noted_in != window.number and self._is_current(response.page):
            response.noted_in = response.page.confirmed_in = window.number
            self.hot_pages.put(request_key, response.page)

    def is_page(self, environ: WSGIEnvironment) -> bool:
        """Whether the cache answers this request."""
        return page_key(environ, self._routes) is not None

    def _now(self) -> ClockWindow:
        window = self._window
        return window if self._clock() < window.until else self._next_window()

    def _open(self, window: ClockWindow) -> None:
        """Look at the changes, once in a window. While one request does, others send what was current before."""
        is_first = self._look_lock.acquire(blocking=False)
        if not is_first and (self._may_send_meanwhile() or not self._look_lock.acquire(timeout=PROMISE_S)):
            return
        try:
            if window.is_open:
                return
            if not self._is_away():
                if self._away_until:
                    # The database was away a moment ago. One request tries again; the others do not wait for it.
                    self._away_until = self._clock() + PROMISE_S
                is_changed = self._changes.look()
                self._away_until = 0.0
                if is_changed:
                    self._memory.drop_ready(self._is_current, self._changes.before.began_at)
        except (DBAPIError, PoolTimeout):
            self._note_away()
        finally:
            self._look_lock.release()
        window.open()

    def _may_send_meanwhile(self) -> bool:
        """Whether pages that were current at the last look may be sent while another one is being taken."""
        return self._look_lock.locked() and self._clock() - self._changes.last.began_at < PROMISE_S

    def _is_current(self, page: CachedPage) -> bool:
        if isinstance(page.dependency, PageDependency):
            return self._changes.is_unchanged(page.dependency.source, page.as_of)
        return page.dependency == FIXED or page.as_of == self._changes.last.number

    def _may_send(self, page: CachedPage, window: ClockWindow) -> bool:
        return self._is_current(page) or page.kept_in == window.number

    def _call_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Call the application within the concurrency limit; reads from memory do not wait for it."""
        if environ["PATH_INFO"] in self._routes.unlimited:
            return self._inner(environ, start_response)
        _receive(environ)
        with self._post_limit if environ["PATH_INFO"] == self._routes.post_path else self._request_limit:
            return self._inner(environ, start_response)

    def _next_window(self) -> ClockWindow:
        with self._window_lock:
            at = self._clock()
            if at >= self._window.until:
                wall = self._wall()
                self._window = ClockWindow(at + WINDOW_S - wall % WINDOW_S, int(wall / WINDOW_S))
                self.report_hits()
            return self._window

    def report_hits(self) -> None:
        """Add the hits since the last call to the metrics: a counter's own lock would cost each hot read too much."""
        hits = self.hits
        metrics.PAGES.labels("hot").inc(max(0, hits - self._reported_hits))
        self._reported_hits = hits

    def _confirmed(
        self, key: str, page: CachedPage | None, environ: WSGIEnvironment, window: ClockWindow
    ) -> CachedPage | UpstreamResponse:
        """The page as it is now. One request confirms or builds it; the others wait, or get the last page."""
        with self._building_lock:
            build_lock = self._building.setdefault(key, threading.Lock())
        if not build_lock.acquire(blocking=False):
            if page is not None and (self._is_away() or self._clock() - page.checked_at < PROMISE_S):
                return page
            if not build_lock.acquire(timeout=WAIT_MAX_S if page is None else PROMISE_S):
                return page if page is not None else self._build(key, environ, window)
        try:
            page = self._memory.get(key)
            if page is not None and self._may_send(page, window):
                return page
            return self._confirm(key, page or self._from_disk(key), environ, window)
        finally:
            build_lock.release()
            with self._building_lock:
                self._building.pop(key, None)

    def _from_disk(self, key: str) -> CachedPage | None:
        page = self._disk.get(key)
        if page is None or not isinstance(page.dependency, PageDependency):
            return None
        self._memory.put(key, page)
        return page

    def _confirm(
        self, key: str, page: CachedPage | None, environ: WSGIEnvironment, window: ClockWindow
    ) -> CachedPage | UpstreamResponse:
        if page is not None and self._is_away():
            return page.keep(window)
        if page is not None and isinstance(page.dependency, PageDependency):
            as_of, asked_at = self._changes.last.number, self._clock()
            metrics.PAGES.labels("confirmed").inc()
            try:
                with within(CONFIRMATION):
                    versions = self._versions(page.dependency)
            except (DBAPIError, PoolTimeout):
                self._note_away()
                return page.keep(window)
            if versions == page.dependency.versions:
                return page.confirm(asked_at, as_of)
        return self._build(key, environ, window, page)

    def _build(
        self, key: str, environ: WSGIEnvironment, window: ClockWindow, last: CachedPage | None = None
    ) -> CachedPage | UpstreamResponse:
        as_of, asked_at = self._changes.last.number, self._clock()
        answer = self._ask_app(key, environ)
        if answer.is_public:
            self.builds += 1
            metrics.PAGES.labels("built").inc()
            if last is not None and last.tag == tag_of(answer.body) and last.headers == kept_headers(answer):
                if last.dependency != answer.dependency:
                    last.dependency = answer.dependency
                    self._disk.put(key, last)
                return last.confirm(asked_at, as_of)
            page = new_page(answer, asked_at).confirm(asked_at, as_of)
            self._memory.put(key, page)
            self._disk.put(key, page)
            return page
        if answer.status.startswith("5"):
            kept = last or self._disk.get(key)
            if answer.status.startswith("503"):
                self._note_away()
            if kept is not None:
                self._memory.put(key, kept)
                return kept.keep(window)
        elif last is not None:
            self._memory.drop(key)
            self._disk.drop(key)
        return answer

    def _ask_app(self, key: str, environ: WSGIEnvironment) -> UpstreamResponse:
        """Ask the application as an anonymous reader: no cookie, no credentials, no conditions."""
        address, _, accepted_languages = key.rpartition("#") if self._routes.is_localized(key) else (key, "", "")
        query = address.partition("?")[2]
        question: dict[str, Any] = {
            name: value
            for name, value in environ.items()
            if not name.startswith("HTTP_") or name in ("HTTP_HOST", "HTTP_X_FORWARDED_PROTO")
        }
        question.update(REQUEST_METHOD="GET", QUERY_STRING=query, HTTP_ACCEPT_LANGUAGE=accepted_languages)
        got: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            got[:] = [status, headers]
            return lambda _data: None

        with self._build_limit:
            parts = self._inner(question, start_response)
            try:
                body = b"".join(parts)
            finally:
                close = getattr(parts, "close", None)
                if close:
                    close()
        status, headers = got
        return UpstreamResponse(status, headers, body, question.get(DEPENDS_ON))

    def _is_away(self) -> bool:
        return self._clock() < self._away_until

    def _note_away(self) -> None:
        self._away_until = self._clock() + PROMISE_S


def _sent(response: PreparedResponse, if_none_match: str | None, expires: list[tuple[str, str]]) -> Sent:
    if response.page.dependency == FIXED:
        expires = FIXED_EXPIRES
    if response.is_known(if_none_match):
        return 304, response.headers_304 + expires, b""
    return 200, response.headers + expires, response.body


def _receive(environ: WSGIEnvironment) -> None:
    """Receive the whole body before entering the limit: a slow client must not hold a place."""
    length = environ.get("CONTENT_LENGTH", "")
    # Python reads no number of more than 4,300 digits.
    if length.isascii() and length.isdigit() and len(length) < 20 and 0 < int(length) <= RECEIVED_MAX_BYTES:
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(length)))


def init_app(app: Flask, config: Config, routes: Routes) -> None:
    memory = MemoryStore(config.page_cache_mb * 2**20)
    disk = DiskStore(config.instance_dir / FOLDER, config.page_cache_disk_mb * 2**20)
    changes = page_changes.change_reader(app)
    cache = PageCache(app.wsgi_app, versions.version_reader(app), changes.read, memory, disk, routes)
    app.wsgi_app = cache  # type: ignore[method-assign]  # how Flask's own documentation puts middleware around an app
    app.extensions["page_cache"] = cache
