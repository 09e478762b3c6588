"""Own comments: the comments of an account, as their author sees them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import joinedload

from commentsvc.core.status import Status
from commentsvc.store import threads
from commentsvc.store.accounts import Account
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread


def ids_of_account(account_id: int) -> Sequence[int]:
    """Ids of all comments of an account, in order."""
    query = select(Comment.id).join(Author, Author.id == Comment.author_id).where(Author.account_id == account_id)
    return db.session.scalars(query.order_by(Comment.id)).all()


def of_account(account_id: int, limit: int | None = None) -> Sequence[Comment]:
    """Comments of an account with their threads, the newest first; all of them when there is no limit."""
    query = select(Comment).join(Author, Author.id == Comment.author_id).where(Author.account_id == account_id)
    query = query.order_by(Comment.id.desc()).limit(limit)
    return db.session.scalars(query.options(joinedload(Comment.thread))).all()


def pending_in(site: Site, key: str, account: Account) -> Sequence[Comment]:
    """The account's comments in a thread that only their author sees: pending ones, and those of a shadow ban."""
    thread = threads.find(site, key)
    if thread is None:
        return []
    query = select(Comment).where(*_is_by(account, thread), or_(Comment.status == Status.PENDING, Comment.is_shadowed))
    return db.session.scalars(query.where(Comment.status != Status.DELETED)).all()


def editable_ids_in(thread: Thread, account: Account, since: datetime) -> Sequence[int]:
    """Ids of the account's approved and pending comments in a thread since then."""
    query = select(Comment.id).where(*_is_by(account, thread), Comment.created_at > since)
    return db.session.scalars(query.where(Comment.status.in_([Status.APPROVED, Status.PENDING]))).all()


def _is_by(account: Account, thread: Thread) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    author = select(Author.id).where(Author.site_id == thread.site_id, Author.account_id == account.id)
    # `thread_id + 0` disables the thread index: an author has fewer comments than a thread.
    return Comment.author_id == author.scalar_subquery(), Comment.thread_id + 0 == thread.id
