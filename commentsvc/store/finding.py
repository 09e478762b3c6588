"""Finds comments for moderators: those of their sites in one status and order, narrowed by a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, text
from sqlalchemy.orm import joinedload

from commentsvc.core import searching
from commentsvc.core.pages import Cursor, Sort
from commentsvc.core.searching import Search
from commentsvc.core.status import Status
from commentsvc.store import words
from commentsvc.store.comments import FLAGGED, Comment
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread, hash_of

# Read in order before the index is asked: where many comments fit, a page is full by then, and the index would have
# to gather and sort them all.
FIRST_READ = 1_000
# Signs alone are in no index; so many comments are looked through for them.
SIGNS_READ = 5_000
ROUND = 500


@dataclass(frozen=True)
class Wanted:
    """Which list: sites, a status, an order; `until_id` leaves out what came later.

    `with_addresses` is whether words are looked for in addresses too: who may not see one must not guess one.
    """

    sites: Sequence[Site]
    status: Status
    sort: Sort = Sort.NEWEST
    search: Search = Search()
    with_addresses: bool = True
    until_id: int | None = None
    is_flagged: bool = False  # only those with open reports


@dataclass(frozen=True)
class Found:
    """`is_whole` is false where a search of signs alone stopped before the end."""

    comments: list[Comment]
    following: Cursor | None
    is_whole: bool = True


def page(wanted: Wanted, after: Cursor | None, limit: int) -> Found:
    """A page of the list with parents, threads and authors loaded; and where the next page begins."""
    keys: list[_Key] = []
    is_whole = True
    for site in wanted.sites:
        reader = _Reader(wanted, site, after, limit + 1)
        keys += islice(reader.keys(), limit + 1)
        is_whole = is_whole and reader.is_whole
    keys = sorted(keys, key=_order(wanted.sort))
    last = keys[limit - 1] if len(keys) > limit else None
    following = Cursor(wanted.sort, last.at, last.score, last.id) if last else None
    return Found(_loaded(keys[:limit]), following, is_whole)


def ids(wanted: Wanted, limit: int) -> list[int]:
    """The first `limit` of the list, as numbers."""
    found: list[int] = []
    for site in wanted.sites:
        reader = _Reader(wanted, site, None, limit - len(found))
        found += [key.id for key in islice(reader.keys(), limit - len(found))]
    return found


def arrived_since(sites: Sequence[Site], status: Status, comment_id: int, limit: int) -> int:
    """How many came after this one and are in the status now, counted up to `limit`."""
    query = select(Comment.id).where(Comment.site_id.in_([site.id for site in sites]), Comment.id > comment_id)
    query = query.where(Comment.status == status).limit(limit)
    return db.session.scalar(select(func.count()).select_from(query.subquery())) or 0


def newest_id(sites: Sequence[Site]) -> int:
    """The number of the newest comment of the sites, in any status; 0 when there is none."""
    newest = [
        db.session.scalar(select(Comment.id).where(Comment.site_id == site.id).order_by(Comment.id.desc()).limit(1))
        for site in sites
    ]
    return max((number for number in newest if number is not None), default=0)


@dataclass(frozen=True)
class _Key:
    id: int
    at: datetime
    score: int


def _order(sort: Sort) -> Callable[[_Key], tuple[float, int]]:
    sign = 1 if sort is Sort.OLDEST else -1
    return lambda key: (sign * key.at.timestamp(), sign * key.id)


class _Reader:
    """The list of one site, in order."""

    def __init__(self, wanted: Wanted, site: Site, after: Cursor | None, limit: int) -> None:
        self._wanted, self._site, self._after = wanted, site, after
        search = wanted.search
        self._looks_inside = bool(search.words or search.author or search.email or search.has_link)
        self._round_size = ROUND if self._looks_inside else limit
        self.is_whole = True

    def keys(self) -> Iterator[_Key]:
        """All that fit, read as far as somebody asks."""
        search = self._wanted.search
        indexed = search.index_words(self._site.id)
        read_max = (FIRST_READ if indexed else SIGNS_READ) if self._looks_inside else None
        read = 0
        last = self._after
        while read_max is None or read < read_max:
            rows = self._round(self._in_order(), last)
            for row in rows:
                last = Cursor(self._wanted.sort, row.created_at, row.score, row.id)
                if self._fits(row):
                    yield _Key(row.id, row.created_at, row.score)
            read += len(rows)
            if len(rows) < self._round_size:
                return
        if not indexed:
            self.is_whole = False
            return
        hits = words.hits(indexed)
        query = self._in_order().join(hits, hits.c.comment_id == Comment.id)
        while rows := self._round(query, last):
            for row in rows:
                last = Cursor(self._wanted.sort, row.created_at, row.score, row.id)
                if self._fits(row):
                    yield _Key(row.id, row.created_at, row.score)
            if len(rows) < self._round_size:
                return

    def _round(self, query: Select[Any], after: Cursor | None) -> Sequence[Row[Any]]:
        return db.session.execute(_keyset(query, self._wanted.sort, after).limit(self._round_size)).all()

    def _in_order(self) -> Select[Any]:
        search = self._wanted.search
        columns: list[Any] = [Comment.id, Comment.created_at, Comment.score]
        if self._looks_inside:
            columns += [Comment.source, Comment.html, Comment.author_name, Comment.author_email]
        query = _select(columns).where(Comment.site_id == self._site.id, Comment.status == self._wanted.status)
        if self._wanted.is_flagged:
            # Spelled out, not as a parameter: only so does SQLite see that its partial index fits.
            query = query.where(text(f"comment.{FLAGGED}"))
        if self._wanted.until_id is not None:
            query = query.where(Comment.id <= self._wanted.until_id)
        if search.ip:
            query = query.where(Comment.ip == search.ip)
        if search.thread:
            thread = select(Thread.id).where(Thread.site_id == self._site.id)
            thread_id = thread.where(Thread.key_hash == hash_of(search.thread)).scalar_subquery()
            query = query.where(Comment.thread_id == thread_id)
        if search.after:
            query = query.where(Comment.created_at >= search.after)
        if search.before:
            query = query.where(Comment.created_at < search.before)
        return query

    def _fits(self, row: Row[Any]) -> bool:
        search = self._wanted.search
        if search.has_link and not words.has_link(row.html):
            return False
        if search.author and searching.fold(row.author_name) != searching.fold(search.author):
            return False
        if search.email and (row.author_email or "").lower() != search.email:
            return False
        if not search.words:
            return True
        address = (row.author_email or "",) if self._wanted.with_addresses else ()
        return searching.fits(search, (row.source, row.author_name, *address))


def _select(columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    query: Select[Any] = Select(*columns)
    return query


def _keyset(query: Select[Any], sort: Sort, after: Cursor | None) -> Select[Any]:
    time, number = Comment.created_at, Comment.id
    if sort is Sort.OLDEST:
        if after:
            query = query.where(or_(time > after.at, and_(time == after.at, number > after.id)))
        return query.order_by(time, number)
    if after:
        query = query.where(or_(time < after.at, and_(time == after.at, number < after.id)))
    return query.order_by(time.desc(), number.desc())


def _loaded(keys: Sequence[_Key]) -> list[Comment]:
    query = select(Comment).where(Comment.id.in_([key.id for key in keys]))
    query = query.options(joinedload(Comment.thread), joinedload(Comment.parent), joinedload(Comment.author))
    rows = {comment.id: comment for comment in db.session.scalars(query).unique()}
    return [rows[key.id] for key in keys if key.id in rows]
