"""Figures about moderation: medians and shares, how long a queue still takes, and cells that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from math import ceil


def percentile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that at least `share` (0 to 1) of them do not exceed; None of nothing."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * share) - 1)] if ordered else None


def format_duration(seconds: float) -> str:
    """A stretch of time in one unit, as people say it."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{round(seconds)} seconds"


def empty_in_s(waiting: int, decided_at_s: Sequence[float], now_s: float) -> float | None:
    """The time in seconds until a queue is empty at the pace of the newest decisions (times in seconds, in any order).

    None without two decisions to tell a pace from; pauses longer than ten minutes are no work.
    """
    if waiting == 0:
        return 0.0
    times = sorted(decided_at_s)
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    working = [step for step in steps if step <= 600]
    if not working or now_s - times[-1] > 86400:
        return None
    return waiting * sum(working) / len(working)


def days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV (RFC 4180) without cells that a spreadsheet would run as formulas, whatever its separator.

    What looks like a formula, at the start of a cell or behind a separator in it, gets an apostrophe before it: where
    the reader's settings name another separator (`;` in much of Europe), quotes do not keep a cell together.
    """
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows([map(_cell, row) for row in rows])
    return out.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return "" if value is None else value
    tamed = _FORMULA_BEHIND.sub(r"\1'\2", value)
    return f"'{tamed}" if _FORMULA.match(value) else tamed


# Spaces, quotes and what is not printed may stand before the sign; programs take them off. NFKC makes the last eight
# of the signs into the first four.
_BEFORE_SIGN = r"[\s\"'\u200b-\u200f\u2060\ufeff]*"
_SIGN = r"(?:[=+\-@|%＝＋－＠﹢﹣﹦﹫]|DDE\b)"
_FORMULA = re.compile(rf"[\t\r\n]|{_BEFORE_SIGN}{_SIGN}", re.I)
_FORMULA_BEHIND = re.compile(rf"([;|\t\r\n]{_BEFORE_SIGN})({_SIGN})", re.I)
