"""The edge: answers hot public reads from memory before Flask is entered, also while the database is away.

It knows nothing of comments. Flask is its origin: a view says in `environ[WATCH]` which thread its answer was built
from and at which versions; while those versions stand, the bytes stand.

Time passes in half seconds of the wall clock, the same for every process and for a cache in front that counts whole
seconds (deploy/nginx.conf). In each of them the first request for a page has it confirmed; then its answer lies ready,
headers and all, for whoever asks in the same words until the half second ends.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

import brotli
from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from commentsvc.config import Config
from commentsvc.core import languages
from commentsvc.gateways import metrics
from commentsvc.services.sharing import Gate
from commentsvc.store import database
from commentsvc.store.database import Watched
from commentsvc.store.time_limits import CONFIRMATION, within

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

WATCH = "commentsvc.watch"
FIXED = "fixed"  # in place of what is watched: these bytes stay the same as long as the process lives
SESSION_COOKIE = "commentsvc"
# Confirmed twice within the second that the contract promises, so that the rebuild too fits into it.
SLOT_S = 0.5
PROMISE_S = 1.0
WAIT_MAX_S = 2.0
QUERY_NAMES = frozenset({"site", "thread", "sort", "cursor", "limit", "lang", "reply_to", "about"})
DEFAULTS = {("sort", "oldest"), ("cursor", ""), ("limit", ""), ("lang", ""), ("reply_to", ""), ("about", "")}
PREFIXES = (
    "/api/v1/comments",
    "/embed/v1/comments",
    "/embed/v1/texts",
    "/api/v1/counts",
    "/api/v1/recent",
    "/t/",
    "/feeds/",
    "/embed.js",
    "/avatars/",
)
EMBED_FILES = ("/embed/", (".js", ".css"))
# Who sends one of these may be answered personally, or asks with a condition that must be looked at first.
UNUSUAL = frozenset({"HTTP_AUTHORIZATION", "HTTP_X_EDIT_TOKEN", "HTTP_COOKIE"})
TEXTS = ("text/", "application/json", "application/atom+xml", "image/svg+xml")
OF_ONE_ANSWER = frozenset({"content-length", "content-encoding", "etag", "vary", "x-request-id"})
PAGE_OVERHEAD_BYTES = 2048  # what Python needs around a page's bytes, measured
READY_OVERHEAD_BYTES = 2048
READY_MAX_BYTES = 8 * 2**20
PRUNE_EVERY = 200  # writes
# More at once in Python only wait for each other, and reads from memory for them. Comments have places of their own:
# whatever long work others do, they go on.
INSIDE_MAX = 4
POSTS_MAX = 2
POSTS = "/api/v1/comments"
BUILDS_MAX = 2
RECEIVED_MAX_BYTES = 256 * 1024  # larger requests are refused inside
# Asked by those who watch the service: they must be answered also while everything else waits.
HEALTH = "/healthz"
UNGATED = frozenset({HEALTH, "/readyz", "/metrics"})


@dataclass
class Page:
    """One answer. `packed` is its body in brotli (as it is, for pictures); other encodings are made from that."""

    status: str
    headers: list[tuple[str, str]]
    packed: bytes
    tag: str
    is_text: bool
    watched: Watched | str | None
    checked_at: float  # monotonic
    confirmed_until: float = 0.0  # the end of the half second in which that was; never the Slot, which holds bodies
    _gzip: bytes = field(default=b"", repr=False)

    def is_confirmed(self, slot: Slot) -> bool:
        return self.confirmed_until >= slot.until

    def confirm(self, checked_at: float, slot: Slot) -> Page:
        self.checked_at, self.confirmed_until = checked_at, slot.until
        return self

    @property
    def size_bytes(self) -> int:
        """Counts the gzip as if it were there already: it is some 1.3 times the brotli."""
        return len(self.packed) * 5 // 2 + PAGE_OVERHEAD_BYTES

    def body(self, encoding: str) -> bytes:
        if encoding == "br" or not self.is_text:
            return self.packed
        if encoding == "gzip":
            self._gzip = self._gzip or gzip.compress(brotli.decompress(self.packed), 6, mtime=0)
            return self._gzip
        plain: bytes = brotli.decompress(self.packed)
        return plain


def kept_headers(answer: Answer) -> list[tuple[str, str]]:
    """Those that are the same in every encoding and for everybody."""
    return [pair for pair in answer.headers if pair[0].lower() not in OF_ONE_ANSWER]


def new_page(answer: Answer, checked_at: float) -> Page:
    """The answer as it is kept; what never changes is worth the slowest compression."""
    kind = next((value for name, value in answer.headers if name.lower() == "content-type"), "")
    is_text = kind.startswith(TEXTS)
    packed = answer.body
    if is_text:
        packed = brotli.compress(packed, quality=11 if answer.watched == FIXED else 5)
    return Page(answer.status, kept_headers(answer), packed, tag_of(answer.body), is_text, answer.watched, checked_at)


def tag_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:24]


@dataclass(frozen=True)
class Answer:
    """What Flask said."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    watched: Watched | str | None

    @property
    def is_public(self) -> bool:
        return self.status.startswith("200") and all(name.lower() != "set-cookie" for name, _ in self.headers)


