"""Appeals: an author asks once for a second decision on a rejected comment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, Index, Select, Text, func, or_, select, text, update
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, UtcTime, db, insert_all
from commentsvc.store.decisions import Decision
from commentsvc.store.sites import Site

TEXT_MAX = 1000
OPEN = "answered_at IS NULL"


class Appeal(Base):
    __tablename__ = "appeal"
    __table_args__ = (Index("ix_appeal_open", "site_id", "id", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), unique=True)  # a comment has at most one, ever
    text: Mapped[str] = mapped_column(Text)
    against_account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # None: a rule had decided
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcTime)
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    # The decision that answered it; None when it was upheld. No foreign key: SQLite adds none to an existing table.
    decision_id: Mapped[int | None] = mapped_column(Id)
    comment: Mapped[Comment] = relationship(lazy="select")
    against: Mapped[Account | None] = relationship(foreign_keys=[against_account_id], lazy="joined")


def add(comment: Comment, words: str, against_account_id: int | None, now: datetime) -> None:
    """Add an appeal; the caller has checked that there is none yet, and commits."""
    values = {"text": words, "against_account_id": against_account_id, "created_at": now}
    db.session.add(Appeal(site_id=comment.site_id, comment_id=comment.id, **values))


def add_imported(
    comment: Comment,
    words: str,
    created_at: datetime,
    answered_at: datetime | None,
    against_account_id: int | None,
    answered_by_id: int | None,
) -> None:
    """Add an appeal of an import; its decision comes later (answer_imported)."""
    values = {"text": words, "created_at": created_at, "answered_at": answered_at, "answered_by_id": answered_by_id}
    ids = {"site_id": comment.site_id, "comment_id": comment.id, "against_account_id": against_account_id}
    insert_all(Appeal, [{**ids, **values}])


def answer_imported(answers: Mapping[int, int]) -> None:
    """Set the decisions, by comment id, that answered imported appeals."""
    for comment_id, decision_id in answers.items():
        db.session.execute(update(Appeal).where(Appeal.comment_id == comment_id).values(decision_id=decision_id))


def of_comments(comment_ids: Iterable[int]) -> dict[int, Appeal]:
    query = select(Appeal).where(Appeal.comment_id.in_(list(comment_ids)))
    return {appeal.comment_id: appeal for appeal in db.session.scalars(query)}


def open_for(site: Site, account: Account, has_others: bool) -> Sequence[Appeal]:
    """Open appeals that this moderator may decide, oldest first, at most 100.

    `has_others`: the site has other moderators, so appeals against this moderator's own decisions are left out.
    """
    query = _open(site, account, has_others).order_by(Appeal.id).limit(100)
    loads = (joinedload(Appeal.comment).joinedload(getattr(Comment, name)) for name in ("thread", "parent", "author"))
    return db.session.scalars(query.options(*loads)).unique().all()


def count_open(site: Site, account: Account, has_others: bool) -> int:
    return db.session.scalar(select(func.count()).select_from(_open(site, account, has_others).subquery())) or 0


def _open(site: Site, account: Account, has_others: bool) -> Select[Appeal]:
    query = select(Appeal).where(Appeal.site_id == site.id, text(OPEN))
    if has_others:
        query = query.where(or_(Appeal.against_account_id.is_(None), Appeal.against_account_id != account.id))
    return query


def uphold(comment_id: int, by: Account, now: datetime) -> None:
    """Answer the open appeal of a comment and keep its status; the caller commits."""
    answered = update(Appeal).where(Appeal.comment_id == comment_id, Appeal.answered_at.is_(None))
    db.session.execute(answered.values(answered_at=now, answered_by_id=by.id, decision_id=None))


def answer_all(made: Iterable[Decision]) -> None:
    """Mark the open appeals of comments as answered by decisions; these are flushed, and the caller commits."""
    by_comment = {decision.comment_id: decision for decision in made}
    query = select(Appeal.comment_id).where(Appeal.comment_id.in_(list(by_comment)), Appeal.answered_at.is_(None))
    for comment_id in db.session.scalars(query.order_by(Appeal.comment_id)).all():
        decision = by_comment[comment_id]
        answered = update(Appeal).where(Appeal.comment_id == comment_id, Appeal.answered_at.is_(None))
        values = {"answered_at": decision.created_at, "answered_by_id": decision.by_account_id}
        db.session.execute(answered.values(**values, decision_id=decision.id))


def reopen(undone_ids: Iterable[int]) -> set[int]:
    """Open the appeals again that undone decisions had answered; gives their comment ids; the caller commits."""
    answered = update(Appeal).where(Appeal.decision_id.in_(list(undone_ids)))
    opened = answered.values(answered_at=None, answered_by_id=None, decision_id=None)
    return set(db.session.scalars(opened.returning(Appeal.comment_id)).all())
