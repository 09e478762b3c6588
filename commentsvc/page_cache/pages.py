"""A cached page: its bytes in each encoding, its ETag, and the responses prepared from it."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import brotli

from commentsvc.core import routes
from commentsvc.store.versions import PageDependency

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

FIXED = "fixed"  # in place of what is watched: these bytes stay the same as long as the process lives
# Confirmed twice within the second that the contract promises, so that the rebuild too fits into it.
WINDOW_S = 0.5
TEXTS = ("text/", "application/json", "application/atom+xml", "image/svg+xml")
OF_ONE_ANSWER = frozenset({"content-length", "content-encoding", "etag", "vary", "x-request-id"})
PAGE_OVERHEAD_BYTES = 2048  # what Python needs around a page's bytes, measured
PREPARED_OVERHEAD_BYTES = 2048
PREPARED_MAX_BYTES = 8 * 2**20


@dataclass
class CachedPage:
    """One answer. `packed` is its body in brotli (as it is, for pictures); other encodings are made from that."""

    status: str
    headers: list[tuple[str, str]]
    packed: bytes
    tag: str
    is_text: bool
    watched: PageDependency | str | None
    checked_at: float  # monotonic
    confirmed_until: float = 0.0  # the end of the half second in which that was; never the Slot, which holds bodies
    _gzip: bytes = field(default=b"", repr=False)

    def is_confirmed(self, slot: ClockWindow) -> bool:
        return self.confirmed_until >= slot.until

    def confirm(self, checked_at: float, slot: ClockWindow) -> CachedPage:
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


def kept_headers(answer: UpstreamResponse) -> list[tuple[str, str]]:
    """Those that are the same in every encoding and for everybody."""
    return [pair for pair in answer.headers if pair[0].lower() not in OF_ONE_ANSWER]


def new_page(answer: UpstreamResponse, checked_at: float) -> CachedPage:
    """The answer as it is kept; what never changes is worth the slowest compression."""
    kind = next((value for name, value in answer.headers if name.lower() == "content-type"), "")
    is_text = kind.startswith(TEXTS)
    packed = answer.body
    if is_text:
        packed = brotli.compress(packed, quality=11 if answer.watched == FIXED else 5)
    return CachedPage(
        answer.status, kept_headers(answer), packed, tag_of(answer.body), is_text, answer.watched, checked_at
    )


def tag_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:24]


@dataclass(frozen=True)
class UpstreamResponse:
    """What Flask said."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    watched: PageDependency | str | None

    @property
    def is_public(self) -> bool:
        return self.status.startswith("200") and all(name.lower() != "set-cookie" for name, _ in self.headers)


@dataclass(frozen=True, slots=True)
class PreparedResponse:
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
RequestKey: TypeAlias = tuple[str, str, str, str]


class ClockWindow:
    """Half a second of the clock, and what lies ready for the rest of it, by the words of the request.

    Never more than READY_MAX_BYTES: whoever asks in ever new words must not fill the memory.
    """

    def __init__(self, until: float, number: int) -> None:
        self.until = until  # monotonic
        self.number = number  # of the wall clock, since 1970
        self.ready: dict[RequestKey, PreparedResponse] = {}
        self._room_bytes = PREPARED_MAX_BYTES

    def lay_ready(self, spelled: RequestKey, ready: PreparedResponse) -> None:
        self._room_bytes -= ready.size_bytes
        if self._room_bytes >= 0:
            self.ready[spelled] = ready


def prepared(page: CachedPage, spelled: RequestKey, slot: ClockWindow) -> PreparedResponse:
    path, _, accepted, _ = spelled
    encoding = chosen_encoding(accepted) if page.is_text else ""
    body = page.body(encoding)
    stamp = etag_number(page.tag, encoding)
    etag = f'"{stamp:x}-{len(body):x}"'
    vary = "Accept-Encoding, Accept-Language, Cookie" if path.startswith(routes.HOSTED_PAGES) else "Accept-Encoding"
    headers = [*page.headers, ("ETag", etag), ("Vary", vary)]
    if page.watched == FIXED:
        headers.append(("X-Accel-Expires", "300"))
    elif page.is_confirmed(slot):
        # For nginx alone, which keeps it to itself: this answer may be given until the wall clock's second ends.
        headers.append(("X-Accel-Expires", f"@{int(slot.number * WINDOW_S)}"))
    headers_304 = [pair for pair in headers if pair[0].lower() != "content-type"]
    if encoding:
        headers.append(("Content-Encoding", encoding))
    headers.append(("Content-Length", str(len(body))))
    own_bytes = len(body) if page.is_text and not encoding else 0
    size_bytes = PREPARED_OVERHEAD_BYTES + own_bytes + sum(map(len, spelled))
    return PreparedResponse(page.status, headers, [body], etag, headers_304, encoding, stamp, size_bytes)


def etag_number(tag: str, encoding: str) -> int:
    """Sixty bits, of which the last four tell the encodings apart: what the time of a file can be."""
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
    """The best of ours that the client takes (RFC 9110 §12.5.3), or '' for none."""
    taken: dict[str, bool] = {}
    for part in accepted.lower().split(","):
        name, _, parameters = part.partition(";")
        weight = parameters.strip().removeprefix("q=").strip()
        taken[name.strip()] = weight.rstrip("0") not in ("0.", ".") and weight != "0"
    rest = taken.get("*", False)
    return next((name for name in ("br", "gzip") if taken.get(name, rest)), "")
