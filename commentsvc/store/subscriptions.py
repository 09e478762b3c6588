"""Subscriptions: guests' e-mail addresses that want mail about replies on a site, confirmed or not yet."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core.errors import NotFound
from commentsvc.core.policy import EMAIL_MAX
from commentsvc.core.whole_numbers import is_row_id
from commentsvc.store.accounts import LANGUAGE_MAX
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.moderator_mails import LOST
from commentsvc.store.sites import Site
from commentsvc.store.upserts import upsert

LINK_LIFE = timedelta(days=7)
UNCONFIRMED_DAYS = 30  # then an address that has not confirmed is forgotten


class Subscription(Base):
    """Mail about replies goes to an address only after its holder has confirmed it."""

    __tablename__ = "subscription"
    __table_args__ = (UniqueConstraint("site_id", "email"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    email: Mapped[str] = mapped_column(String(EMAIL_MAX))
    language: Mapped[str | None] = mapped_column(String(LANGUAGE_MAX))  # of the page where the guest last asked
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    mailed_at: Mapped[datetime | None] = mapped_column(UtcTime)  # the mail that asks to confirm; None: queued
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    site: Mapped[Site] = relationship(lazy="joined")


def find(comment: Comment) -> Subscription | None:
    """The subscription of the address with which a guest wrote a comment, if any."""
    query = select(Subscription).where(Subscription.site_id == comment.site_id)
    return db.session.scalar(query.where(Subscription.email == comment.author_email))


def by_id(number: int) -> Subscription:
    found = db.session.get(Subscription, number) if is_row_id(number) else None
    if found is None:
        raise NotFound(LOST)
    return found


def id_of(site_id: int, email: str) -> int:
    """The id of an address's subscription, which must exist."""
    query = select(Subscription.id).where(Subscription.site_id == site_id, Subscription.email == email)
    return db.session.scalars(query).one()


def add_request(site_id: int, email: str, language: str | None, now: datetime) -> int | None:
    """Record that an address is to get mail; returns the subscription whose address must be asked, if any.

    An unconfirmed address is asked at most once a week, since anybody can type anybody's address. The caller commits.
    """
    values = {"site_id": site_id, "email": email, "language": language, "created_at": now}
    # Of two comments at once with one address, one adds the row, and only that one gets its id.
    row = upsert(Subscription).values(values).on_conflict_do_nothing().returning(Subscription.id)
    number = db.session.scalar(row)
    if number is None:
        theirs = update(Subscription).where(Subscription.site_id == site_id, Subscription.email == email)
        if language:
            db.session.execute(theirs.values(language=language))
        lapsed = theirs.where(Subscription.confirmed_at.is_(None), Subscription.mailed_at <= now - LINK_LIFE)
        number = db.session.scalar(lapsed.values(mailed_at=None).returning(Subscription.id))
    return number


def record_asking(number: int, now: datetime) -> Subscription | None:
    """Mark a subscription as asked and return it; None when it was asked or confirmed already. The caller commits."""
    mine = update(Subscription).where(Subscription.id == number, Subscription.mailed_at.is_(None))
    taken = mine.where(Subscription.confirmed_at.is_(None)).values(mailed_at=now).returning(Subscription.id)
    return db.session.get(Subscription, number) if db.session.scalar(taken) is not None else None


def end(comment: Comment, now: datetime) -> None:
    """Send no more mail to this address; it can be asked to confirm again in a week. The caller commits."""
    theirs = update(Subscription).where(
        Subscription.site_id == comment.site_id, Subscription.email == comment.author_email
    )
    db.session.execute(theirs.values(confirmed_at=None, mailed_at=now))


def confirm(site_id: int, email: str, now: datetime) -> None:
    """Confirm an address that its holder has proved by signing in. The caller commits."""
    theirs = update(Subscription).where(Subscription.site_id == site_id, Subscription.email == email)
    db.session.execute(theirs.where(Subscription.confirmed_at.is_(None)).values(confirmed_at=now))


def forget_unconfirmed(before: datetime, limit: int) -> int:
    """Delete addresses that were asked before then and have not confirmed; returns how many. The caller commits."""
    asked_at = func.coalesce(Subscription.mailed_at, Subscription.created_at)
    lapsed = select(Subscription.id).where(Subscription.confirmed_at.is_(None), asked_at < before)
    ids = db.session.scalars(lapsed.order_by(Subscription.id).limit(limit)).all()
    if ids:
        db.session.execute(delete(Subscription).where(Subscription.id.in_(ids), Subscription.confirmed_at.is_(None)))
    return len(ids)


def forget(site_id: int, email: str | None) -> None:
    db.session.execute(delete(Subscription).where(Subscription.site_id == site_id, Subscription.email == email))
