"""Watches: which moderator wants mail about what waits on which site, how often, and how far they have been told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from commentsvc.core.status import Status
from commentsvc.store import jobs
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, UtcTime, db, is_postgres
from commentsvc.store.memberships import Membership
from commentsvc.store.sites import Site


class DigestInterval(StrEnum):
    AT_ONCE = "at_once"
    HOURLY = "hourly"
    DAILY = "daily"
    OFF = "off"


EVERY = {DigestInterval.HOURLY: timedelta(hours=1), DigestInterval.DAILY: timedelta(days=1)}


class DigestSetting(Base):
    __tablename__ = "watch"
    __table_args__ = (UniqueConstraint("account_id", "site_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), index=True)
    pace: Mapped[str] = mapped_column(String(8), default=DigestInterval.HOURLY)
    told_at: Mapped[datetime] = mapped_column(UtcTime)
    told_id: Mapped[int] = mapped_column(BigInteger, default=0)  # the newest comment that a digest has told of
    account: Mapped[Account] = relationship(lazy="joined")
    site: Mapped[Site] = relationship(lazy="joined")


def find(account: Account, site: Site) -> DigestSetting | None:
    return db.session.scalar(
        select(DigestSetting).where(DigestSetting.account_id == account.id, DigestSetting.site_id == site.id)
    )


def set_pace(account: Account, site: Site, pace: DigestInterval, now: datetime) -> None:
    """Choose how often; the caller commits."""
    insert = postgresql.insert if is_postgres() else sqlite.insert
    row = insert(DigestSetting).values(account_id=account.id, site_id=site.id, pace=pace, told_at=now, told_id=0)
    db.session.execute(row.on_conflict_do_update(index_elements=["account_id", "site_id"], set_={"pace": pace}))


def announce(comment: Comment, now: datetime) -> None:
    """Queue what tells moderators at once that a comment waits, in the transaction that makes it wait."""
    if comment.status == Status.PENDING and at_once(comment.site_id):
        jobs.add("waiting", {"comment_id": comment.id}, now)


def at_once(site_id: int) -> Sequence[DigestSetting]:
    query = (
        select(DigestSetting)
        .where(DigestSetting.site_id == site_id, DigestSetting.pace == DigestInterval.AT_ONCE)
        .order_by(DigestSetting.id)
    )
    return db.session.scalars(query).all()


def begin_for_members(now: datetime) -> None:
    """Give every member who never chose the hourly digest, beginning now."""
    without = select(Membership.account_id, Membership.site_id).outerjoin(
        DigestSetting,
        (DigestSetting.account_id == Membership.account_id) & (DigestSetting.site_id == Membership.site_id),
    )
    rows = db.session.execute(without.where(DigestSetting.id.is_(None))).all()
    insert = postgresql.insert if is_postgres() else sqlite.insert
    for account_id, site_id in sorted(rows):
        values = {
            "account_id": account_id,
            "site_id": site_id,
            "pace": DigestInterval.HOURLY,
            "told_at": now,
            "told_id": 0,
        }
        db.session.execute(insert(DigestSetting).values(values).on_conflict_do_nothing())


def due(pace: DigestInterval, now: datetime) -> Sequence[DigestSetting]:
    """The digests whose time has come."""
    query = (
        select(DigestSetting)
        .where(DigestSetting.pace == pace, DigestSetting.told_at <= now - EVERY[pace])
        .order_by(DigestSetting.id)
    )
    return db.session.scalars(query.options(joinedload(DigestSetting.account), joinedload(DigestSetting.site))).all()


def tell(watch: DigestSetting, told_id: int, now: datetime) -> bool:
    """Take a digest's turn; false when another worker has taken it."""
    taken = update(DigestSetting).where(DigestSetting.id == watch.id, DigestSetting.told_at == watch.told_at)
    row = db.session.execute(taken.values(told_at=now, told_id=told_id).returning(DigestSetting.id)).first()
    return row is not None
