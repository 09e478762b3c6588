"""Digest settings: how often a moderator wants mail about the pending comments of a site, and what was mailed last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint, select, update
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from commentsvc.store.accounts import Account
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.memberships import Membership
from commentsvc.store.sites import Site
from commentsvc.store.upserts import upsert


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
    told_id: Mapped[int] = mapped_column(BigInteger, default=0)  # the newest comment when the last digest was sent
    account: Mapped[Account] = relationship(lazy="joined")
    site: Mapped[Site] = relationship(lazy="joined")


def find(account: Account, site: Site) -> DigestSetting | None:
    return db.session.scalar(
        select(DigestSetting).where(DigestSetting.account_id == account.id, DigestSetting.site_id == site.id)
    )


def set_pace(account: Account, site: Site, pace: DigestInterval, now: datetime) -> None:
    """Set how often an account gets mail about a site; the caller commits."""
    row = upsert(DigestSetting).values(account_id=account.id, site_id=site.id, pace=pace, told_at=now, told_id=0)
    db.session.execute(row.on_conflict_do_update(index_elements=["account_id", "site_id"], set_={"pace": pace}))


def at_once(site_id: int) -> Sequence[DigestSetting]:
    query = (
        select(DigestSetting)
        .where(DigestSetting.site_id == site_id, DigestSetting.pace == DigestInterval.AT_ONCE)
        .order_by(DigestSetting.id)
    )
    return db.session.scalars(query).all()


def begin_for_members(now: datetime) -> None:
    """Add the hourly digest, beginning now, for every member who has no setting yet; the caller commits."""
    without = select(Membership.account_id, Membership.site_id).outerjoin(
        DigestSetting,
        (DigestSetting.account_id == Membership.account_id) & (DigestSetting.site_id == Membership.site_id),
    )
    rows = db.session.execute(without.where(DigestSetting.id.is_(None))).all()
    for account_id, site_id in sorted(rows):
        values = {
            "account_id": account_id,
            "site_id": site_id,
            "pace": DigestInterval.HOURLY,
            "told_at": now,
            "told_id": 0,
        }
        db.session.execute(upsert(DigestSetting).values(values).on_conflict_do_nothing())


def due(pace: DigestInterval, now: datetime) -> Sequence[DigestSetting]:
    """The settings with this interval whose last digest is at least one interval old."""
    query = (
        select(DigestSetting)
        .where(DigestSetting.pace == pace, DigestSetting.told_at <= now - EVERY[pace])
        .order_by(DigestSetting.id)
    )
    return db.session.scalars(query.options(joinedload(DigestSetting.account), joinedload(DigestSetting.site))).all()


def record_sending(setting: DigestSetting, told_id: int, now: datetime) -> bool:
    """Record that a digest is sent now; False when another worker was faster. The caller commits."""
    taken = update(DigestSetting).where(DigestSetting.id == setting.id, DigestSetting.told_at == setting.told_at)
    row = db.session.execute(taken.values(told_at=now, told_id=told_id).returning(DigestSetting.id)).first()
    return row is not None
