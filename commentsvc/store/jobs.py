"""Jobs: the follow-up work of a commit, added by that commit; leased, retried, and kept when they fail."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import JSON, ColumnElement, Index, Integer, String, Text, cast, delete, func, or_, select, text, update
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from commentsvc.core import job_kinds
from commentsvc.core.errors import NotFound
from commentsvc.core.job_kinds import LONG_KINDS, REMOTE_KINDS, JobKind, JobPayload
from commentsvc.store.db import Base, Id, UtcTime, db

LEASE_S = 120
# The first tries follow each other soon, the last in two hours: a mail server may be away for most of a day.
TRIES_MAX = 18
WAIT_MAX_M = 120
OPEN = "done_at IS NULL AND failed_at IS NULL"
DONE = "done_at IS NOT NULL"
FAILED = "failed_at IS NOT NULL"
ERROR_MAX = 2000
LOCAL_QUEUE = ""  # of all other kinds
LONG_QUEUE = "long"
# A done job has no payload any more. A failed one is kept for the operator, for as long as a setting says.
DONE_KEPT = timedelta(days=1)
PRUNED_MAX = 500  # rows in one transaction, so that posts do not wait long for it


class Job(Base):
    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_due", "queue", "run_at", "id", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
        Index("ix_job_done", "done_at", sqlite_where=text(DONE), postgresql_where=text(DONE)),
        Index("ix_job_failed", "failed_at", sqlite_where=text(FAILED), postgresql_where=text(FAILED)),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    queue: Mapped[str] = mapped_column(String(32), default=LOCAL_QUEUE, server_default=LOCAL_QUEUE)
    host: Mapped[str] = mapped_column(
        String(255), default="", server_default=""
    )  # the server it talks to, if it varies
    # Random, the same for every try, so that a mail server can tell a second delivery. None: from before revision 0035.
    key: Mapped[str | None] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    # None: at once. Only retries have a time, so that a clock that is set back delays no first try.
    run_at: Mapped[datetime | None] = mapped_column(UtcTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcTime)
    failed_at: Mapped[datetime | None] = mapped_column(UtcTime)  # given up; `last_error` says why
    last_error: Mapped[str | None] = mapped_column(Text)


def add(payload: JobPayload, now: datetime) -> None:
    """Queue a job; the caller commits."""
    kind, key = payload.kind, secrets.token_hex(12)
    stored = job_kinds.to_json(payload)
    host = _host(payload.remote_url)
    db.session.add(Job(kind=kind, queue=queue_of(kind), host=host, key=key, payload=stored, created_at=now))


def queue_of(kind: str) -> str:
    if kind in REMOTE_KINDS:
        return kind
    return LONG_QUEUE if kind in LONG_KINDS else LOCAL_QUEUE


def _host(url: str) -> str:
    """The host of a URL; '' when it has none: then the job fails by itself, with a reason."""
    try:
        return (urlsplit(url).hostname or "")[:255]
    except ValueError:
        return ""


@dataclass(frozen=True)
class ClaimedJob:
    """A job that one worker holds until its lease ends."""

    id: int
    kind: str  # as stored: a newer version may know more kinds
    host: str
    key: str
    payload_json: str  # parsed by `payload`, so that a broken one fails its own job and not the queue
    tries: int  # with the current one
    lease_until: datetime

    @property
    def payload(self) -> JobPayload:
        """Raises ValueError for a kind or payload that this version cannot read."""
        return job_kinds.from_json(JobKind(self.kind), json.loads(self.payload_json))


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(Job.lease_until.is_(None), Job.lease_until < now)


def claim(
    now: datetime, queue: str, busy_hosts: Collection[str] = (), held_ids: Collection[int] = ()
) -> ClaimedJob | None:
    """Lease the first due job of a queue for LEASE_S; None when there is none besides `held_ids` and `busy_hosts`.

    When the lease of a worker that died ends, another worker can claim the job. First tries go before retries, so
    that jobs that fail again and again do not delay new ones.
    """
    for is_due in (Job.run_at.is_(None), Job.run_at <= now):
        due = select(Job.id).where(text(OPEN), Job.queue == queue, is_due, _is_free(now))
        if busy_hosts:
            due = due.where(Job.host.not_in(sorted(busy_hosts)))
        if held_ids:
            due = due.where(Job.id.not_in(sorted(held_ids)))
        job_id = db.session.scalar(due.order_by(Job.run_at, Job.id).limit(1).with_for_update(skip_locked=True))
        if job_id is not None:
            return _lease(job_id, now)
    return None


def _lease(job_id: int, now: datetime) -> ClaimedJob:
    lease_until = now + timedelta(seconds=LEASE_S)
    taken = update(Job).where(Job.id == job_id).values(lease_until=lease_until, tries=Job.tries + 1)
    payload = cast(Job.payload, Text)
    row = db.session.execute(taken.returning(Job.kind, Job.host, Job.key, Job.created_at, payload, Job.tries)).one()
    key = row.key or f"{row.created_at:%Y%m%d%H%M%S%f}.{job_id}"
    return ClaimedJob(job_id, row.kind, row.host, key, row[4] or "null", row.tries, lease_until)


def count_due(
    now: datetime, queue: str, busy_hosts: Collection[str], limit: int, held_ids: Collection[int] = ()
) -> int:
    """The number of jobs of a queue that could be claimed now, up to `limit`; takes no lock."""
    is_due = or_(Job.run_at.is_(None), Job.run_at <= now)
    due = select(Job.id).where(text(OPEN), Job.queue == queue, is_due, _is_free(now))
    if busy_hosts:
        due = due.where(Job.host.not_in(sorted(busy_hosts)))
    if held_ids:
        due = due.where(Job.id.not_in(sorted(held_ids)))
    return len(db.session.scalars(due.limit(limit)).all())


def finish(job: ClaimedJob, now: datetime) -> None:
    """Mark a job as done and delete its payload, which may hold addresses and codes."""
    _update_held(job, payload={}, done_at=now)


def fail(job: ClaimedJob, error: str, now: datetime, is_final: bool = False) -> None:
    """Schedule the next try, after 1, 2, 4 … up to WAIT_MAX_M minutes; after TRIES_MAX give the job up with its reason.

    With `is_final` it is given up at once, because another try would fail the same way.
    """
    reason = _storable(error)
    if is_final or job.tries >= TRIES_MAX:
        _update_held(job, last_error=reason, failed_at=now)
    else:
        wait = timedelta(minutes=min(2 ** (job.tries - 1), WAIT_MAX_M))
        _update_held(job, last_error=reason, run_at=now + wait)


def _storable(error: str) -> str:
    """An error may quote any text, but PostgreSQL refuses NUL, and both databases refuse a lone surrogate."""
    return error.replace("\0", "\ufffd").encode("utf-8", "backslashreplace").decode()[:ERROR_MAX]


def _update_held(job: ClaimedJob, **values: object) -> None:
    """Update only while this worker still holds the lease; otherwise the worker that took over records the result."""
    held = update(Job).where(Job.id == job.id, Job.lease_until == job.lease_until)
    db.session.execute(held.values(lease_until=None, **values))


def prune_done(now: datetime) -> int:
    """Delete old done jobs, at most PRUNED_MAX; returns how many. The caller commits."""
    return _prune(Job.done_at, now - DONE_KEPT)


def prune_failed(before: datetime) -> int:
    """Delete jobs that were given up before then, at most PRUNED_MAX; returns how many. The caller commits."""
    return _prune(Job.failed_at, before)


def _prune(column: InstrumentedAttribute[datetime | None], before: datetime) -> int:
    old = select(Job.id).where(column.is_not(None), column < before).order_by(column).limit(PRUNED_MAX)
    ids = db.session.scalars(old).all()
    if ids:
        db.session.execute(delete(Job).where(Job.id.in_(ids)))
    return len(ids)


@dataclass(frozen=True)
class JobSummary:
    """A job that is not done, as the operator sees it; `about` is the recipient or the server."""

    id: int
    kind: str
    state: str  # waiting, running or failed
    tries: int
    created_at: datetime
    due_at: datetime | None  # None: at once, or given up
    reason: str
    about: str


def listed(now: datetime) -> list[JobSummary]:
    """All jobs that are waiting, running or given up, the oldest first."""
    columns = (Job.id, Job.kind, Job.host, Job.tries, Job.created_at, Job.run_at, Job.lease_until, Job.failed_at)
    query = select(*columns, Job.last_error, cast(Job.payload, Text).label("payload"))
    found: list[JobSummary] = []
    for is_wanted in (text(OPEN), text(FAILED)):
        for row in db.session.execute(query.where(is_wanted)):
            is_held = row.lease_until is not None and row.lease_until >= now
            state = "failed" if row.failed_at else "running" if is_held else "waiting"
            about, reason = row.host or _recipient(row.payload), row.last_error or ""
            due_at = row.run_at if state == "waiting" else None
            found.append(JobSummary(row.id, row.kind, state, row.tries, row.created_at, due_at, reason, about))
    return sorted(found, key=lambda job: job.id)


def _recipient(payload_json: str | None) -> str:
    try:
        payload = json.loads(payload_json or "null")
    except ValueError:
        return ""
    to = payload.get("to") if isinstance(payload, dict) else None
    return to if isinstance(to, str) else ""


def retry(ids: Sequence[int]) -> int:
    """Make these jobs, or all that were given up, due at once with all their tries; returns how many.

    Raises NotFound, and changes nothing, for an id of no job or of a done one. The caller commits.
    """
    again = update(Job).where(_chosen(ids)).values(failed_at=None, run_at=None, tries=0)
    return len(db.session.scalars(again.returning(Job.id)).all())


def drop(ids: Sequence[int]) -> int:
    """Delete these jobs, or all that were given up; returns how many. Raises NotFound as `retry` does."""
    return len(db.session.scalars(delete(Job).where(_chosen(ids)).returning(Job.id)).all())


def _chosen(ids: Sequence[int]) -> ColumnElement[bool]:
    if not ids:
        return Job.failed_at.is_not(None)
    known = set(db.session.scalars(select(Job.id).where(Job.id.in_(ids), Job.done_at.is_(None))))
    for job_id in ids:
        if job_id not in known:
            raise NotFound(f"There is no waiting or failed job {job_id}. List jobs with: commentsvc jobs list")
    return Job.id.in_(ids)


@dataclass(frozen=True)
class QueueStats:
    """Counts of waiting and of given-up jobs, and how long the oldest due job has been due.

    `is_worked_on` says that a worker holds a job now.
    """

    waiting: int
    oldest_s: float
    failed: int
    is_worked_on: bool


def queue_stats(now: datetime) -> QueueStats:
    due_at = func.coalesce(Job.run_at, Job.created_at, type_=UtcTime)
    leased_until = func.max(Job.lease_until, type_=UtcTime)
    waiting, oldest_at, newest_lease = db.session.execute(
        select(func.count(), func.min(due_at), leased_until).where(text(OPEN))
    ).one()
    failed = db.session.scalar(select(func.count()).select_from(Job).where(Job.failed_at.is_not(None))) or 0
    oldest_s = max(0.0, (now - oldest_at).total_seconds()) if oldest_at else 0.0
    return QueueStats(waiting, oldest_s, failed, newest_lease is not None and newest_lease >= now)
