"""Reads JSON exports as a stream (ijson), with the line on which each object begins."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from commentsvc.core.errors import BadFile
from commentsvc.gateways.formats import files

BOM = b"\xef\xbb\xbf"
OBJECT_MAX = 2**20  # values within one object


class _Lines:
    """A file that gives at most one line for each read, and knows its number."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.line = 0
        self._is_new = True

    def read(self, size: int = -1) -> bytes:
        if size == 0:
            return b""
        chunk = self._file.readline(size if size > 0 else 64 * 1024)
        if self._is_new:
            self.line += 1
            if self.line == 1:
                chunk = chunk.removeprefix(BOM)
        self._is_new = chunk.endswith(b"\n")
        return chunk


def first_byte(path: Path) -> bytes:
    """The first byte of a file that is not blank; b"" for an empty file."""
    with files.opened(path) as file:
        begin = file.read(4096).removeprefix(BOM).lstrip()
    if not begin:
        raise BadFile("the file is empty")
    return begin[:1]


def objects(path: Path, *prefixes: str) -> Iterator[tuple[str, int, Any]]:
    """Every value at one of the prefixes (ijson's, such as `comments.item`), with its prefix and line.

    Raises BadFile with the line for a file that is not well-formed or ends too early.
    """
    with files.opened(path) as file:
        lines = _Lines(file)
        try:
            events = ijson.parse(lines, use_float=True)
            for prefix, event, value in events:
                if prefix not in prefixes or event in ("end_map", "end_array", "map_key"):
                    continue
                line = lines.line
                yield prefix, line, _whole(event, value, events)
        except ijson.IncompleteJSONError as error:
            reason = "the file is cut off, or no JSON" if "parse error" not in str(error) else _first_line(error)
            raise BadFile(reason, max(lines.line, 1)) from None
        except (ijson.JSONError, UnicodeDecodeError, RecursionError, OverflowError, ValueError) as error:
            raise BadFile(_first_line(error), max(lines.line, 1)) from None


def _first_line(error: Exception) -> str:
    return f"the file is no sound JSON ({str(error).strip().splitlines()[0][:120] if str(error).strip() else 'error'})"


def _whole(event: str, value: Any, events: Iterator[tuple[str, str, Any]]) -> Any:
    """The value that begins with this event; raises BadFile for one that is larger than any comment."""
    if event not in ("start_map", "start_array"):
        return value
    builder = ijson.ObjectBuilder()
    depth = 0
    for count, (_, kind, part) in enumerate(chain([("", event, value)], events)):
        builder.event(kind, part)
        depth += kind in ("start_map", "start_array")
        depth -= kind in ("end_map", "end_array")
        if count > OBJECT_MAX:
            raise BadFile("a record has more fields than any comment")
        if depth == 0:
            break
    return builder.value
