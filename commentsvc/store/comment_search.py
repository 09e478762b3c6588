"""Comment search: the lists of moderators, by site, status and order, with an optional search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice, product
from typing import Any

from sqlalchemy import Row, Select, SQLColumnExpression, func, select, text
from sqlalchemy.orm import joinedload

from commentsvc.core import search_query
from commentsvc.core.pagination import Cursor, Sort
from commentsvc.core.search_query import Search
from commentsvc.core.status import Status
from commentsvc.store import counters, pagination, search_index, threads
from commentsvc.store.comments import FLAGGED, LINKED, Comment
from commentsvc.store.db import db
from commentsvc.store.sites import Site

# Comments to read in order before the index is used, and again while that is cheaper: where many comments match, a page
# is full by then, and the index would have to collect and sort all matches.
FIRST_READ = 1_000
# Reading one comment in order takes about as long as collecting this many matches by the index.
READ_IS_WORTH = {"sqlite": 10, "postgresql": 2}
SIGNS_READ = 5_000  # comments to read for a search of signs alone, which no index holds
HITS_READ = 5_000  # matches of all words to check for their order and spelling
SCORE_STEPS = 10_000  # spam scores have four decimals
UNSCORED = -1
ROUND = 500
TEXTS: tuple[Any, ...] = (Comment.source, Comment.html, Comment.author_name, Comment.author_email)
ANY_COMMENT = Search()
NO_THREAD = 0  # the id of no row


@dataclass(frozen=True)
class Wanted:
    """A list of comments: sites, a status and an order; `until_id` leaves out later comments.

    A search over any status takes the place of the list's own.

    `with_addresses` searches e-mail addresses too; False for a moderator who may not see them.
    """

    sites: Sequence[Site]
    status: Status
    sort: Sort = Sort.NEWEST
    search: Search = ANY_COMMENT
    with_addresses: bool = True
    until_id: int | None = None
    is_flagged: bool = False  # only those with open reports

    @property
    def statuses(self) -> tuple[Status, ...]:
        return tuple(Status) if self.search.is_any_status else (self.status,)


@dataclass(frozen=True)
class SearchPage:
    """`is_whole` is false when the search stopped at SIGNS_READ or HITS_READ, so that matches may be missing."""

    comments: list[Comment]
    following: Cursor | None
    is_whole: bool = True


def page(wanted: Wanted, after: Cursor | None, limit: int) -> SearchPage:
    """A page of the list with parents, threads and authors loaded."""
    keys: list[_Key] = []
    is_whole = True
    for site, status in product(wanted.sites, wanted.statuses):
        reader = _Reader(wanted, site, status, after, limit + 1)
        keys += islice(reader.keys(), limit + 1)
        is_whole = is_whole and reader.is_whole
    keys = sorted(keys, key=_order(wanted.sort))
    last = keys[limit - 1] if len(keys) > limit else None
    following = Cursor(wanted.sort, last.at, last.score, last.id) if last else None
    return SearchPage(_loaded(keys[:limit]), following, is_whole)


def ids(wanted: Wanted, limit: int) -> list[int]:
    """Ids of the first `limit` comments of the list."""
    found: list[int] = []
    for site, status in product(wanted.sites, wanted.statuses):
        reader = _Reader(wanted, site, status, None, limit - len(found))
        found += [key.id for key in islice(reader.keys(), limit - len(found))]
    return found


def arrived_since(sites: Sequence[Site], status: Status, comment_id: int, limit: int) -> int:
    """The number of comments with a later id and this status, counted up to `limit`."""
    query = select(Comment.id).where(Comment.site_id.in_([site.id for site in sites]), Comment.id > comment_id)
    query = query.where(Comment.status == status).limit(limit)
    return db.session.scalar(select(func.count()).select_from(query.subquery())) or 0


def newest_id(sites: Sequence[Site]) -> int:
    """Id of the newest comment of the sites, in any status; 0 when there is none."""
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
    """In Sort.TOP the highest spam scores come first, then comments without a score, the newest first."""
    if sort is Sort.TOP:
        return lambda key: (-key.score, 0.0 if key.score >= 0 else -key.at.timestamp(), -key.id)
    sign = 1 if sort is Sort.OLDEST else -1
    return lambda key: (sign * key.at.timestamp(), 0.0, sign * key.id)


class _Reader:
    """Reads one list of one site in order, as far as the caller iterates, which is at most `limit` comments."""

    def __init__(self, wanted: Wanted, site: Site, status: Status, after: Cursor | None, limit: int) -> None:
        self._wanted, self._site, self._status, self._after, self._limit = wanted, site, status, after, limit
        search = wanted.search
        self._reads_texts = bool(search.words or search.author or search.email)
        self.is_whole = True

    def keys(self) -> Iterator[_Key]:
        if not self._reads_texts:
            yield from map(self._key, self._walk(self._list(self._order), self._after, self._limit))
            return
        indexed = self._wanted.search.index_words(self._site.id)
        read, found, last = 0, 0, self._after
        most = FIRST_READ if indexed else SIGNS_READ
        for row in self._walk(self._list([*self._order, *TEXTS]), self._after, ROUND):
            if read == most:
                if not indexed or self._is_index_cheaper(read, found):
                    break
                most += FIRST_READ
            read, last = read + 1, self._cursor(row)
            if self._matches(row):
                found += 1
                yield self._key(row)
        else:
            return
        if indexed:
            yield from self._by_index(indexed, last, max(HITS_READ, self._limit - found))
        else:
            self.is_whole = False

    def _is_index_cheaper(self, read: int, found: int) -> bool:
        """Whether collecting the remaining matches by the index is cheaper than reading on in order.

        Assumes that `found` of every `read` comments match. That gives the number of other comments to read before the
        page is full, and the number of matches in the whole site that the index would collect.
        """
        others_to_read = (self._limit - found) * (read - found)  # times 1 / found
        site_matches = sum(counters.of_site(self._site).values()) * found  # times 1 / read
        return others_to_read * READ_IS_WORTH[db.engine.dialect.name] * read >= site_matches * found

    def _by_index(self, indexed: list[str], after: Cursor | None, most: int) -> Iterator[_Key]:
        """Matches after the cursor. Collects and sorts only ids and times, and reads texts in parts as needed."""
        query = self._list(self._order, by_index=True).where(search_index.is_hit(indexed))
        hits = list(islice(self._walk(query, after, most), most))
        for start in range(0, len(hits), ROUND):
            part = hits[start : start + ROUND]
            texts = _select([Comment.id, *TEXTS]).where(Comment.id.in_([row.id for row in part]))
            matching = {row.id for row in db.session.execute(texts) if self._matches(row)}
            yield from (self._key(row) for row in part if row.id in matching)
        self.is_whole = len(hits) < most

    def _walk(self, query: Select[Any], after: Cursor | None, size: int) -> Iterator[Row[Any]]:
        """Rows of the query in the list's order, after the cursor; reads `size` rows at a time."""
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
        """Columns that the index of the list has, so that the database need not read the table."""
        columns: list[Any] = [Comment.id, Comment.created_at]
        return [*columns, Comment.spam_score] if self._wanted.sort is Sort.TOP else columns

    def _list(self, columns: Sequence[Any], by_index: bool = False) -> Select[Any]:
        search = self._wanted.search
        # `site_id + 0` keeps SQLite from the site_id index, with which it would scan the whole list for the matches.
        of_site = Comment.site_id + 0 if by_index else Comment.site_id
        query = _select(columns).where(of_site == self._site.id, Comment.status == self._status)
        # As literals, not parameters: SQLite uses a partial index only if the query has the same condition as text.
        if search.comment_id is not None:
            return query.where(Comment.id == search.comment_id)
        if self._wanted.is_flagged:
            query = query.where(text(f"comment.{FLAGGED}"))
        if search.has_link and not by_index:
            query = query.where(text(LINKED[db.engine.dialect.name]))
        if self._wanted.until_id is not None:
            query = query.where(Comment.id <= self._wanted.until_id)
        if search.ip:
            query = query.where(Comment.ip == search.ip)
        if search.thread:
            thread = threads.find(self._site, threads.key_for(self._site, search.thread))
            query = query.where(Comment.thread_id == (thread.id if thread else NO_THREAD))
        if search.after:
            query = query.where(Comment.created_at >= search.after)
        if search.before:
            query = query.where(Comment.created_at < search.before)
        return query

    def _matches(self, row: Row[Any]) -> bool:
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
    """The parts of a list after the cursor, in order: each function sorts a query and starts it after a cursor."""
    if wanted.sort is not Sort.TOP:
        return [partial(_by_time, is_rising=wanted.sort is Sort.OLDEST)]
    # `spam_score + 0` disables the score index: sorting the few reported comments is cheaper than scanning all scores.
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
