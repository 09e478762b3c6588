"""Thread subscriptions: addresses that want mail about every new comment of a thread, and the comments announced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint, delete, insert, literal, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core.whole_numbers import is_row_id
from commentsvc.store.comments import Comment, CommentKind
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.subscriptions import Subscription
from commentsvc.store.threads import Thread
from commentsvc.store.upserts import upsert


class ThreadSubscription(Base):
    """Mail goes to it only while its subscription is confirmed."""

    __tablename__ = "thread_subscription"
    __table_args__ = (UniqueConstraint("thread_id", "subscription_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id", ondelete="CASCADE"))
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    subscription: Mapped[Subscription] = relationship(lazy="joined")
    thread: Mapped[Thread] = relationship(lazy="select")


class AnnouncedComment(Base):
    """A comment that was announced to the followers of its thread."""

    __tablename__ = "announced_comment"

    comment_id: Mapped[int] = mapped_column(Id, ForeignKey("comment.id"), primary_key=True, autoincrement=False)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


def add(thread_id: int, subscription_id: int, now: datetime) -> None:
    """Have a subscription follow a thread; nothing changes when it does. The caller commits."""
    values = {"thread_id": thread_id, "subscription_id": subscription_id, "created_at": now}
    db.session.execute(upsert(ThreadSubscription).values(values).on_conflict_do_nothing())


def find(number: int) -> ThreadSubscription | None:
    return db.session.get(ThreadSubscription, number) if is_row_id(number) else None


def end(number: int) -> None:
    db.session.execute(delete(ThreadSubscription).where(ThreadSubscription.id == number))


def confirmed_of(thread_id: int, after_id: int, limit: int) -> Sequence[ThreadSubscription]:
    """The next followers of a thread whose addresses are confirmed, by id."""
    query = select(ThreadSubscription).join(Subscription, Subscription.id == ThreadSubscription.subscription_id)
    query = query.where(
        ThreadSubscription.thread_id == thread_id,
        ThreadSubscription.id > after_id,
        Subscription.confirmed_at.is_not(None),
    )
    return db.session.scalars(query.order_by(ThreadSubscription.id).limit(limit)).all()


def ids_to_announce(ids: Iterable[int]) -> Sequence[int]:
    """The subset of `ids`, comments, whose threads have followers, in order."""
    is_followed = select(ThreadSubscription.id).where(ThreadSubscription.thread_id == Comment.thread_id).exists()
    query = select(Comment.id).where(Comment.id.in_(list(ids)), Comment.kind == CommentKind.COMMENT, is_followed)
    return db.session.scalars(query.order_by(Comment.id)).all()


def add_announcement(comment: Comment, now: datetime) -> bool:
    """Note that a comment was announced; false when it was before. The caller commits."""
    row = upsert(AnnouncedComment).values(comment_id=comment.id, created_at=now).on_conflict_do_nothing()
    return db.session.scalar(row.returning(AnnouncedComment.comment_id)) is not None


def threads_of(subscription_id: int) -> Sequence[Thread]:
    """The threads that a subscription follows."""
    query = select(Thread).join(ThreadSubscription, ThreadSubscription.thread_id == Thread.id)
    return db.session.scalars(
        query.where(ThreadSubscription.subscription_id == subscription_id).order_by(Thread.id)
    ).all()


def copy_all(source_id: int, into_id: int) -> None:
    """Have the followers of a thread follow another one too: it is merged into that. The caller commits."""
    there = select(ThreadSubscription.subscription_id).where(ThreadSubscription.thread_id == into_id)
    missing = select(literal(into_id), ThreadSubscription.subscription_id, ThreadSubscription.created_at)
    missing = missing.where(ThreadSubscription.thread_id == source_id, ThreadSubscription.subscription_id.not_in(there))
    columns = ["thread_id", "subscription_id", "created_at"]
    db.session.execute(insert(ThreadSubscription).from_select(columns, missing))
