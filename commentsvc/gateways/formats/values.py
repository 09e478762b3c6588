"""Values of records as other systems write them: times, numbers and texts in several spellings."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

_SECONDS_MAX = 10**11  # larger numbers are milliseconds
_FRACTION = re.compile(r"(\.\d{6})\d+")
_SPACED_ZONE = re.compile(r"\s+([+-]\d{2}:?\d{2})(\s+\w+)?$")  # Go's: 2021-10-28 20:50:15 +0800 CST


def text(value: Any) -> str:
    """A text, also of a number; "" for null and for anything that is no single value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        return ""
    return str(value)


def flag(value: Any) -> bool:
    """True, also written as a number or a word."""
    return value is True or text(value).strip().lower() in ("true", "1", "yes")


def number(value: Any) -> int:
    """A whole number, also written as a text; 0 for none, and for one that no column can hold."""
    try:
        found = int(float(text(value).strip() or 0))
    except (ValueError, OverflowError):
        return 0
    return found if abs(found) < 2**31 else 0


def time(value: Any) -> datetime | None:
    """A time: RFC 3339, “2012-05-08 01:24:00” (without a zone), or seconds or milliseconds since 1970; else None."""
    if isinstance(value, dict):  # MongoDB's and LeanCloud's JSON
        value = value.get("iso") or value.get("$date")
    written = text(value).strip()
    try:
        if re.fullmatch(r"-?\d{5,}(\.\d+)?", written):
            since = float(written)
            return datetime.fromtimestamp(since / 1000 if abs(since) >= _SECONDS_MAX else since, UTC)
        written = _SPACED_ZONE.sub(r"\1", _FRACTION.sub(r"\1", written)).removesuffix(" UTC")
        return datetime.fromisoformat(written) if len(written) >= 10 else None
    except (ValueError, OverflowError, OSError):
        return None
