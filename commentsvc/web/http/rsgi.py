"""Serves the application through Granian's RSGI interface, so that no thread waits for a client that sends slowly.

Prepared pages are answered on the event loop. Bodies are collected there too, within limits of size and time; a thread
gets a request when it is complete. A response is passed to Granian whole, so no thread waits for a client that reads
slowly either.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from commentsvc.config import Config
from commentsvc.core import routes
from commentsvc.gateways import metrics
from commentsvc.page_cache.middleware import PageCache
from commentsvc.web.http.app_setup import REQUEST_MAX_BYTES, RULES_MAX_BYTES
from commentsvc.web.http.cached_routes import HEALTH, ROUTES

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

# An owner's word list is sent here; the view refuses who may not send one.
LARGE_PATHS = (f"{routes.API_MODERATION}/", f"{routes.DASHBOARD}/")
BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# Time for a body: this long for any, and longer for what comes at this rate or faster, up to the most.
BODY_MIN_S = 15.0
BODY_MIN_BYTES_A_SECOND = 16 * 1024
BODY_MAX_S = 60.0
# Bodies held in memory at once by a worker. Large ones have their own limit, so that they do not keep out comments.
HELD_MAX_BYTES = 32 * 2**20
HELD_LARGE_MAX_BYTES = 16 * 2**20
# Threads are started as they are needed. Pages and health checks have their own, so that no post keeps them waiting.
THREADS, THREADS_FOR_PAGES, THREADS_FOR_PROBES = 32, 16, 2
WAITING_MAX = 512  # requests of a kind that wait for a thread; more are told to come back
RETRY_AFTER_S = 5
ONE_COOKIE_LINE = "; "  # RFC 9113 §8.2.3; all other repeated headers are lists with commas

Headers = list[tuple[str, str]]

log = logging.getLogger(__name__)


class RsgiScope(Protocol):
    """Granian's scope of a request."""

    proto: str
    http_version: str
    method: str
    path: str  # percent-decoded
    query_string: str
    client: str
    server: str
    scheme: str
    authority: str | None
    headers: Any


