"""Jobs: what must follow a commit, written in the same commit; claimed by a lease, retried, kept when they fail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Index, Integer, String, Text, func, or_, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.store.db import Base, Id, UtcTime, db

LEASE_S = 120
# The first tries follow each other soon, the last in two hours: a mail server may be away for most of a day.
TRIES_MAX = 18
WAIT_MAX_M = 120
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


@dataclass(frozen=True)
class Claim:
    """A job in a worker's hands, until its lease ends."""

    id: int
    kind: str
    payload: dict[str, Any]
    tries: int  # this one counted
    lease_until: datetime


def claim(now: datetime) -> Claim | None:
    """Take the job that is due first for LEASE_S; a worker that dies loses it to the next one when the lease ends."""
    due = select(Job.id).where(text(OPEN), or_(Job.run_at.is_(None), Job.run_at <= now))
    due = due.where(or_(Job.lease_until.is_(None), Job.lease_until < now)).order_by(Job.id).limit(1)
    job_id = db.session.scalar(due.with_for_update(skip_locked=True))
    if job_id is None:
        return None
    lease_until = now + timedelta(seconds=LEASE_S)
    taken = update(Job).where(Job.id == job_id).values(lease_until=lease_until, tries=Job.tries + 1)
    row = db.session.execute(taken.returning(Job.kind, Job.payload, Job.tries)).one()
    return Claim(job_id, row.kind, row.payload, row.tries, lease_until)


def finish(claim: Claim, now: datetime) -> None:
    """Note that it is done; what it was about (addresses, codes) is not kept."""
    _note(claim, payload={}, done_at=now)


def fail(claim: Claim, error: str, now: datetime) -> None:
    """Try again later, each time after a longer while (1, 2, 4 … minutes); after TRIES_MAX keep it with its reason."""
    if claim.tries >= TRIES_MAX:
        _note(claim, last_error=error[:2000], failed_at=now)
    else:
        wait = timedelta(minutes=min(2 ** (claim.tries - 1), WAIT_MAX_M))
        _note(claim, last_error=error[:2000], run_at=now + wait)


def _note(claim: Claim, **values: object) -> None:
    """Only of what is still in the worker's hands: who took it over notes what became of it."""
    held = update(Job).where(Job.id == claim.id, Job.lease_until == claim.lease_until)
    db.session.execute(held.values(lease_until=None, **values))


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
