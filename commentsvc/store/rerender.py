"""Stored HTML and the renderers that made it: comments in order of id, and how many have HTML of an older renderer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select

from commentsvc.store import counters
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.sites import Site

# Up to this many comments are counted; of more, this many in evenly spread groups are, and the rest is estimated.
COUNTED_MAX = 10_000
GROUPS = 100


class StoredText(NamedTuple):
    """The columns of a comment that rendering needs."""

    id: int
    source: str
    html: str
    renderer: str


def texts_after(site: Site | None, comment_id: int, until_id: int, limit: int) -> Sequence[StoredText]:
    """The next comments after an id, up to `until_id`, of one site or (None) of all, in order of id."""
    query = select(Comment.id, Comment.source, Comment.html, Comment.renderer)
    query = query.where(*_on(site), Comment.id > comment_id, Comment.id <= until_id)
    rows = db.session.execute(query.order_by(Comment.id).limit(limit)).all()
    return [StoredText(*row) for row in rows]


def id_range(site: Site | None) -> tuple[int, int]:
    """The lowest and the highest id of a comment; (0, 0) when there is none."""
    query = select(Comment.id).where(*_on(site), Comment.id > 0).limit(1)
    lowest = db.session.scalar(query.order_by(Comment.id))
    highest = db.session.scalar(query.order_by(Comment.id.desc()))
    return lowest or 0, highest or 0


def count_of_others(site: Site | None, renderers: Collection[str]) -> int:
    """The number of comments with HTML of other renderers; an estimate when there are more than COUNTED_MAX ids.

    No index leads to them, because every post would pay for it: a sample of comments is read by id.
    """
    lowest, highest = id_range(site)
    span = highest - lowest + 1
    if not highest:
        return 0
    if span <= COUNTED_MAX:
        counted = select(func.count()).select_from(Comment).where(*_on(site), Comment.id.between(lowest, highest))
        return db.session.scalar(counted.where(Comment.renderer.not_in(renderers))) or 0
    read = others = 0
    for number in range(GROUPS):
        first = lowest + span * number // GROUPS
        query = select(Comment.renderer).where(*_on(site), Comment.id >= first).order_by(Comment.id)
        found = db.session.scalars(query.limit(COUNTED_MAX // GROUPS)).all()
        read += len(found)
        others += sum(name not in renderers for name in found)
    total = sum((counters.of_site(site) if site else counters.of_all()).values())
    return max(others, round(total * others / read)) if read else 0


def _on(site: Site | None) -> list[ColumnElement[bool]]:
    return [Comment.site_id == site.id] if site else []
