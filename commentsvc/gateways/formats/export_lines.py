"""Reads our own exports: JSON Lines with a header (docs/export-format.md)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commentsvc.core.errors import BadFile
from commentsvc.gateways.formats import files

FORMAT, VERSION = "commentsvc", 1
TYPES = ("site", "rule", "author", "member", "thread", "comment", "decision", "report", "vote")
LINE_MAX = 4 * 2**20  # bytes; a comment with all its earlier texts is far shorter

Line = dict[str, Any]


def read(path: Path) -> Iterator[tuple[int, Line]]:
    """The objects of an export with their line numbers, without the header.

    Raises BadFile when the file is no export, of a later version, not well-formed or cut off.
    """
    with files.opened(path) as file:
        number = 1
        header = _object(file.readline(LINE_MAX), 1)
        if header.get("format") != FORMAT:
            raise BadFile(f'this is no export of commentsvc: its first line lacks "format": "{FORMAT}"', 1)
        version = header.get("version")
        if version != VERSION:
            raise BadFile(f"the export has version {version!r}; this program reads version {VERSION}", 1)
        counts: Counter[str] = Counter()
        while line := file.readline(LINE_MAX):
            number += 1
            if not line.strip():
                continue
            found = _object(line, number)
            kind = found.get("type")
            if kind not in TYPES:
                raise BadFile(f"the line has the unknown type {str(kind)[:40]!r}", number)
            counts[kind] += 1
            yield number, found
    for kind, count in _counts_of(header).items():
        if counts[kind] != count:
            raise BadFile(
                f"the file is cut off: it has {counts[kind]} lines of the type {kind} instead of {count}", number
            )


def _counts_of(header: Line) -> dict[str, int]:
    """The header's counts by type; {} where it has none, as in a file that another program wrote."""
    counts = header.get("counts")
    if not isinstance(counts, dict):
        return {}
    return {kind: count for kind, count in counts.items() if kind in TYPES and isinstance(count, int)}


def _object(line: bytes, number: int) -> Line:
    if number == 1 and not line:
        raise BadFile("the file is empty")
    if len(line) == LINE_MAX and not line.endswith(b"\n"):
        raise BadFile(f"the line is longer than {LINE_MAX // 2**20} MB", number)
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = "the file is cut off" if not line.endswith(b"\n") else f"the line is no JSON ({error})"
        raise BadFile(reason, number) from None
    if not isinstance(found, dict):
        raise BadFile("the line is no JSON object", number)
    return found
