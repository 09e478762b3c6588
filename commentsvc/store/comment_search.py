"""Finds comments for moderators: those of their sites in one status and order, narrowed by a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Row, Select, SQLColumnExpression, func, select, text
from sqlalchemy.orm import joinedload

from commentsvc.core import search_query
from commentsvc.core.pagination import Cursor, Sort
from commentsvc.core.search_query import Search
from commentsvc.core.status import Status
from commentsvc.store import counters, pagination, search_index
from commentsvc.store.comments import FLAGGED, LINKED, Comment
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread, hash_of

# Read in order before the index is asked, and again while that pays: where many comments fit, a page is full by then,
# and the index would have to gather and sort them all.
FIRST_READ = 1_000
# To read a comment in order takes about as long as to gather so many by the index.
READ_IS_WORTH = {"sqlite": 10, "postgresql": 2}
# Signs alone are in no index; so many comments are looked through for them. And of those that hold all the words, so
# many for the ones that hold them as they were asked for.
SIGNS_READ = 5_000
HITS_READ = 5_000
SCORE_STEPS = 10_000  # the filter's opinions have four decimals
UNSCORED = -1
ROUND = 500
TEXTS: tuple[Any, ...] = (Comment.source, Comment.html, Comment.author_name, Comment.author_email)


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
class SearchPage:
    """`is_whole` is false where a search of signs, or of words often used and seldom side by side, stopped early."""

    comments: list[Comment]
    following: Cursor | None
    is_whole: bool = True


def page(wanted: Wanted, after: Cursor | None, limit: int) -> SearchPage:
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
    return SearchPage(_loaded(keys[:limit]), following, is_whole)


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
    """The list of one site, in order, as far as somebody asks; `limit` is how far that will be at most."""

    def __init__(self, wanted: Wanted, site: Site, after: Cursor | None, limit: int) -> None:
        self._wanted, self._site, self._after, self._limit = wanted, site, after, limit
        search = wanted.search
        self._looks_inside = bool(search.words or search.author or search.email)
        self.is_whole = True

    def keys(self) -> Iterator[_Key]:
        if not self._looks_inside:
            yield from map(self._key, self._walk(self._list(self._order), self._after, self._limit))
            return
        indexed = self._wanted.search.index_words(self._site.id)
        read, found, last = 0, 0, self._after
        most = FIRST_READ if indexed else SIGNS_READ
        for row in self._walk(self._list([*self._order, *TEXTS]), self._after, ROUND):
            if read == most:
                if not indexed or self._is_far(read, found):
                    break
                most += FIRST_READ
            read, last = read + 1, self._cursor(row)
            if self._fits(row):
                found += 1
                yield self._key(row)
        else:
            return
        if indexed:
            yield from self._by_index(indexed, last, max(HITS_READ, self._limit - found))
        else:
            self.is_whole = False

    def _is_far(self, read: int, found: int) -> bool:
        """Whether the rest is to be had sooner by the index.

        Where of `read` comments `found` fit, so will as many of those to come: that is how many others there are to
        read for the rest, and how many of the whole site the index would gather.
        """
        others = (self._limit - found) * (read - found)  # times 1 / found
        gathered = sum(counters.of_site(self._site).values()) * found  # times 1 / read
        return others * READ_IS_WORTH[db.engine.dialect.name] * read >= gathered * found

    def _by_index(self, indexed: list[str], after: Cursor | None, most: int) -> Iterator[_Key]:
        """Those behind `after`; of them only numbers and times are gathered and sorted, and texts read as needed."""
        query = self._list(self._order, is_gathered=True).where(search_index.is_hit(indexed))
        hits = list(islice(self._walk(query, after, most), most))
        for start in range(0, len(hits), ROUND):
            part = hits[start : start + ROUND]
            texts = _select([Comment.id, *TEXTS]).where(Comment.id.in_([row.id for row in part]))
            fitting = {row.id for row in db.session.execute(texts) if self._fits(row)}
            yield from (self._key(row) for row in part if row.id in fitting)
        self.is_whole = len(hits) < most

    def _walk(self, query: Select[Any], after: Cursor | None, size: int) -> Iterator[Row[Any]]:
        """The query's rows in the list's order, `size` at a time, from behind `after`."""
        for part in _parts(self._wanted, after):
            last = after
            while True:
                rows = db.session.execute(part(query, last).limit(size)).all()
                yield from rows
                if len(rows) < size:
                    break
                last = self._cursor(rows[-1])
            after = None

    def _key(self, row: Row[Any]) -> _Key:
        return _Key(row.id, row.created_at, self._cursor(row).score)

    def _cursor(self, row: Row[Any]) -> Cursor:
        is_scored = self._wanted.sort is Sort.TOP and row.spam_score is not None
        score = round(row.spam_score * SCORE_STEPS) if is_scored else UNSCORED
        return Cursor(self._wanted.sort, row.created_at, score, row.id)

    @property
    def _order(self) -> list[Any]:
        """The columns that an index of the list holds: with no other the table itself need not be read."""
        columns: list[Any] = [Comment.id, Comment.created_at]
        return [*columns, Comment.spam_score] if self._wanted.sort is Sort.TOP else columns

    def _list(self, columns: Sequence[Any], is_gathered: bool = False) -> Select[Any]:
        search = self._wanted.search
        # A sum, which is in no index: SQLite would walk the whole list and look for each comment among the gathered.
        of_site = Comment.site_id + 0 if is_gathered else Comment.site_id
        query = _select(columns).where(of_site == self._site.id, Comment.status == self._wanted.status)
        # Spelled out, not as parameters: only so does SQLite see that its partial indexes fit.
        if self._wanted.is_flagged:
            query = query.where(text(f"comment.{FLAGGED}"))
        if search.has_link and not is_gathered:
            query = query.where(text(LINKED[db.engine.dialect.name]))
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
        if search.has_link and not search_index.has_link(row.html):
            return False
        if search.author and search_query.fold(row.author_name) != search_query.fold(search.author):
            return False
        if search.email and (row.author_email or "").lower() != search.email:
            return False
        if not search.words:
            return True
        address = (row.author_email or "",) if self._wanted.with_addresses else ()
        return search_query.fits(search, (row.source, row.author_name, *address))


def _select(columns: Sequence[Any]) -> Select[Any]:
    query: Select[Any] = select(*columns)
    return query


_Part = Callable[[Select[Any], Cursor | None], Select[Any]]


def _parts(wanted: Wanted, after: Cursor | None) -> list[_Part]:
    """What a list consists of, in order, from behind `after`: each puts a query into its order, behind a cursor."""
    if wanted.sort is not Sort.TOP:
        return [partial(_by_time, is_rising=wanted.sort is Sort.OLDEST)]
    # A sum, which is in no index: the few that are reported are sorted, not looked for among all by their score.
    score: SQLColumnExpression[Any] = Comment.spam_score + 0 if wanted.is_flagged else Comment.spam_score
    unscored = partial(_unscored, score=score)
    return [unscored] if after and after.score == UNSCORED else [partial(_likely_spam, score=score), unscored]


def _by_time(query: Select[Any], after: Cursor | None, is_rising: bool) -> Select[Any]:
    place = (after.at, after.id) if after else None
    return pagination.read_on(query, (Comment.created_at, Comment.id), place, is_rising)


def _likely_spam(query: Select[Any], after: Cursor | None, score: SQLColumnExpression[Any]) -> Select[Any]:
    place = (after.score / SCORE_STEPS, after.id) if after else None
    return pagination.read_on(query.where(score.is_not(None)), (score, Comment.id), place, is_rising=False)


def _unscored(query: Select[Any], after: Cursor | None, score: SQLColumnExpression[Any]) -> Select[Any]:
    return _by_time(query.where(score.is_(None)), after, is_rising=False)


def _loaded(keys: Sequence[_Key]) -> list[Comment]:
    query = select(Comment).where(Comment.id.in_([key.id for key in keys]))
    query = query.options(joinedload(Comment.thread), joinedload(Comment.parent), joinedload(Comment.author))
    rows = {comment.id: comment for comment in db.session.scalars(query).unique()}
    return [rows[key.id] for key in keys if key.id in rows]
