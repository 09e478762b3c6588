"""Reads exports of Commento and Commento++: one JSON object with comments and commenters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commentsvc.core.errors import BadFile
from commentsvc.core.status import Status
from commentsvc.gateways.formats import json_file, values
from commentsvc.gateways.formats.records import CommentRecord, LeftOut, Row, Syntax, ThreadRecord

STATUSES = {"approved": Status.APPROVED, "unapproved": Status.PENDING, "flagged": Status.SPAM}
ROOT = "root"
People = dict[str, dict[str, Any]]


class CommentoFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Row | LeftOut]:
        return read(self._path, "commento")


def read(path: Path, format: str) -> Iterator[Row | LeftOut]:
    """The comments of an export of version 1; Comentario writes the same."""
    people = _people(path, format)
    for count, (_, line, found) in enumerate(json_file.objects(path, "comments.item"), 1):
        if not isinstance(found, dict) or not found.get("commentHex"):
            yield LeftOut(count, line, "it is no comment with a commentHex")
        else:
            yield _row(found, people, format, count, line)


def _people(path: Path, format: str) -> People:
    """The commenters by their hex; they come after the comments, so the file is read twice."""
    people: People = {}
    has_comments, version = False, None
    for prefix, line, value in json_file.objects(path, "version", "commenters.item", "comments"):
        if prefix == "version":
            version = value
            if value != 1:
                raise BadFile(f"the export has the unknown version {values.text(value)[:20]!r}", line)
        elif prefix == "comments":
            has_comments = True
        elif isinstance(value, dict) and value.get("commenterHex"):
            kept = ("email", "name", "link")
            people[values.text(value["commenterHex"])] = {name: value.get(name) for name in kept}
    if version is None or not has_comments:
        raise BadFile(f"this is no export of {format.title()}: it lacks a version and comments", 1)
    return people


def _row(found: dict[str, Any], people: People, format: str, count: int, line: int) -> Row:
    mended = []
    domain, path = values.text(found.get("domain")), values.text(found.get("url")) or "/"
    address = f"https://{domain}{path}" if domain and path.startswith("/") else path
    author = people.get(values.text(found.get("commenterHex")), {})
    state = values.text(found.get("state"))
    status = STATUSES.get(state)
    if values.flag(found.get("deleted")):
        status = Status.DELETED
    if status is None:
        mended.append(f"the status “{state[:40]}” is unknown; it is pending")
    written = found.get("creationDate")
    at = values.time(written)
    if at is None and written:
        mended.append(f"the date “{values.text(written)[:40]}” can't be read")
    markdown, html = values.text(found.get("markdown")), values.text(found.get("html"))
    parent = values.text(found.get("parentHex"))
    name = values.text(author.get("name"))
    return (
        ThreadRecord(address),
        CommentRecord(
            number=count,
            line=line,
            import_id=f"{format}:{domain[:200]}#{values.text(found['commentHex'])[:128]}",
            parent_import_id=f"{format}:{domain[:200]}#{parent[:128]}" if parent and parent != ROOT else None,
            author_name=name or "Anonymous",
            author_email=_known(author.get("email")),
            author_website=_known(author.get("link")),
            ip="",
            created_at=at,
            status=status,
            text=markdown or html,
            syntax=Syntax.MARKDOWN if markdown else Syntax.HTML,
            score=values.number(found.get("score")),
            mended=tuple(mended),
        ),
    )


def _known(value: Any) -> str:
    """Commento writes “undefined” for what a commenter has not given."""
    written = values.text(value)
    return "" if written == "undefined" else written
