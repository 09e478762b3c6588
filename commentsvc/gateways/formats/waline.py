"""Reads exports of Waline (JSON with its tables) and of Valine (LeanCloud's: a list, `results`, or a line each)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commentsvc.core.errors import BadFile
from commentsvc.core.status import Status
from commentsvc.gateways.formats import files, json_file, values
from commentsvc.gateways.formats.records import CommentRecord, LeftOut, Row, Syntax, ThreadRecord

STATUSES = {"": Status.APPROVED, "approved": Status.APPROVED, "waiting": Status.PENDING, "spam": Status.SPAM}
COMMENTS = "data.Comment.item"
Found = Iterator[tuple[int, Any]]


class WalineFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Row | LeftOut]:
        people: dict[str, dict[str, Any]] = {}
        found: Found
        if json_file.first_byte(self._path) == b"[":
            found = ((line, value) for _, line, value in json_file.objects(self._path, "item"))
        elif _is_lines(self._path):
            found = _lines(self._path)
        else:
            people, prefix = _people(self._path)
            found = ((line, value) for _, line, value in json_file.objects(self._path, prefix))
        for count, (line, value) in enumerate(found, 1):
            yield _row(value, people, count, line)


def _is_lines(path: Path) -> bool:
    """Whether each line is an object, as LeanCloud exports a class; `#` begins its first line in some versions."""
    with files.opened(path) as file:
        first = file.readline(2**20).removeprefix(json_file.BOM).strip()
    if first.startswith(b"#"):
        return True
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "objectId" in value


def _lines(path: Path) -> Found:
    with files.opened(path) as file:
        for line, written in enumerate(iter(lambda: file.readline(2**24), b""), 1):
            text = written.removeprefix(json_file.BOM).strip()
            if not text or text.startswith(b"#"):
                continue
            try:
                yield line, json.loads(text)
            except (ValueError, RecursionError):
                is_cut = not written.endswith(b"\n")
                raise BadFile("the file is cut off" if is_cut else "the line is no JSON object", line) from None


def _people(path: Path) -> tuple[dict[str, dict[str, Any]], str]:
    """Users by id, and where the comments are; users may come after them, so the file is read twice."""
    people: dict[str, dict[str, Any]] = {}
    prefix = ""
    for found, _, value in json_file.objects(path, "data.Users.item", "data.Comment", "results"):
        if found == "data.Comment":
            prefix = COMMENTS
        elif found == "results":
            prefix = "results.item"
        elif isinstance(value, dict):
            people[_id(value)] = {name: value.get(name) for name in ("display_name", "email", "url")}
    if not prefix:
        raise BadFile("this is no export of Waline or Valine: it has neither data.Comment nor results", 1)
    return people, prefix


def _id(value: dict[str, Any]) -> str:
    return values.text(value.get("objectId") or value.get("id") or value.get("_id"))


def _row(found: Any, people: dict[str, dict[str, Any]], count: int, line: int) -> Row | LeftOut:
    if not isinstance(found, dict) or not _id(found):
        return LeftOut(count, line, "it is no comment with an objectId")
    user, mended = people.get(values.text(found.get("user_id")), {}), []
    written = found.get("insertedAt") or found.get("createdAt")
    at = values.time(written)
    if at is None and written:
        mended.append(f"the date “{values.text(written)[:40]}” can't be read")
    state = values.text(found.get("status"))
    status = Status.SPAM if values.flag(found.get("isSpam")) else STATUSES.get(state)
    if status is None:
        mended.append(f"the status “{state[:40]}” is unknown; it is pending")
    parent = values.text(found.get("pid") or found.get("rid"))
    text = values.text(found.get("comment"))
    # Waline keeps Markdown, Valine the HTML that it was rendered to.
    syntax = Syntax.HTML if text.lstrip().startswith("<") else Syntax.MARKDOWN
    comment = CommentRecord(
        number=count,
        line=line,
        import_id=f"waline:#{_id(found)[:128]}",
        parent_import_id=f"waline:#{parent[:128]}" if parent else None,
        author_name=values.text(found.get("nick")) or values.text(user.get("display_name")),
        author_email=values.text(found.get("mail")) or values.text(user.get("email")),
        author_website=values.text(found.get("link")) or values.text(user.get("url")),
        ip=values.text(found.get("ip")),
        user_agent=values.text(found.get("ua")),
        created_at=at,
        status=status,
        text=text,
        syntax=syntax,
        score=values.number(found.get("like")),
        mended=tuple(mended),
    )
    return ThreadRecord(values.text(found.get("url")) or "/"), comment
