"""Votes: an account has one for each comment; a comment's score is the sum of its votes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, bindparam, func, select, update
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, UtcTime, db, insert_all
from commentsvc.store.threads import Thread


class Vote(Base):
    """A withdrawn vote stays with value 0, because the changes of a vote are limited."""

    __tablename__ = "vote"
    __table_args__ = (
        CheckConstraint("value IN (-1, 0, 1)", name="value"),
        Index("ix_vote_account_id_thread_id", "account_id", "thread_id"),
        Index("ix_vote_account_id_changed_at", "account_id", "changed_at"),
    )

    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"))
    value: Mapped[int] = mapped_column(Integer)
    changes: Mapped[int] = mapped_column(Integer)  # how often it was set without a pause
    changed_at: Mapped[datetime] = mapped_column(UtcTime)
    comment: Mapped[Comment] = relationship(lazy="raise_on_sql")


def find(comment: Comment, account: Account) -> Vote | None:
    return db.session.get(Vote, (comment.id, account.id), populate_existing=True)


def add(comment: Comment, account: Account, now: datetime) -> Vote:
    """Add a vote with value 0."""
    values = {"comment_id": comment.id, "account_id": account.id, "thread_id": comment.thread_id}
    vote = Vote(**values, value=0, changes=0, changed_at=now)
    db.session.add(vote)
    return vote


def cast_on(comment_ids: Sequence[int]) -> set[tuple[int, int]]:
    """The votes on these comments, as (comment id, account id)."""
    query = select(Vote.comment_id, Vote.account_id).where(Vote.comment_id.in_(comment_ids))
    return {(row.comment_id, row.account_id) for row in db.session.execute(query).all()}


def add_imported(rows: Sequence[dict[str, Any]]) -> None:
    """Add votes of an import, and their values to the scores; the caller holds the threads' locks."""
    insert_all(Vote, rows)
    table = Base.metadata.tables["comment"]
    change = update(table).where(table.c.id == bindparam("of")).values(score=table.c.score + bindparam("value"))
    changes = [{"of": row["comment_id"], "value": row["value"]} for row in rows if row["value"]]
    if changes:
        db.session.connection().execute(change, changes)


def score(comment: Comment, change: int) -> int:
    """Add `change` to a comment's score in the database; gives the new score."""
    changed = update(Comment).where(Comment.id == comment.id).values(score=Comment.score + change)
    return db.session.scalars(changed.returning(Comment.score)).one()


def changes_since(account: Account, since: datetime, now: datetime) -> int:
    query = select(func.coalesce(func.sum(Vote.changes), 0)).where(Vote.account_id == account.id)
    return db.session.scalar(query.where(Vote.changed_at > since, Vote.changed_at <= now)) or 0


def in_thread(account: Account, thread: Thread | None) -> dict[int, int]:
    """Values of an account's votes in a thread, by comment id; withdrawn votes are left out."""
    if thread is None:
        return {}
    query = select(Vote.comment_id, Vote.value).where(Vote.account_id == account.id, Vote.thread_id == thread.id)
    return dict(db.session.execute(query.where(Vote.value != 0)).all())


def of_account(account_id: int) -> Sequence[Vote]:
    """All votes of an account, withdrawn ones too, read again from the database, in order of comment id."""
    query = select(Vote).where(Vote.account_id == account_id).order_by(Vote.comment_id)
    query = query.options(joinedload(Vote.comment)).execution_options(populate_existing=True)
    return db.session.scalars(query).all()
