"""Pagination: orders of lists, and cursors that mark the beginning of a page."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from commentsvc.core.errors import Invalid
from commentsvc.core.whole_numbers import ROW_ID_MAX

PAGE_SIZE = 50
PAGE_SIZE_MAX = 100
# Replies on one page. A page with this many is built in about 20 ms; one comment may have any number of replies.
REPLIES_MAX = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Sort(StrEnum):
    OLDEST = "oldest"
    NEWEST = "newest"
    TOP = "top"


@dataclass(frozen=True)
class Cursor:
    """The last comment of the page before; the next page begins behind it, whatever came in between.

    With `root_id` it is the last reply that was shown below that top-level comment, and more of its replies follow.
    """

    sort: Sort
    at: datetime
    score: int
    id: int
    root_id: int | None = None

    def __str__(self) -> str:
        microseconds = (self.at - _EPOCH) // timedelta(microseconds=1)
        raw = f"{self.sort}.{microseconds}.{self.score}.{self.id}"
        if self.root_id is not None:
            raw += f".{self.root_id}"
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def cursor(value: str, sort: Sort) -> Cursor | None:
    """Read a cursor that `str(Cursor)` wrote; raises Invalid when it is none or belongs to another order."""
    if not value:
        return None
    try:
        raw = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True).decode("ascii")
        name, microseconds, score, number, *root = raw.split(".")
        at = _EPOCH + timedelta(microseconds=int(microseconds))
        found = Cursor(Sort(name), at, int(score), int(number), int(root[0]) if root else None)
        numbers_fit = -(2**31) <= found.score < 2**31 and found.id <= ROW_ID_MAX and (found.root_id or 0) <= ROW_ID_MAX
        if str(found) != value or found.sort is not sort or not numbers_fit:
            raise ValueError
    except (ValueError, OverflowError, binascii.Error):
        raise Invalid("cursor", "This cursor is not valid. Start again without it.") from None
    return found


def sort(value: str) -> Sort:
    """The order named; raises Invalid for any other word."""
    if value not in set(Sort):
        raise Invalid("sort", f"sort is one of {', '.join(Sort)}.")
    return Sort(value)


def limit(value: str, default: int = PAGE_SIZE, maximum: int = PAGE_SIZE_MAX) -> int:
    """The requested page size, `default` when it is empty; raises Invalid below 1 or above `maximum`."""
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 6 and 1 <= int(value) <= maximum):
        raise Invalid("limit", f"limit is a whole number from 1 to {maximum}.")
    return int(value)
