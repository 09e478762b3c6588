"""Reads exports of Comentario: version 3 with pages, and version 1, which is Commento's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commentsvc.core.errors import BadFile
from commentsvc.core.status import Status
from commentsvc.gateways.formats import commento, json_file, values
from commentsvc.gateways.formats.records import CommentRecord, LeftOut, Row, Syntax, ThreadRecord

Known = dict[str, dict[str, Any]]


class ComentarioFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Row | LeftOut]:
        version = next((value for _, _, value in json_file.objects(self._path, "version")), None)
        if version == 1:
            return commento.read(self._path, "comentario")
        if version == 3:
            return _read(self._path)
        if version is None:
            raise BadFile("this is no export of Comentario: it has no version", 1)
        raise BadFile(f"the export has the unknown version {values.text(version)[:20]!r}; 1 and 3 can be read", 1)


def _read(path: Path) -> Iterator[Row | LeftOut]:
    pages: Known = {}
    people: Known = {}
    has_comments = False
    for prefix, _, value in json_file.objects(path, "pages.item", "commenters.item", "comments"):
        if prefix == "comments":
            has_comments = True
        elif isinstance(value, dict):
            known, names = (pages, ("path", "title", "isReadonly")) if prefix == "pages.item" else (people, PERSON)
            known[values.text(value.get("id"))] = {name: value.get(name) for name in names}
    if not has_comments:
        raise BadFile("this is no export of Comentario: it has no comments", 1)
    for count, (_, line, found) in enumerate(json_file.objects(path, "comments.item"), 1):
        if not isinstance(found, dict) or not found.get("id"):
            yield LeftOut(count, line, "it is no comment with an id")
            continue
        page = pages.get(values.text(found.get("pageId")))
        if page is None:
            yield LeftOut(count, line, "its page is not in the file")
            continue
        is_open = not values.flag(page["isReadonly"])
        thread = ThreadRecord(values.text(page["path"]) or "/", values.text(page["title"]), is_open)
        yield thread, _comment(found, people, count, line)


PERSON = ("name", "email", "websiteUrl")


def _comment(found: dict[str, Any], people: Known, count: int, line: int) -> CommentRecord:
    mended = []
    author = people.get(values.text(found.get("userCreated")), {})
    written = found.get("createdTime")
    at = values.time(written)
    if at is None and written:
        mended.append(f"the date “{values.text(written)[:40]}” can't be read")
    markdown, html = values.text(found.get("markdown")), values.text(found.get("html"))
    parent = values.text(found.get("parentId"))
    return CommentRecord(
        number=count,
        line=line,
        import_id=f"comentario:#{values.text(found['id'])[:128]}",
        parent_import_id=f"comentario:#{parent[:128]}" if parent else None,
        author_name=values.text(author.get("name")) or values.text(found.get("authorName")) or "Anonymous",
        author_email=values.text(author.get("email")),
        author_website=values.text(author.get("websiteUrl")),
        ip=values.text(found.get("authorIp")),
        created_at=at,
        edited_at=values.time(found.get("editedTime")),
        status=_status(found),
        text=markdown or html,
        syntax=Syntax.MARKDOWN if markdown else Syntax.HTML,
        score=values.number(found.get("score")),
        mended=tuple(mended),
    )


def _status(found: dict[str, Any]) -> Status:
    """A comment that is neither pending nor approved was rejected."""
    if values.flag(found.get("isDeleted")):
        return Status.DELETED
    if values.flag(found.get("isPending")):
        return Status.PENDING
    return Status.APPROVED if values.flag(found.get("isApproved")) else Status.REJECTED
