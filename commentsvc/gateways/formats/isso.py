"""Reads Isso: its SQLite database, or the JSON that its own importer takes (“generic”)."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_plus

from commentsvc.core.errors import BadFile
from commentsvc.core.status import Status
from commentsvc.gateways.formats import files, json_file, values
from commentsvc.gateways.formats.records import CommentRecord, LeftOut, Row, Syntax, ThreadRecord

SQLITE = b"SQLite format 3\0"
# Isso's `mode`, a bit field: accepted, in the moderation queue, deleted but kept for its replies.
STATUSES = {1: Status.APPROVED, 2: Status.PENDING, 4: Status.DELETED}
# Steps of SQLite's machine that a file may take: reading one takes far fewer for each byte.
STEPS_A_CALL = 100_000
CALLS_FREE = 1_000
BYTES_A_CALL = 10_000
VALUE_MAX_BYTES = 10 * 2**20
COLUMNS = (
    "id",
    "parent",
    "created",
    "modified",
    "mode",
    "remote_addr",
    "text",
    "author",
    "email",
    "website",
    "likes",
    "dislikes",
)


class IssoFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Row | LeftOut]:
        with files.opened(self._path) as file:
            if file.read(len(SQLITE)) != SQLITE:
                yield from _of_json(self._path)
                return
        with self._path.open("rb") as packed:
            is_plain = packed.read(len(SQLITE)) == SQLITE
        if is_plain:
            yield from _of_database(self._path)
            return
        # SQLite reads only files, so a compressed one is unpacked beside.
        with tempfile.TemporaryDirectory() as folder, files.opened(self._path) as file:
            unpacked = Path(folder) / "isso.db"
            with unpacked.open("wb") as copy:
                shutil.copyfileobj(file, copy)
            yield from _of_database(unpacked)


def _of_database(path: Path) -> Iterator[Row | LeftOut]:
    # Read only and immutable: nothing is written beside the file, and nobody else's -wal is taken for its own.
    address = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            _guard(connection, path.stat().st_size)
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            broken = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if broken != "ok":
                raise BadFile(f"the database is damaged ({broken})")
            has = {row[1] for row in connection.execute("PRAGMA table_info(comments)")}
            if not {"tid", "id", "text"} <= has or not _are_tables(connection, "comments", "threads"):
                raise BadFile("this is no database of Isso: it has no table comments as Isso's")
            columns = ", ".join(f"c.{name}" if name in has else f"NULL AS {name}" for name in COLUMNS)
            query = (
                f"SELECT t.uri, t.title, {columns} FROM comments c LEFT JOIN threads t ON t.id = c.tid ORDER BY c.id"  # noqa: S608  # fixed names
            )
            for count, row in enumerate(connection.execute(query), 1):
                uri, title = row[:2]
                fields = dict(zip(COLUMNS, row[2:], strict=True))
                if uri is None:
                    yield LeftOut(count, None, "its thread is not in the database")
                    continue
                yield ThreadRecord(values.text(uri), values.text(title)), _comment(count, None, fields, "isso:db")
    except sqlite3.Error as error:
        raise BadFile(f"this is no sound SQLite database ({error})") from None


def _guard(connection: sqlite3.Connection, size_bytes: int) -> None:
    """Let nothing in the file run for ever: its own views, triggers and expressions are somebody else's code."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_MAX_BYTES)
    calls_left = CALLS_FREE + size_bytes // BYTES_A_CALL

    def count() -> bool:
        nonlocal calls_left
        calls_left -= 1
        return calls_left < 0  # true interrupts the statement

    connection.set_progress_handler(count, STEPS_A_CALL)


def _are_tables(connection: sqlite3.Connection, *names: str) -> bool:
    """Whether these are tables and not views, which compute what they show."""
    kinds = dict(connection.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')"))
    return all(kinds.get(name) == "table" for name in names)


def _of_json(path: Path) -> Iterator[Row | LeftOut]:
    if json_file.first_byte(path) != b"[":
        raise BadFile("this is no export for Isso: neither its SQLite database nor a JSON list of threads", 1)
    count = 0
    for _, line, thread in json_file.objects(path, "item"):
        if not isinstance(thread, dict) or not isinstance(thread.get("comments", []), list) or "id" not in thread:
            count += 1
            yield LeftOut(count, line, "it is no thread with an id and comments")
            continue
        # Titles are percent-encoded by the tools that write this format.
        page = ThreadRecord(values.text(thread["id"]), unquote_plus(values.text(thread.get("title"))))
        for found in thread.get("comments", []):
            count += 1
            if not isinstance(found, dict):
                yield LeftOut(count, line, "it is no object")
                continue
            # Ids count within a page.
            yield page, _comment(count, line, found, f"isso:{page.address[:400]}")


def _comment(count: int, line: int | None, fields: dict[str, Any], where: str) -> CommentRecord:
    mended = []
    mode = fields.get("mode")
    status = STATUSES.get(values.number(mode)) if mode is not None else Status.APPROVED
    if status is None:
        mended.append(f"the status “{values.text(mode)[:40]}” is unknown; it is pending")
    written = fields.get("created")
    at = _time(written)
    if at is None and written is not None:
        mended.append(f"the date “{values.text(written)[:40]}” can't be read")
    number, parent = fields.get("id"), fields.get("parent")
    name = values.text(number) if number is not None else f"record-{count}"
    return CommentRecord(
        number=count,
        line=line,
        import_id=f"{where}#{name[:64]}",
        parent_import_id=f"{where}#{values.text(parent)[:64]}" if parent is not None else None,
        author_name=values.text(fields.get("author")),
        author_email=values.text(fields.get("email")),
        author_website=values.text(fields.get("website")),
        ip=values.text(fields.get("remote_addr")),
        created_at=at,
        edited_at=_time(fields.get("modified")),
        status=status,
        text=values.text(fields.get("text")),
        syntax=Syntax.MARKDOWN,
        score=values.number(fields.get("likes")) - values.number(fields.get("dislikes")),
        mended=tuple(mended),
    )


def _time(value: Any) -> datetime | None:
    """Isso's database has seconds since 1970 as a real number, also small ones."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    return values.time(value)
