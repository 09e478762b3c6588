"""A cached page: its body in each encoding, its ETag, and the responses prepared from it."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import brotli

from commentsvc.store.versions import PageDependency

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

FIXED = "fixed"  # in place of a dependency: these bytes stay the same as long as the process lives
# A decision is visible within one second. Two windows fit into it, so that the rebuild fits too.
WINDOW_S = 0.5
TEXTS = ("text/", "application/json", "application/atom+xml", "image/svg+xml")
OF_ONE_ANSWER = frozenset({"content-length", "content-encoding", "etag", "vary", "x-request-id"})
PAGE_OVERHEAD_BYTES = 2048  # measured: Python's overhead for one page
PREPARED_OVERHEAD_BYTES = 2048
PREPARED_MAX_BYTES = 8 * 2**20


@dataclass
class CachedPage:
    """One response. `packed` is its body in brotli, unpacked for pictures; other encodings are made from it."""

    status: str
    headers: list[tuple[str, str]]
    packed: bytes
    tag: str
    is_text: bool
    dependency: PageDependency | str | None
    checked_at: float  # monotonic
    confirmed_until: float = 0.0  # the end of the window in which it was confirmed
    confirmed_in: int = 0  # the number of that window
    _gzip: bytes = field(default=b"", repr=False)

    def is_confirmed(self, window: ClockWindow) -> bool:
        return self.confirmed_until >= window.until

    def confirm(self, checked_at: float, window: ClockWindow) -> CachedPage:
        self.checked_at, self.confirmed_until, self.confirmed_in = checked_at, window.until, window.number
        return self

    @property
    def size_bytes(self) -> int:
        """Counts the gzip body from the start: it has about 1.3 times the size of the brotli body."""
        return len(self.packed) * 5 // 2 + PAGE_OVERHEAD_BYTES

    def body(self, encoding: str) -> bytes:
        if encoding == "br" or not self.is_text:
            return self.packed
        if encoding == "gzip":
            self._gzip = self._gzip or gzip.compress(brotli.decompress(self.packed), 6, mtime=0)
            return self._gzip
        plain: bytes = brotli.decompress(self.packed)
        return plain


def kept_headers(answer: UpstreamResponse) -> list[tuple[str, str]]:
    """The headers that are the same in every encoding and for every reader."""
    return [pair for pair in answer.headers if pair[0].lower() not in OF_ONE_ANSWER]


def new_page(answer: UpstreamResponse, checked_at: float) -> CachedPage:
    """The page of a response. A page that never changes gets the slowest, best compression."""
    kind = next((value for name, value in answer.headers if name.lower() == "content-type"), "")
    is_text = kind.startswith(TEXTS)
    packed = answer.body
    if is_text:
        packed = brotli.compress(packed, quality=11 if answer.dependency == FIXED else 5)
    return CachedPage(
        answer.status, kept_headers(answer), packed, tag_of(answer.body), is_text, answer.dependency, checked_at
    )


def tag_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:24]


@dataclass(frozen=True)
class UpstreamResponse:
    """A response of the application behind the cache."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    dependency: PageDependency | str | None

    @property
    def is_public(self) -> bool:
        return self.status.startswith("200") and all(name.lower() != "set-cookie" for name, _ in self.headers)


@dataclass(frozen=True, slots=True)
class PreparedResponse:
    """A response in one encoding, ready to send without another check.

    `size_bytes` is its memory beside the page's: with the body where that was unpacked for this response alone.
    """

    status: str
    headers: list[tuple[str, str]]
    body: list[bytes]
    etag: str
    headers_304: list[tuple[str, str]]
    encoding: str
    etag_number: int  # the first part of its ETag, which has the form of nginx for files: <time>-<size>
    size_bytes: int

    def is_known(self, if_none_match: str | None) -> bool:
        """Whether the If-None-Match header says that the client has this response already."""
        if not if_none_match:
            return False
        return if_none_match == self.etag or _matches(if_none_match, self.etag)


# Path, query string, Accept-Encoding, and Accept-Language for localized pages ("" for others).
RequestKey: TypeAlias = tuple[str, str, str, str]


class ClockWindow:
    """Half a second of the wall clock, with the responses prepared in it, by request.

    Holds at most PREPARED_MAX_BYTES, so that requests with ever new words cannot fill the memory.
    """

    def __init__(self, until: float, number: int) -> None:
        self.until = until  # monotonic
        self.number = number  # of the wall clock, since 1970
        self.ready: dict[RequestKey, PreparedResponse] = {}
        self._free_bytes = PREPARED_MAX_BYTES

    def put(self, request_key: RequestKey, ready: PreparedResponse) -> None:
        """Keep a response until the window ends, while there is room."""
        self._free_bytes -= ready.size_bytes
        if self._free_bytes >= 0:
            self.ready[request_key] = ready


def prepared(page: CachedPage, request_key: RequestKey, window: ClockWindow, is_localized: bool) -> PreparedResponse:
    _, _, accepted, _ = request_key
    encoding = chosen_encoding(accepted) if page.is_text else ""
    body = page.body(encoding)
    number = etag_number(page.tag, encoding)
    etag = f'"{number:x}-{len(body):x}"'
    vary = "Accept-Encoding, Accept-Language, Cookie" if is_localized else "Accept-Encoding"
    headers = [*page.headers, ("ETag", etag), ("Vary", vary)]
    if page.dependency == FIXED:
        headers.append(("X-Accel-Expires", "300"))
    elif page.is_confirmed(window):
        # Only for nginx, which removes it: the response may be reused until this second of the wall clock ends.
        headers.append(("X-Accel-Expires", f"@{int(window.number * WINDOW_S)}"))
    headers_304 = [pair for pair in headers if pair[0].lower() != "content-type"]
    if encoding:
        headers.append(("Content-Encoding", encoding))
    headers.append(("Content-Length", str(len(body))))
    own_bytes = len(body) if page.is_text and not encoding else 0
    size_bytes = PREPARED_OVERHEAD_BYTES + own_bytes + sum(map(len, request_key))
    return PreparedResponse(page.status, headers, [body], etag, headers_304, encoding, number, size_bytes)


def etag_number(tag: str, encoding: str) -> int:
    """Sixty bits that fit a file's modification time; the last four distinguish the encodings."""
    return int(tag[:14] + {"": "0", "br": "1", "gzip": "2"}[encoding], 16)


def send(ready: PreparedResponse, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if ready.is_known(environ.get("HTTP_IF_NONE_MATCH")):
        start_response("304 Not Modified", ready.headers_304.copy())
        return []
    start_response(ready.status, ready.headers.copy())
    return [] if environ["REQUEST_METHOD"] == "HEAD" else ready.body


def _matches(asked: str, etag: str) -> bool:
    return asked.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in asked.split(","))


def chosen_encoding(accepted: str) -> str:
    """The best encoding that the client accepts (RFC 9110 §12.5.3); "" for none."""
    taken: dict[str, bool] = {}
    for part in accepted.lower().split(","):
        name, _, parameters = part.partition(";")
        weight = parameters.strip().removeprefix("q=").strip()
        taken[name.strip()] = weight.rstrip("0") not in ("0.", ".") and weight != "0"
    rest = taken.get("*", False)
    return next((name for name in ("br", "gzip") if taken.get(name, rest)), "")
