"""Mails to moderators: the version of the comment that each was about, and the decision made by its links."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core.errors import NotFound
from commentsvc.core.phrases import phrase
from commentsvc.core.whole_numbers import is_row_id
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.upserts import upsert

LOST = phrase("This link is not valid or not complete. Copy the whole link from the email.")


class ModeratorMail(Base):
    __tablename__ = "notice"
    __table_args__ = (UniqueConstraint("account_id", "comment_id", "version"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), index=True)
    version: Mapped[int] = mapped_column(Integer)  # of the comment, as the mail shows it
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    batch: Mapped[str | None] = mapped_column(String(32))  # the act it was used for
    account: Mapped[Account] = relationship(lazy="joined")
    comment: Mapped[Comment] = relationship(lazy="select")


class ReplyNotification(Base):
    """A reply that was announced to the author of its parent."""

    __tablename__ = "answer_notice"

    comment_id: Mapped[int] = mapped_column(Id, ForeignKey("comment.id"), primary_key=True, autoincrement=False)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


def add(account: Account, comment: Comment, now: datetime) -> int | None:
    """Record a mail in the transaction that queues it; None when this moderator got one for this version before."""
    values = {"account_id": account.id, "comment_id": comment.id, "version": comment.version, "created_at": now}
    row = upsert(ModeratorMail).values(values).on_conflict_do_nothing().returning(ModeratorMail.id)
    return db.session.scalar(row)


def add_answer(comment: Comment, now: datetime) -> bool:
    """Note that a reply was announced; false when it was before."""
    row = upsert(ReplyNotification).values(comment_id=comment.id, created_at=now).on_conflict_do_nothing()
    return db.session.scalar(row.returning(ReplyNotification.comment_id)) is not None


def locked(notice_id: int) -> ModeratorMail:
    """The notice, locked: two who press at once must not both act."""
    query = select(ModeratorMail).where(ModeratorMail.id == notice_id).with_for_update(of=ModeratorMail)
    notice = db.session.scalar(query) if is_row_id(notice_id) else None
    if notice is None:
        raise NotFound(LOST)
    return notice


def by_id(notice_id: int) -> ModeratorMail:
    notice = db.session.get(ModeratorMail, notice_id) if is_row_id(notice_id) else None
    if notice is None:
        raise NotFound(LOST)
    return notice
