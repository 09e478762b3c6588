"""The edge: answers hot public reads from memory before Flask is entered, also while the database is away.

It knows nothing of comments. Flask is its origin: a view says in `environ[WATCH]` which thread its answer was built
from and at which versions; while those versions stand, the bytes stand.

Time passes in half seconds of the wall clock, the same for every process and for a cache in front that counts whole
seconds (deploy/nginx.conf). In each of them the first request for a page has it confirmed; then its answer lies ready,
headers and all, for whoever asks in the same words until the half second ends.
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
from commentsvc.core import routes
from commentsvc.gateways import metrics
from commentsvc.page_cache.concurrency import ConcurrencyLimit
from commentsvc.store import versions as stored_versions
from commentsvc.store.time_limits import CONFIRMATION, within
from commentsvc.store.versions import PageDependency

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

from commentsvc.page_cache.keys import UNUSUAL, page_key
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
    send,
    tag_of,
)
from commentsvc.page_cache.stores import DiskStore, MemoryStore

log = logging.getLogger(__name__)

DEPENDS_ON = "commentsvc.watch"
PROMISE_S = 1.0
WAIT_MAX_S = 2.0
# More at once in Python only wait for each other, and reads from memory for them. Comments have places of their own:
# whatever long work others do, they go on.
INSIDE_MAX = 4
POSTS_MAX = 2
POSTS = routes.API_COMMENTS
BUILDS_MAX = 2
RECEIVED_MAX_BYTES = 256 * 1024  # larger requests are refused inside
# Asked by those who watch the service: they must be answered also while everything else waits.
HEALTH = routes.HEALTH
UNLIMITED = frozenset({HEALTH, routes.READY, routes.METRICS})
# Told of each confirmed answer once in a half second; the last is that half second's number since 1970.
Listener: TypeAlias = Callable[[RequestKey, CachedPage, PreparedResponse, int], None]


class PageCache:
    """WSGI middleware; `versions` looks up what a page was built from and raises DBAPIError when it can't."""

    def __init__(
        self,
        inner: WSGIApplication,
        versions: Callable[[PageDependency], tuple[int, int] | None],
        memory: MemoryStore,
        disk: DiskStore,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._inner = inner
        self._versions = versions
        self._memory = memory
        self._disk = disk
        self._clock = clock
        self._wall = wall
        self._slot = ClockWindow(0.0, 0)
        self._slot_lock = threading.Lock()
        self._flights: dict[str, threading.Lock] = {}
        self._flights_lock = threading.Lock()
        self._away_until = 0.0
        self._gate = ConcurrencyLimit(INSIDE_MAX)
        self._gate_of_posts = ConcurrencyLimit(POSTS_MAX)
        self._gate_of_builds = threading.Semaphore(BUILDS_MAX)
        self.builds = 0
        self.hits = 0  # added without a lock: a count that is lost once in a million costs less
        self._hits_told = 0
        self.listener: Listener | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        slot = self._now()
        asked = environ.get
        path = environ["PATH_INFO"]
        wish = asked("HTTP_ACCEPT_LANGUAGE", "") if path.startswith(routes.HOSTED_PAGES) else ""
        spelled = (path, asked("QUERY_STRING", ""), asked("HTTP_ACCEPT_ENCODING", ""), wish)
        ready = slot.ready.get(spelled)
        if ready is None or environ["REQUEST_METHOD"] != "GET" or not environ.keys().isdisjoint(UNUSUAL):
            key = page_key(environ)
            if key is None:
                return self._through_the_gate(environ, start_response)
            page = self._memory.get(key)
            if page is None or not page.is_confirmed(slot):
                answer = self._confirmed(key, page, environ, slot)
                if isinstance(answer, UpstreamResponse):
                    start_response(answer.status, answer.headers)
                    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]
                page = answer
            ready = prepared(page, spelled, slot)
            if page.is_confirmed(slot):
                slot.lay_ready(spelled, ready)
                if self.listener is not None:
                    self.listener(spelled, page, ready, slot.number)
        else:
            self.hits += 1
        return send(ready, environ, start_response)

    def hot(self, spelled: RequestKey) -> PreparedResponse | None:
        """The answer to a GET without cookie or credentials, if it lies ready; never waits."""
        ready = self._now().ready.get(spelled)
        if ready is not None:
            self.hits += 1
        return ready

    def is_page(self, environ: WSGIEnvironment) -> bool:
        """Whether this asks for a public page, which the edge answers."""
        return page_key(environ) is not None

    def _now(self) -> ClockWindow:
        slot = self._slot
        return slot if self._clock() < slot.until else self._next_slot()

    def _through_the_gate(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Let so many into the application at once; the others wait here, while reads from memory pass them by."""
        if environ["PATH_INFO"] in UNLIMITED:
            return self._inner(environ, start_response)
        _receive(environ)
        with self._gate_of_posts if environ["PATH_INFO"] == POSTS else self._gate:
            return self._inner(environ, start_response)

    def _next_slot(self) -> ClockWindow:
        with self._slot_lock:
            at = self._clock()
            if at >= self._slot.until:
                wall = self._wall()
                self._slot = ClockWindow(at + WINDOW_S - wall % WINDOW_S, int(wall / WINDOW_S))
                self.tell()
            return self._slot

    def tell(self) -> None:
        """Hand the reads since the last time on to the metrics, whose own counting would cost a hot read too much."""
        hits = self.hits
        metrics.PAGES.labels("hot").inc(max(0, hits - self._hits_told))
        self._hits_told = hits

    def _confirmed(
        self, key: str, page: CachedPage | None, environ: WSGIEnvironment, slot: ClockWindow
    ) -> CachedPage | UpstreamResponse:
        """The page as it is true now, looked up or built by one request however many ask."""
        with self._flights_lock:
            flight = self._flights.setdefault(key, threading.Lock())
        if not flight.acquire(blocking=False):
            if page is not None and (self._is_away() or self._clock() - page.checked_at < PROMISE_S):
                return page
            if not flight.acquire(timeout=WAIT_MAX_S if page is None else PROMISE_S):
                return page if page is not None else self._build(key, environ, slot)
        try:
            page = self._memory.get(key)
            if page is not None and page.is_confirmed(slot):
                return page
            return self._confirm(key, page, environ, slot)
        finally:
            flight.release()
            with self._flights_lock:
                self._flights.pop(key, None)

    def _confirm(
        self, key: str, page: CachedPage | None, environ: WSGIEnvironment, slot: ClockWindow
    ) -> CachedPage | UpstreamResponse:
        if page is not None and (page.watched == FIXED or self._is_away()):
            return page.confirm(page.checked_at, slot)
        if page is not None and isinstance(page.watched, PageDependency):
            asked_at = self._clock()
            try:
                versions = self._look(page.watched)
            except (DBAPIError, PoolTimeout):
                self._note_away()
                return page.confirm(page.checked_at, slot)
            if versions == page.watched.versions:
                return page.confirm(asked_at, slot)
        return self._build(key, environ, slot, page)

    def _build(
        self, key: str, environ: WSGIEnvironment, slot: ClockWindow, last: CachedPage | None = None
    ) -> CachedPage | UpstreamResponse:
        asked_at = self._clock()
        answer = self._ask(key, environ)
        if answer.is_public:
            self.builds += 1
            metrics.PAGES.labels("built").inc()
            if last is not None and last.tag == tag_of(answer.body) and last.headers == kept_headers(answer):
                last.watched = answer.watched
                return last.confirm(asked_at, slot)
            page = new_page(answer, asked_at).confirm(asked_at, slot)
            self._memory.put(key, page)
            if page.watched != FIXED:
                self._disk.put(key, page)
            return page
        if answer.status.startswith("5"):
            kept = last or self._disk.get(key, self._clock())
            if answer.status.startswith("503"):
                self._note_away()
            if kept is not None:
                self._memory.put(key, kept)
                return kept.confirm(self._clock(), slot)
        elif last is not None:
            self._memory.drop(key)
            self._disk.drop(key)
        return answer

    def _ask(self, key: str, environ: WSGIEnvironment) -> UpstreamResponse:
        """Put the question to Flask as anybody would: no cookie, no credentials, no conditions."""
        address, _, wish = key.rpartition("#") if key.startswith(routes.HOSTED_PAGES) else (key, "", "")
        query = address.partition("?")[2]
        question: dict[str, Any] = {
            name: value
            for name, value in environ.items()
            if not name.startswith("HTTP_") or name in ("HTTP_HOST", "HTTP_X_FORWARDED_PROTO")
        }
        question.update(REQUEST_METHOD="GET", QUERY_STRING=query, HTTP_ACCEPT_LANGUAGE=wish)
        got: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            got[:] = [status, headers]
            return lambda _data: None

        with self._gate_of_builds:
            parts = self._inner(question, start_response)
            try:
                body = b"".join(parts)
            finally:
                close = getattr(parts, "close", None)
                if close:
                    close()
        status, headers = got
        return UpstreamResponse(status, headers, body, question.get(DEPENDS_ON))

    def _look(self, watched: PageDependency) -> tuple[int, int] | None:
        if self._away_until:
            # It was away a moment ago. One request tries again; the others need not wait for what comes of it.
            self._away_until = self._clock() + PROMISE_S
        metrics.PAGES.labels("confirmed").inc()
        with within(CONFIRMATION):
            versions = self._versions(watched)
        self._away_until = 0.0
        return versions

    def _is_away(self) -> bool:
        return self._clock() < self._away_until

    def _note_away(self) -> None:
        self._away_until = self._clock() + PROMISE_S


def _receive(environ: WSGIEnvironment) -> None:
    """Take the whole request in first: whoever sends slowly must not hold the gate."""
    length = environ.get("CONTENT_LENGTH", "")
    # Python reads no number of more than 4,300 digits.
    if length.isascii() and length.isdigit() and len(length) < 20 and 0 < int(length) <= RECEIVED_MAX_BYTES:
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(length)))


def init_app(app: Flask, config: Config) -> None:
    memory = MemoryStore(config.page_cache_mb * 2**20)
    disk = DiskStore(config.instance_dir / "published", config.page_cache_disk_mb * 2**20)
    edge = PageCache(app.wsgi_app, stored_versions.version_reader(app), memory, disk)
    app.wsgi_app = edge  # type: ignore[method-assign]  # how Flask's own documentation puts middleware around an app
    app.extensions["edge"] = edge
