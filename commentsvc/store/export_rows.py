"""Reads all rows of a site in batches, in a fixed order, for exports; the caller opens a transaction of one moment.

Batches are rows of tables and not objects, so that a site of any size is read in constant memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, Select, func, select, union

from commentsvc.store.accounts import Account
from commentsvc.store.appeals import Appeal
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, db
from commentsvc.store.decisions import Decision
from commentsvc.store.identities import Identity
from commentsvc.store.memberships import Membership
from commentsvc.store.reports import Report
from commentsvc.store.revisions import Revision
from commentsvc.store.rules import Rule
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.uids import Named
from commentsvc.store.votes import Vote

BATCH = 500
Rows = Sequence[Row[Any]]


def of_site(model: type[Any], site: Site) -> Iterator[Rows]:
    """All rows of a table that has `site_id`, in order of id."""
    table = model.__table__
    query = select(table).where(table.c.site_id == site.id)
    return _by_id(query, table.c.id)


def _by_id(query: Select[Any], number: Any) -> Iterator[Rows]:
    last = 0
    while batch := db.session.execute(query.where(number > last).order_by(number).limit(BATCH)).all():
        yield batch
        last = batch[-1].id


def authors(site: Site) -> Iterator[Rows]:
    return of_site(Author, site)


def threads(site: Site) -> Iterator[Rows]:
    return of_site(Thread, site)


def comments(site: Site) -> Iterator[Rows]:
    return of_site(Comment, site)


def comments_of_thread(thread_id: int) -> Iterator[Rows]:
    table = Comment.__table__
    return _by_id(select(table).where(table.c.thread_id == thread_id), table.c.id)


def threads_with_early_replies(site: Site) -> set[int]:
    """Ids of threads where a comment has a lower id than its parent."""
    query = select(Comment.thread_id).where(Comment.site_id == site.id, Comment.parent_id > Comment.id)
    return set(db.session.scalars(query.distinct()))


def parents_in(thread_id: int) -> dict[int, int | None]:
    """The parent's id of each comment of a thread, by its id and in order of it."""
    query = select(Comment.id, Comment.parent_id).where(Comment.thread_id == thread_id).order_by(Comment.id)
    return {row.id: row.parent_id for row in db.session.execute(query)}


def comment_names(site: Site) -> Iterator[Rows]:
    """Ids and uids of a site's comments."""
    table = Comment.__table__
    return _by_id(select(table.c.id, table.c.uid).where(table.c.site_id == site.id), table.c.id)


def counts(site: Site) -> dict[str, int]:
    """The number of an export's lines by type."""

    def count(query: Select[Any]) -> int:
        return db.session.scalar(select(func.count()).select_from(query.subquery())) or 0

    own = {"rule": Rule, "thread": Thread, "comment": Comment, "decision": Decision, "member": Membership}
    tables = {name: Base.metadata.tables[model.__tablename__] for name, model in own.items()}
    found = {name: count(select(table.c.id).where(table.c.site_id == site.id)) for name, table in tables.items()}
    authors = count(select(Author.id).where(Author.site_id == site.id)) + count(_without_author(site))
    on_site = select(Comment.id).where(Comment.site_id == site.id)
    found["report"] = count(select(Report.id).where(Report.comment_id.in_(on_site)))
    found["vote"] = count(select(Vote.account_id).where(Vote.comment_id.in_(on_site)))
    return {"site": 1, "author": authors, **found}


def decisions(site: Site) -> Iterator[Rows]:
    return of_site(Decision, site)


def accounts_without_author(site: Site) -> Iterator[Rows]:
    """Accounts that have decided, voted, reported or have a role on the site, and have not written there."""
    return _by_id(_without_author(site), Account.__table__.c.id)


def _without_author(site: Site) -> Select[Any]:
    named = union(
        select(Membership.account_id).where(Membership.site_id == site.id),
        select(Decision.by_account_id).where(Decision.site_id == site.id, Decision.by_account_id.is_not(None)),
        select(Report.account_id).where(Report.site_id == site.id, Report.account_id.is_not(None)),
        select(Vote.account_id).join(Comment, Comment.id == Vote.comment_id).where(Comment.site_id == site.id),
        select(Appeal.answered_by_id).where(Appeal.site_id == site.id, Appeal.answered_by_id.is_not(None)),
        select(Appeal.against_account_id).where(Appeal.site_id == site.id, Appeal.against_account_id.is_not(None)),
    ).subquery()
    has_author = select(Author.id).where(Author.site_id == site.id, Author.account_id == Account.id).exists()
    table = Account.__table__
    return select(table).where(table.c.id.in_(select(named)), ~has_author)


def accounts(ids: Sequence[int]) -> dict[int, Row[Any]]:
    table = Account.__table__
    return {row.id: row for row in db.session.execute(select(table).where(table.c.id.in_(ids))).all()}


def identities(account_ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """Identities by account id, in a fixed order."""
    table = Identity.__table__
    query = select(table).where(table.c.account_id.in_(account_ids)).order_by(table.c.provider, table.c.subject)
    return _grouped(query, "account_id")


def members(site: Site) -> Rows:
    table = Membership.__table__
    return db.session.execute(select(table).where(table.c.site_id == site.id)).all()


def reports(comment_ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    table = Report.__table__
    return _grouped(select(table).where(table.c.comment_id.in_(comment_ids)).order_by(table.c.id), "comment_id")


def votes(comment_ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    table = Vote.__table__
    return _grouped(select(table).where(table.c.comment_id.in_(comment_ids)), "comment_id")


def revisions(comment_ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    table = Revision.__table__
    return _grouped(select(table).where(table.c.comment_id.in_(comment_ids)).order_by(table.c.id), "comment_id")


def appeals(comment_ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    table = Appeal.__table__
    return _grouped(select(table).where(table.c.comment_id.in_(comment_ids)), "comment_id")


def _grouped(query: Select[Any], column: str) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = {}
    for row in db.session.execute(query).all():
        found.setdefault(getattr(row, column), []).append(row)
    return found


def uids_of(model: Named, ids: Sequence[int]) -> Rows:
    """The ids and uids of rows, to name those that other rows refer to."""
    table = Base.metadata.tables[model.__tablename__]
    return _all(select(table.c.id, table.c.uid).where(table.c.id.in_(ids)))


def _all(query: Select[Any]) -> Rows:
    return db.session.execute(query).all()


def thread_keys(ids: Sequence[int]) -> dict[int, str]:
    return {row.id: row.key for row in db.session.execute(select(Thread.id, Thread.key).where(Thread.id.in_(ids)))}
