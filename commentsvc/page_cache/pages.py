"""A cached page: its body in each encoding, its ETag, and the responses prepared from it."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass, field
from typing import TypeAlias

import brotli

from commentsvc.store.versions import PageDependency

FIXED = "fixed"  # in place of a dependency: these bytes stay the same as long as the process lives
# A decision is visible within one second. Two windows fit into it, so that the rebuild fits too.
WINDOW_S = 0.5
TEXTS = ("text/", "application/json", "application/atom+xml", "image/svg+xml")
OF_ONE_ANSWER = frozenset({"content-length", "content-encoding", "etag", "vary", "x-request-id"})
PAGE_OVERHEAD_BYTES = 2048  # measured: Python's overhead for one page
PREPARED_OVERHEAD_BYTES = 2048
NEVER_SEEN = -1  # as_of of a page that the database was not asked about


# Path, query string, Accept-Encoding, and Accept-Language for localized pages ("" for others).
RequestKey: TypeAlias = tuple[str, str, str, str]


@dataclass(eq=False)
class CachedPage:
    """One response. `packed` is its body in brotli, unpacked for pictures; other encodings are made from it.

    `as_of` is the number of the last look at the changes before the page was read or confirmed (changes.py).
    """

    status: str
    headers: list[tuple[str, str]]
    packed: bytes
    tag: str
    is_text: bool
    dependency: PageDependency | str | None
    checked_at: float  # monotonic
    as_of: int = NEVER_SEEN
    kept_in: int = 0  # the number of a window in which it is sent although the database could not be asked
    confirmed_in: int = 0  # the number of the last window of which the store of hot pages was told
    is_used: bool = False  # since the memory store considered to drop it
    prepared_for: list[RequestKey] = field(default_factory=list)
    _gzip: bytes = field(default=b"", repr=False)

    def confirm(self, checked_at: float, as_of: int) -> CachedPage:
        self.checked_at, self.as_of = checked_at, as_of
        return self

    def keep(self, window: ClockWindow) -> CachedPage:
        self.kept_in = window.number
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


@dataclass(slots=True)
class PreparedResponse:
    """A response in one encoding, ready to send without another check while its page is current.

    `size_bytes` is its memory beside the page's: with the body where that was unpacked for this response alone.
    """

    page: CachedPage
    headers: list[tuple[str, str]]
    body: bytes
    etag: str
    headers_304: list[tuple[str, str]]
    size_bytes: int
    noted_in: int = 0  # the number of the last window of which the store of hot pages was told

    def is_known(self, if_none_match: str | None) -> bool:
        """Whether the If-None-Match header says that the client has this response already."""
        if not if_none_match:
            return False
        return if_none_match == self.etag or _matches(if_none_match, self.etag)


class ClockWindow:
    """Half a second of the wall clock, in which the changes are looked at once."""

    def __init__(self, until: float, number: int) -> None:
        self.until = until  # monotonic
        self.number = number  # of the wall clock, since 1970
        self.is_open = False  # the changes have been looked at
        self.ready: dict[RequestKey, PreparedResponse] = {}  # what may be sent in this window only
        self.expires: list[tuple[str, str]] = []

    def open(self) -> None:
        """From now on, what is current stays so until the window ends."""
        # Only for nginx, which removes it: a response may be reused until this second of the wall clock ends.
        self.expires = [("X-Accel-Expires", f"@{int(self.number * WINDOW_S)}")]
        self.is_open = True


def prepared(page: CachedPage, request_key: RequestKey, is_localized: bool) -> PreparedResponse:
    _, _, accepted, _ = request_key
    encoding = chosen_encoding(accepted) if page.is_text else ""
    body = page.body(encoding)
    etag = f'"{etag_number(page.tag, encoding):x}-{len(body):x}"'
    vary = "Accept-Encoding, Accept-Language, Cookie" if is_localized else "Accept-Encoding"
    headers = [*page.headers, ("ETag", etag), ("Vary", vary)]
    headers_304 = [pair for pair in headers if pair[0].lower() != "content-type"]
    if encoding:
        headers.append(("Content-Encoding", encoding))
    headers.append(("Content-Length", str(len(body))))
    own_bytes = len(body) if page.is_text and not encoding else 0
    size_bytes = PREPARED_OVERHEAD_BYTES + own_bytes + sum(map(len, request_key))
    return PreparedResponse(page, headers, body, etag, headers_304, size_bytes)


def etag_number(tag: str, encoding: str) -> int:
    """Sixty bits that fit a file's modification time; the last four distinguish the encodings."""
    return int(tag[:14] + {"": "0", "br": "1", "gzip": "2"}[encoding], 16)


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
