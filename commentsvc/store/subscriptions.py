"""Subscriptions: which guests' addresses want mail about answers on a site, and whether that is confirmed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core.errors import NotFound
from commentsvc.core.policy import EMAIL_MAX
from commentsvc.store import jobs
from commentsvc.store.accounts import LANGUAGE_MAX
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, UtcTime, db, is_postgres
from commentsvc.store.moderator_mails import LOST
from commentsvc.store.sites import Site

LINK_LIFE = timedelta(days=7)


class Subscription(Base):
    """An address is only told of answers once its holder has confirmed that it is theirs."""

    __tablename__ = "subscription"
    __table_args__ = (UniqueConstraint("site_id", "email"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    email: Mapped[str] = mapped_column(String(EMAIL_MAX))
    language: Mapped[str | None] = mapped_column(String(LANGUAGE_MAX))  # of the page where it was last asked for
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    mailed_at: Mapped[datetime | None] = mapped_column(UtcTime)  # when it was asked to confirm; None: a job will
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    site: Mapped[Site] = relationship(lazy="joined")


def find(comment: Comment) -> Subscription | None:
    """That of the address a guest's comment was written with."""
    query = select(Subscription).where(Subscription.site_id == comment.site_id)
    return db.session.scalar(query.where(Subscription.email == comment.author_email))


def by_id(number: int) -> Subscription:
    found = db.session.get(Subscription, number) if 0 < number < 2**63 else None
    if found is None:
        raise NotFound(LOST)
    return found


def ask(comment: Comment, language: str | None, now: datetime) -> None:
    """Note the wish of a guest's comment; an address that never confirmed it is asked to, once a week at most.

    The caller commits. Anybody can type anybody's address: more than one mail a week must not come of it.
    """
    values = {"site_id": comment.site_id, "email": comment.author_email, "language": language, "created_at": now}
    insert = postgresql.insert if is_postgres() else sqlite.insert
    # Two comments at once under one address: one of them makes the row, and only it asks.
    row = insert(Subscription).values(values).on_conflict_do_nothing().returning(Subscription.id)
    number = db.session.scalar(row)
    if number is None:
        theirs = update(Subscription).where(
            Subscription.site_id == comment.site_id, Subscription.email == comment.author_email
        )
        if language:
            db.session.execute(theirs.values(language=language))
        lapsed = theirs.where(Subscription.confirmed_at.is_(None), Subscription.mailed_at <= now - LINK_LIFE)
        number = db.session.scalar(lapsed.values(mailed_at=None).returning(Subscription.id))
    if number is not None:
        jobs.add("confirm", {"subscription_id": number}, now)


def take_turn(number: int, now: datetime) -> Subscription | None:
    """The subscription that is to be asked now, noted as asked; None when it was, or no longer has to be."""
    mine = update(Subscription).where(Subscription.id == number, Subscription.mailed_at.is_(None))
    taken = mine.where(Subscription.confirmed_at.is_(None)).values(mailed_at=now).returning(Subscription.id)
    return db.session.get(Subscription, number) if db.session.scalar(taken) is not None else None


def end(comment: Comment, now: datetime) -> None:
    """No more to this address: who wants it again confirms again, a week from now at the earliest."""
    theirs = update(Subscription).where(
        Subscription.site_id == comment.site_id, Subscription.email == comment.author_email
    )
    db.session.execute(theirs.values(confirmed_at=None, mailed_at=now))


def forget(site_id: int, email: str | None) -> None:
    db.session.execute(delete(Subscription).where(Subscription.site_id == site_id, Subscription.email == email))