class RsgiConnection(Protocol):
    """Granian's side of one request: its body in parts, and the answer."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...
    def response_empty(self, status: int, headers: Headers) -> None: ...


class _Refused(Exception):
    """The request is answered without the application."""

    def __init__(self, status: int, slug: str, title: str, detail: str) -> None:
        super().__init__(slug)
        self.status, self.slug, self.title, self.detail = status, slug, title, detail


def _slow() -> _Refused:
    return _Refused(408, "slow", "Request timeout", "The request came too slowly. Please send it again.")


def _broken() -> _Refused:
    return _Refused(400, "broken-body", "Bad request", "The request ended before all of its body had come.")


def _busy() -> _Refused:
    return _Refused(503, "busy", "Too busy", "The service is too busy. Please try again in a few seconds.")


def _failed() -> _Refused:
    return _Refused(500, "internal", "Something went wrong", "Something went wrong on our side. We've logged it.")


class _Room:
    """Bytes that bodies may take in memory."""

    def __init__(self, size_bytes: int) -> None:
        self.left_bytes = size_bytes

    def take(self, size_bytes: int) -> None:
        if size_bytes > self.left_bytes:
            raise _busy()
        self.left_bytes -= size_bytes


class _Threads:
    """A pool of threads, and a limit on the requests that wait for one."""

    def __init__(self, name: str, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._left = count + WAITING_MAX

    async def run(self, work: Callable[[], tuple[int, Headers, bytes]]) -> tuple[int, Headers, bytes]:
        if self._left <= 0:
            raise _busy()
        self._left -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._left += 1


class Application:
    """The RSGI application. All of it except the WSGI application runs on one event loop."""

    def __init__(self, app: WSGIApplication, cache: PageCache, config: Config) -> None:
        self._app = app
        self._cache = cache
        self._base_url = config.base_url
        self._room, self._large_room = _Room(HELD_MAX_BYTES), _Room(HELD_LARGE_MAX_BYTES)
        self._threads = _Threads("request", THREADS)
        self._threads_for_pages = _Threads("page", THREADS_FOR_PAGES)
        self._threads_for_probes = _Threads("probe", THREADS_FOR_PROBES)
        self._thread_for_health = _Threads("health", 1)

    async def __rsgi__(self, scope: RsgiScope, connection: RsgiConnection) -> None:
        method, path, headers = scope.method, scope.path, scope.headers
        if method == "GET" and not ("cookie" in headers or "authorization" in headers or "x-edit-token" in headers):
            language = headers.get("accept-language", "") if path.startswith(ROUTES.localized_prefix) else ""
            spelled = (path, scope.query_string, headers.get("accept-encoding", ""), language)
            ready = self._cache.hot(spelled, headers.get("if-none-match"))
            if ready is not None:
                status, ready_headers, content = ready
                if status == 304:
                    connection.response_empty(status, ready_headers)
                else:
                    connection.response_bytes(status, ready_headers, content)
                return
        body, taken = bytearray(), [0, 0]
        try:
            length = await self._receive(scope, connection, body, taken)
            environ = _environ(scope, bytes(body), length)
            status, answered, content = await self._pool(environ).run(lambda: _answer(self._app, environ))
        except _Refused as refusal:
            self._refuse(connection, refusal)
        except Exception:
            # Flask answers its own; left to Granian, the message would be in the log, and with it what somebody wrote.
            log.exception("a request failed outside of the application")
            self._refuse(connection, _failed())
        else:
            connection.response_bytes(status, answered, content)
        finally:
            self._room.left_bytes += taken[0]
            self._large_room.left_bytes += taken[1]

    async def _receive(self, scope: RsgiScope, connection: RsgiConnection, body: bytearray, taken: list[int]) -> int:
        """Collect the body into `body`; returns the length that the application is told.

        `taken` is its share of the memory for all bodies, and of that for large ones. A body over the limit is not read
        further: the application is told a length that it refuses.
        """
        limit = RULES_MAX_BYTES if scope.path.startswith(LARGE_PATHS) else REQUEST_MAX_BYTES
        announced = scope.headers.get("content-length")
        if scope.method in BODILESS or (announced in (None, "0") and "transfer-encoding" not in scope.headers):
            return 0
        if announced is not None and int(announced) > limit:  # Granian takes digits only
            return int(announced)
        began_at = asyncio.get_running_loop().time()
        ends = 0
        try:
            async with asyncio.timeout_at(began_at + BODY_MIN_S) as timeout:
                async for part in connection:
                    if not part:
                        ends += 1
                        continue
                    is_large = len(body) + len(part) > REQUEST_MAX_BYTES
                    (self._large_room if is_large else self._room).take(len(part))
                    taken[is_large] += len(part)
                    body += part
                    if len(body) > limit:
                        return len(body)
                    lasts_s = min(BODY_MAX_S, BODY_MIN_S + len(body) / BODY_MIN_BYTES_A_SECOND)
                    timeout.reschedule(began_at + lasts_s)
        except TimeoutError:
            raise _slow() from None
        # Granian marks the end by one empty part. A body that breaks off has one more.
        if ends != 1:
            raise _broken()
        return len(body)

    def _pool(self, environ: WSGIEnvironment) -> _Threads:
        path = environ["PATH_INFO"]
        if path == HEALTH:
            return self._thread_for_health
        if path in ROUTES.unlimited:
            return self._threads_for_probes
        return self._threads_for_pages if self._cache.is_page(environ) else self._threads

    def _refuse(self, connection: RsgiConnection, refusal: _Refused) -> None:
        metrics.REFUSED.labels(refusal.slug).inc()
        document = {
            "type": self._base_url + routes.problem(refusal.slug),
            "title": refusal.title,
            "status": refusal.status,
            "detail": refusal.detail,
        }
        headers = [
            ("Content-Type", "application/problem+json"),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        # Where the rest of a body may still come, the connection is of no use for another request.
        headers.append(("Retry-After", str(RETRY_AFTER_S)) if refusal.status == 503 else ("RsgiConnection", "close"))
        connection.response_bytes(refusal.status, headers, json.dumps(document).encode())


def _answer(app: WSGIApplication, environ: WSGIEnvironment) -> tuple[int, Headers, bytes]:
    """Status, headers and body of the application's answer."""
    got: list[Any] = []

    def start_response(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
        got[:] = [int(status[:3]), headers]
        return lambda _data: None

    parts = app(environ, start_response)
    try:
        content = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    return got[0], got[1], content


def _environ(scope: RsgiScope, body: bytes, length: int) -> WSGIEnvironment:
    """The request as WSGI has it (PEP 3333).

    A header whose name has an underscore is left out: WSGI could not tell `X_Forwarded_For` from `X-Forwarded-For`.
    """
    host, _, port = scope.server.rpartition(":")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if scope.authority:
        environ["HTTP_HOST"] = scope.authority
    for name, value in scope.headers.items():
        if "_" in name:
            continue
        key = f"HTTP_{name.replace('-', '_').upper()}"
        between = ONE_COOKIE_LINE if name == "cookie" else ","
        environ[key] = f"{environ[key]}{between}{value}" if key in environ else value
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ.pop("HTTP_TRANSFER_ENCODING", None)  # taken off by Granian
    if scope.method not in BODILESS:
        environ["CONTENT_LENGTH"] = str(length)
    if "HTTP_CONTENT_TYPE" in environ:
        environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE")
    return environ
