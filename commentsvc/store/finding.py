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
SCORE_STEPS = 10_000  # the filter's opinions have four decimals
UNSCORED = -1
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


def _order(sort: Sort) -> Callable[[_Key], tuple[float, float, int]]:
    """In Sort.TOP the likeliest spam comes first, then, the newest first, what the filter has no opinion of."""
    if sort is Sort.TOP:
        return lambda key: (-key.score, 0.0 if key.score >= 0 else -key.at.timestamp(), -key.id)
    sign = 1 if sort is Sort.OLDEST else -1
    return lambda key: (sign * key.at.timestamp(), 0.0, sign * key.id)


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
        indexed = self._wanted.search.index_words(self._site.id)
        read_max = (FIRST_READ if indexed else SIGNS_READ) if self._looks_inside else None
        read, last = 0, self._after
        for row in self._walk(self._in_order(), self._after):
            if read == read_max:
                break
            read, last = read + 1, self._cursor(row)
            if self._fits(row):
                yield _Key(row.id, row.created_at, last.score)
        else:
            return
        if not indexed:
            self.is_whole = False
            return
        hits = words.hits(indexed)
        for row in self._walk(self._in_order().join(hits, hits.c.comment_id == Comment.id), last):
            if self._fits(row):
                yield _Key(row.id, row.created_at, self._cursor(row).score)

    def _walk(self, query: Select[Any], after: Cursor | None) -> Iterator[Row[Any]]:
        """The query's rows in the list's order, some at a time, from behind `after`."""
        for part in _parts(self._wanted.sort, after):
            last = after
            while True:
                rows = db.session.execute(part(query, last).limit(self._round_size)).all()
                yield from rows
                if len(rows) < self._round_size:
                    break
                last = self._cursor(rows[-1])
            after = None

    def _cursor(self, row: Row[Any]) -> Cursor:
        is_scored = self._wanted.sort is Sort.TOP and row.spam_score is not None
        score = round(row.spam_score * SCORE_STEPS) if is_scored else UNSCORED
        return Cursor(self._wanted.sort, row.created_at, score, row.id)

    def _in_order(self) -> Select[Any]:
        search = self._wanted.search
        columns: list[Any] = [Comment.id, Comment.created_at, Comment.spam_score]
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


_Part = Callable[[Select[Any], Cursor | None], Select[Any]]


def _parts(sort: Sort, after: Cursor | None) -> list[_Part]:
    """What a list consists of, in order, from behind `after`: each puts a query into its order, behind a cursor."""
    if sort is Sort.OLDEST:
        return [_by_age]
    if sort is Sort.NEWEST:
        return [_newest]
    return [_unscored] if after and after.score == UNSCORED else [_likely_spam, _unscored]


def _by_age(query: Select[Any], after: Cursor | None) -> Select[Any]:
    time, number = Comment.created_at, Comment.id
    if after:
        query = query.where(or_(time > after.at, and_(time == after.at, number > after.id)))
    return query.order_by(time, number)


def _newest(query: Select[Any], after: Cursor | None) -> Select[Any]:
    time, number = Comment.created_at, Comment.id
    if after:
        query = query.where(or_(time < after.at, and_(time == after.at, number < after.id)))
    return query.order_by(time.desc(), number.desc())


def _likely_spam(query: Select[Any], after: Cursor | None) -> Select[Any]:
    score, number = Comment.spam_score, Comment.id
    query = query.where(score.is_not(None))
    if after:
        least = after.score / SCORE_STEPS
        query = query.where(or_(score < least, and_(score == least, number < after.id)))
    return query.order_by(score.desc(), number.desc())


def _unscored(query: Select[Any], after: Cursor | None) -> Select[Any]:
    return _newest(query.where(Comment.spam_score.is_(None)), after)


def _loaded(keys: Sequence[_Key]) -> list[Comment]:
    query = select(Comment).where(Comment.id.in_([key.id for key in keys]))
    query = query.options(joinedload(Comment.thread), joinedload(Comment.parent), joinedload(Comment.author))
    rows = {comment.id: comment for comment in db.session.scalars(query).unique()}
    return [rows[key.id] for key in keys if key.id in rows]