@dataclass(frozen=True, slots=True)
class Ready:
    """An answer in one encoding, to be sent without looking at anything again.

    `size_bytes` is what it takes beside its page: the body too, where it was unpacked for this answer alone.
    """

    status: str
    headers: list[tuple[str, str]]
    body: list[bytes]
    etag: str
    headers_304: list[tuple[str, str]]
    encoding: str
    stamp: int  # of its ETag, which is made as nginx makes that of a file: <time>-<size>
    size_bytes: int

    def is_known(self, if_none_match: str | None) -> bool:
        """Whether the client has this answer already, by the header that it sent."""
        if not if_none_match:
            return False
        return if_none_match == self.etag or _matches(if_none_match, self.etag)


# Path, query, accepted encodings, and of pages that depend on them the accepted languages.
Spelling: TypeAlias = tuple[str, str, str, str]
# Told of each confirmed answer once in a half second; the last is that half second's number since 1970.
Listener: TypeAlias = Callable[[Spelling, Page, Ready, int], None]


class Slot:
    """Half a second of the clock, and what lies ready for the rest of it, by the words of the request.

    Never more than READY_MAX_BYTES: whoever asks in ever new words must not fill the memory.
    """

    def __init__(self, until: float, number: int) -> None:
        self.until = until  # monotonic
        self.number = number  # of the wall clock, since 1970
        self.ready: dict[Spelling, Ready] = {}
        self._room_bytes = READY_MAX_BYTES

    def lay_ready(self, spelled: Spelling, ready: Ready) -> None:
        self._room_bytes -= ready.size_bytes
        if self._room_bytes >= 0:
            self.ready[spelled] = ready


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
            head, _, packed = self._path(key).read_bytes().partition(b"\n")
            kept = json.loads(head)
            if tag_of(packed) != kept["packed_tag"]:
                return None
        except (OSError, ValueError, KeyError):
            return None  # not there, or half written by a machine that died: as good as not there
        headers = [(name, value) for name, value in kept["headers"]]
        # Versions that no database has: the first look at the database builds the page again.
        watched = Watched(kept["watched"][0], kept["watched"][1], (-1, -1)) if kept["watched"] else None
        return Page(kept["status"], headers, packed, kept["tag"], kept["is_text"], watched, now)

    def put(self, key: str, page: Page) -> None:
        watched = [page.watched.site_key, page.watched.thread_key] if isinstance(page.watched, Watched) else None
        kept = {"status": page.status, "headers": page.headers, "watched": watched, "tag": page.tag}
        head = json.dumps({**kept, "is_text": page.is_text, "packed_tag": tag_of(page.packed)})
        path = self._path(key)
        part = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(head.encode() + b"\n" + page.packed)
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
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._inner = inner
        self._versions = versions
        self._memory = memory
        self._disk = disk
        self._clock = clock
        self._wall = wall
        self._slot = Slot(0.0, 0)
        self._slot_lock = threading.Lock()
        self._flights: dict[str, threading.Lock] = {}
        self._flights_lock = threading.Lock()
        self._away_until = 0.0
        self._gate = Gate(INSIDE_MAX)
        self._gate_of_posts = Gate(POSTS_MAX)
        self._gate_of_builds = threading.Semaphore(BUILDS_MAX)
        self.builds = 0
        self.hits = 0  # added without a lock: a count that is lost once in a million costs less
        self._hits_told = 0
        self.listener: Listener | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        slot = self._now()
        asked = environ.get
        path = environ["PATH_INFO"]
        wish = asked("HTTP_ACCEPT_LANGUAGE", "") if path.startswith("/t/") else ""
        spelled = (path, asked("QUERY_STRING", ""), asked("HTTP_ACCEPT_ENCODING", ""), wish)
        ready = slot.ready.get(spelled)
        if ready is None or environ["REQUEST_METHOD"] != "GET" or not environ.keys().isdisjoint(UNUSUAL):
            key = _key(environ)
            if key is None:
                return self._through_the_gate(environ, start_response)
            page = self._memory.get(key)
            if page is None or not page.is_confirmed(slot):
                answer = self._confirmed(key, page, environ, slot)
                if isinstance(answer, Answer):
                    start_response(answer.status, answer.headers)
                    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]
                page = answer
            ready = _ready(page, spelled, slot)
            if page.is_confirmed(slot):
                slot.lay_ready(spelled, ready)
                if self.listener is not None:
                    self.listener(spelled, page, ready, slot.number)
        else:
            self.hits += 1
        return _send(ready, environ, start_response)

    def hot(self, spelled: Spelling) -> Ready | None:
        """The answer to a GET without cookie or credentials, if it lies ready; never waits."""
        ready = self._now().ready.get(spelled)
        if ready is not None:
            self.hits += 1
        return ready

    def is_page(self, environ: WSGIEnvironment) -> bool:
        """Whether this asks for a public page, which the edge answers."""
        return _key(environ) is not None

    def _now(self) -> Slot:
        slot = self._slot
        return slot if self._clock() < slot.until else self._next_slot()

    def _through_the_gate(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Let so many into the application at once; the others wait here, while reads from memory pass them by."""
        if environ["PATH_INFO"] in UNGATED:
            return self._inner(environ, start_response)
        _receive(environ)
        with self._gate_of_posts if environ["PATH_INFO"] == POSTS else self._gate:
            return self._inner(environ, start_response)

    def _next_slot(self) -> Slot:
        with self._slot_lock:
            at = self._clock()
            if at >= self._slot.until:
                wall = self._wall()
                self._slot = Slot(at + SLOT_S - wall % SLOT_S, int(wall / SLOT_S))
                self.tell()
            return self._slot

    def tell(self) -> None:
        """Hand the reads since the last time on to the metrics, whose own counting would cost a hot read too much."""
        hits = self.hits
        metrics.PAGES.labels("hot").inc(max(0, hits - self._hits_told))
        self._hits_told = hits

    def _confirmed(self, key: str, page: Page | None, environ: WSGIEnvironment, slot: Slot) -> Page | Answer:
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

    def _confirm(self, key: str, page: Page | None, environ: WSGIEnvironment, slot: Slot) -> Page | Answer:
        if page is not None and (page.watched == FIXED or self._is_away()):
            return page.confirm(page.checked_at, slot)
        if page is not None and isinstance(page.watched, Watched):
            asked_at = self._clock()
            try:
                versions = self._look(page.watched)
            except (DBAPIError, PoolTimeout):
                self._note_away()
                return page.confirm(page.checked_at, slot)
            if versions == page.watched.versions:
                return page.confirm(asked_at, slot)
        return self._build(key, environ, slot, page)

    def _build(self, key: str, environ: WSGIEnvironment, slot: Slot, last: Page | None = None) -> Page | Answer:
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

    def _ask(self, key: str, environ: WSGIEnvironment) -> Answer:
        """Put the question to Flask as anybody would: no cookie, no credentials, no conditions."""
        address, _, wish = key.rpartition("#") if key.startswith("/t/") else (key, "", "")
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
        return Answer(status, headers, body, question.get(WATCH))

    def _look(self, watched: Watched) -> tuple[int, int] | None:
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


def _key(environ: WSGIEnvironment) -> str | None:
    """What names the page, or None for what the edge leaves to Flask."""
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return None
    path = environ.get("PATH_INFO", "")
    if "HTTP_AUTHORIZATION" in environ or "HTTP_X_EDIT_TOKEN" in environ:
        return None
    # Percent-encoded in the request: the key of such a path would be that of another page, with a query or a language.
    if "?" in path or "#" in path:
        return None
    if not path.startswith(PREFIXES) and not (path.startswith(EMBED_FILES[0]) and path.endswith(EMBED_FILES[1])):
        return None
    if path.startswith("/t/") and f"{SESSION_COOKIE}=" in environ.get("HTTP_COOKIE", ""):
        return None
    query = environ.get("QUERY_STRING", "")
    # Neither names that mean nothing nor defaults spelled out must make new pages to build.
    asked = parse_qsl(query, keep_blank_values=True)
    named = [(name, value) if name != "lang" else (name, languages.nearest(value) or "") for name, value in asked]
    known = sorted({pair for pair in named if pair[0] in QUERY_NAMES} - DEFAULTS)
    address = f"{path}?{urlencode(known)}" if known else path
    # A hosted page is in the reader's own language; what stands behind the mark is put to Flask as such.
    return f"{address}#{_wish(environ, known)}" if path.startswith("/t/") else address


def _wish(environ: WSGIEnvironment, known: list[tuple[str, str]]) -> str:
    """The language that a browser asks for, where the address itself names none."""
    if any(name == "lang" for name, _ in known):
        return ""
    return languages.negotiated(environ.get("HTTP_ACCEPT_LANGUAGE", "")) or ""


def _ready(page: Page, spelled: Spelling, slot: Slot) -> Ready:
    path, _, accepted, _ = spelled
    encoding = _encoding(accepted) if page.is_text else ""
    body = page.body(encoding)
    stamp = _stamp(page.tag, encoding)
    etag = f'"{stamp:x}-{len(body):x}"'
    vary = "Accept-Encoding, Accept-Language, Cookie" if path.startswith("/t/") else "Accept-Encoding"
    headers = [*page.headers, ("ETag", etag), ("Vary", vary)]
    if page.watched == FIXED:
        headers.append(("X-Accel-Expires", "300"))
    elif page.is_confirmed(slot):
        # For nginx alone, which keeps it to itself: this answer may be given until the wall clock's second ends.
        headers.append(("X-Accel-Expires", f"@{int(slot.number * SLOT_S)}"))
    headers_304 = [pair for pair in headers if pair[0].lower() != "content-type"]
    if encoding:
        headers.append(("Content-Encoding", encoding))
    headers.append(("Content-Length", str(len(body))))
    own_bytes = len(body) if page.is_text and not encoding else 0
    size_bytes = READY_OVERHEAD_BYTES + own_bytes + sum(map(len, spelled))
    return Ready(page.status, headers, [body], etag, headers_304, encoding, stamp, size_bytes)


def _stamp(tag: str, encoding: str) -> int:
    """Sixty bits, of which the last four tell the encodings apart: what the time of a file can be."""
    return int(tag[:14] + {"": "0", "br": "1", "gzip": "2"}[encoding], 16)


def _send(ready: Ready, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if ready.is_known(environ.get("HTTP_IF_NONE_MATCH")):
        start_response("304 Not Modified", ready.headers_304.copy())
        return []
    start_response(ready.status, ready.headers.copy())
    return [] if environ["REQUEST_METHOD"] == "HEAD" else ready.body


def _matches(asked: str, etag: str) -> bool:
    return asked.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in asked.split(","))


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
    app.wsgi_app = edge  # type: ignore[method-assign]  # how Flask's own documentation puts middleware around an app
    app.extensions["edge"] = edge
