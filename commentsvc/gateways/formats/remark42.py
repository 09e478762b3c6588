"""Reads backups of Remark42: a first line with users and posts, and then a comment on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commentsvc.core.errors import BadFile
from commentsvc.core.status import Status
from commentsvc.gateways.formats import files, values
from commentsvc.gateways.formats.records import CommentRecord, LeftOut, Row, Syntax, ThreadRecord

LINE_MAX = 64 * 2**20  # bytes; the first line has all users


class Remark42File:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Row | LeftOut]:
        closed: set[str] = set()
        has_begun = False
        with files.opened(self._path) as file:
            for line, found in enumerate(iter(lambda: file.readline(LINE_MAX), b""), 1):
                if not found.strip():
                    continue
                value = _object(found, line)
                if not has_begun:
                    closed, has_begun = _closed_pages(value), True
                else:
                    yield _row(value, closed, line)
            if not has_begun:
                raise BadFile("the file is empty")


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        is_cut = number > 1 and not line.endswith(b"\n")
        raise BadFile("the file is cut off" if is_cut else "the line is no JSON object", number) from None
    if not isinstance(value, dict):
        raise BadFile("the line is no JSON object", number)
    return value


def _closed_pages(first: dict[str, Any]) -> set[str]:
    """Addresses of posts that are read only; raises BadFile when the first line is none of Remark42's."""
    if "version" not in first or not isinstance(first.get("posts") or [], list) or "posts" not in first:
        raise BadFile("this is no backup of Remark42: its first line lacks version and posts", 1)
    posts = [post for post in first["posts"] or [] if isinstance(post, dict)]
    return {values.text(post.get("url")) for post in posts if values.flag(post.get("read_only"))}


def _row(found: dict[str, Any], closed: set[str], line: int) -> Row | LeftOut:
    count = line - 1
    locator = found.get("locator")
    if not isinstance(locator, dict) or not locator.get("url") or not found.get("id"):
        return LeftOut(count, line, "it is no comment with an id and a locator")
    url, mended = values.text(locator["url"]), []
    user = found["user"] if isinstance(found.get("user"), dict) else {}
    written = found.get("time")
    at = values.time(written)
    if at is None and written:
        mended.append(f"the date “{values.text(written)[:40]}” can't be read")
    source, html = values.text(found.get("orig")), values.text(found.get("text"))
    edit = found["edit"] if isinstance(found.get("edit"), dict) else {}
    where, parent = values.text(locator.get("site"))[:200], values.text(found.get("pid"))
    comment = CommentRecord(
        number=count,
        line=line,
        import_id=f"remark42:{where}#{values.text(found['id'])[:128]}",
        parent_import_id=f"remark42:{where}#{parent[:128]}" if parent else None,
        author_name=values.text(user.get("name")),
        author_email="",
        author_website="",
        ip="",  # Remark42 keeps only a hash of it
        created_at=at,
        edited_at=values.time(edit.get("time")),
        status=Status.DELETED if values.flag(found.get("delete")) else Status.APPROVED,
        text=source or html,
        syntax=Syntax.MARKDOWN if source else Syntax.HTML,
        score=values.number(found.get("score")),
        mended=tuple(mended),
    )
    return ThreadRecord(url, values.text(found.get("title")), url not in closed), comment
