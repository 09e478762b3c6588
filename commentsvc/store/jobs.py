"""Jobs: what must follow a commit, written in the same commit; claimed by a lease, retried, kept when they fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Index, Integer, String, Text, func, or_, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.store.db import Base, Id, UtcTime, db

LEASE_S = 120
TRIES_MAX = 8
OPEN = "done_at IS NULL AND failed_at IS NULL"
FAILED = "failed_at IS NOT NULL"


class Job(Base):
    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_open", "id", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
        Index("ix_job_failed", "failed_at", sqlite_where=text(FAILED), postgresql_where=text(FAILED)),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    # None: at once. A time only for retries, so that a clock set back delays no first try.
    run_at: Mapped[datetime | None] = mapped_column(UtcTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcTime)
    failed_at: Mapped[datetime | None] = mapped_column(UtcTime)  # given up; `last_error` says why
    last_error: Mapped[str | None] = mapped_column(Text)


def add(kind: str, payload: dict[str, Any], now: datetime) -> None:
    db.session.add(Job(kind=kind, payload=payload, created_at=now))


def claim(now: datetime, limit: int = 10) -> Sequence[Job]:
    """Take due jobs for LEASE_S; a worker that dies loses them to the next one when the lease ends."""
    due = select(Job.id).where(text(OPEN), or_(Job.run_at.is_(None), Job.run_at <= now))
    due = due.where(or_(Job.lease_until.is_(None), Job.lease_until < now)).order_by(Job.id).limit(limit)
    ids = db.session.scalars(due.with_for_update(skip_locked=True)).all()
    if not ids:
        return []
    lease_until = now + timedelta(seconds=LEASE_S)
    taken = update(Job).where(Job.id.in_(ids)).values(lease_until=lease_until, tries=Job.tries + 1)
    return db.session.scalars(taken.returning(Job)).all()


def finish(job: Job, now: datetime) -> None:
    """Note that it is done; what it was about (addresses, codes) is not kept."""
    job.payload = {}
    job.done_at = now
    job.lease_until = None


def fail(job: Job, error: str, now: datetime) -> None:
    """Try again later, each time after a longer while (1, 2, 4 … minutes); after TRIES_MAX keep it with its reason."""
    job.last_error = error[:2000]
    job.lease_until = None
    if job.tries >= TRIES_MAX:
        job.failed_at = now
    else:
        job.run_at = now + timedelta(minutes=2 ** (job.tries - 1))


@dataclass(frozen=True)
class Standing:
    """How the queue stands: what waits, how long the job that is due longest has been due, what was given up."""

    waiting: int
    oldest_s: float
    failed: int


def standing(now: datetime) -> Standing:
    waiting, oldest_at = db.session.execute(
        select(func.count(), func.min(func.coalesce(Job.run_at, Job.created_at, type_=UtcTime))).where(text(OPEN))
    ).one()
    failed = db.session.scalar(select(func.count()).select_from(Job).where(Job.failed_at.is_not(None))) or 0
    return Standing(waiting, max(0.0, (now - oldest_at).total_seconds()) if oldest_at else 0.0, failed)
