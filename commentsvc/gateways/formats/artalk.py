"""Reads Artalk's exports (Artrans): a JSON list of comments, whose values are often texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commentsvc.core.errors import BadFile
from commentsvc.core.status import Status
from commentsvc.gateways.formats import json_file, values
from commentsvc.gateways.formats.records import CommentRecord, LeftOut, Row, Syntax, ThreadRecord


class ArtalkFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Row | LeftOut]:
        if json_file.first_byte(self._path) != b"[":
            raise BadFile("this is no Artrans file: it is no JSON list", 1)
        for count, (_, line, found) in enumerate(json_file.objects(self._path, "item"), 1):
            if not isinstance(found, dict) or "page_key" not in found:
                yield LeftOut(count, line, "it is no comment with a page_key")
            else:
                yield _row(found, count, line)


def _row(found: dict[str, Any], count: int, line: int) -> Row:
    mended = []
    written = found.get("created_at") or found.get("date")
    at = values.time(written)
    if at is None and written:
        mended.append(f"the date “{values.text(written)[:40]}” can't be read")
    where = values.text(found.get("site_name"))[:200]
    number, parent = values.text(found.get("id")), values.text(found.get("rid"))
    text = values.text(found.get("content"))
    edited_at = values.time(found.get("updated_at"))
    # Artalk keeps Markdown; files that were converted from other systems have HTML.
    syntax = Syntax.HTML if text.lstrip().startswith("<") else Syntax.MARKDOWN
    address = _address(found)
    comment = CommentRecord(
        number=count,
        line=line,
        import_id=f"artalk:{where}#{number[:128] or f'record-{count}'}",
        parent_import_id=f"artalk:{where}#{parent[:128]}" if parent not in ("", "0") else None,
        author_name=values.text(found.get("nick")),
        author_email=values.text(found.get("email")),
        author_website=values.text(found.get("link")),
        ip=values.text(found.get("ip")),
        user_agent=values.text(found.get("ua")),
        created_at=at,
        edited_at=edited_at if edited_at is not None and edited_at != at else None,
        status=Status.PENDING if values.flag(found.get("is_pending")) else Status.APPROVED,
        text=text,
        syntax=syntax,
        score=values.number(found.get("vote_up")) - values.number(found.get("vote_down")),
        mended=tuple(mended),
    )
    is_open = not values.flag(found.get("page_admin_only"))
    return ThreadRecord(address, values.text(found.get("page_title")), is_open), comment


def _address(found: dict[str, Any]) -> str:
    """The page's key, with the site's first address before a path."""
    key = values.text(found["page_key"]) or "/"
    site = values.text(found.get("site_urls")).split(",")[0].strip().rstrip("/")
    return f"{site}{key}" if key.startswith("/") and site.startswith(("http://", "https://")) else key
