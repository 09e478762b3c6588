"""Signals: the queries for a verdict about earlier comments of the same author, network, site or text."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, select

from commentsvc.core.status import Status
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.sites import Site


def times_by_author(author_id: int, since: datetime, now: datetime, most: int) -> list[datetime]:
    """Times of the author's comments between `since` and `now`, the newest first, at most `most` of them.

    Later times are left out: after the clock was set back, comments with a time in the future must block nobody.
    """
    query = select(Comment.created_at).where(Comment.author_id == author_id)
    query = query.where(Comment.created_at > since, Comment.created_at <= now)
    return list(db.session.scalars(query.order_by(Comment.created_at.desc()).limit(most)))


def times_from_network(
    site: Site, network: str, since: datetime, now: datetime, most: int
) -> list[tuple[datetime, str]]:
    """Times and IP addresses of a network's comments on a site, selected like `times_by_author`."""
    if not network:
        return []
    query = select(Comment.created_at, Comment.ip).where(Comment.site_id == site.id, Comment.network == network)
    query = query.where(Comment.created_at > since, Comment.created_at <= now)
    rows = db.session.execute(query.order_by(Comment.created_at.desc()).limit(most)).all()
    return [(created_at, ip) for created_at, ip in rows]


def is_busy(where: ColumnElement[bool], since: datetime, now: datetime, most: int) -> bool:
    """Whether `most` comments were written since then in a site or thread (`where`).

    Reads the time of the comment number `most` from the end, so that nothing is counted.
    """
    query = select(Comment.created_at).where(where).order_by(Comment.id.desc())
    nth_newest = db.session.scalar(query.offset(most - 1).limit(1))
    return nth_newest is not None and since < nth_newest <= now


def count_refused(author_id: int, since: datetime, most: int) -> int:
    """The number of the author's comments since then that were rejected or marked as spam, counted up to `most`."""
    query = select(Comment.id).where(Comment.author_id == author_id, Comment.created_at > since)
    query = query.where(Comment.status.in_([Status.REJECTED, Status.SPAM])).limit(most)
    return len(db.session.scalars(query).all())


def sources_like_sketch(site: Site, sketch: tuple[int, int], since: datetime, most: int) -> list[str]:
    """Sources of the newest comments since then that share one of the two numbers of `sketch`, `most` for each number.

    Comments with nearly the same text share a number; see core/similarity.py.
    """
    found: dict[int, str] = {}
    for column, value in zip((Comment.sketch_1, Comment.sketch_2), sketch, strict=True):
        query = select(Comment.id, Comment.source).where(Comment.site_id == site.id, column == value)
        query = query.where(Comment.created_at > since, Comment.status != Status.DELETED)
        found.update(
            (number, source)
            for number, source in db.session.execute(query.order_by(Comment.id.desc()).limit(most)).all()
        )
    return list(found.values())


class DuplicateKey(NamedTuple):
    """Two comments with the same key are duplicates."""

    thread_id: int
    parent_id: int | None
    author_id: int
    text_hash: bytes


def duplicates(keys: Collection[DuplicateKey]) -> set[DuplicateKey]:
    """The subset of `keys` that an existing comment has which is not deleted."""
    query = select(Comment.thread_id, Comment.parent_id, Comment.author_id, Comment.text_hash)
    query = query.where(Comment.thread_id.in_({key.thread_id for key in keys}), Comment.status != Status.DELETED)
    query = query.where(Comment.text_hash.in_({key.text_hash for key in keys}))
    earlier = {
        DuplicateKey(thread, parent, author, bytes(text_hash))
        for thread, parent, author, text_hash in db.session.execute(query)
    }
    return earlier.intersection(keys)
