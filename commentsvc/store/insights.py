"""Statistics of a site over time: comments by status, decisions by moderator, and waiting times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Date as SqlDate
from sqlalchemy import cast, func, select
from sqlalchemy.orm import aliased

from commentsvc.core.status import Status
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.db import db, is_postgres
from commentsvc.store.decisions import EDIT, Decision
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread

TIMES_MAX = 20_000  # newest decisions that medians are taken of
TOP = 10


@dataclass(frozen=True)
class ModeratorStats:
    """A moderator's decisions in a stretch of time, and how many another one has changed since."""

    name: str
    decided: int
    changed: int


def by_day(site: Site, since: datetime) -> dict[date, dict[Status, int]]:
    """The comments of each day (UTC) by what has become of them; from an index alone."""
    at = Comment.created_at
    day = cast(func.timezone("UTC", at), SqlDate) if is_postgres() else func.date(at)
    query = select(day, Comment.status, func.count()).where(Comment.site_id == site.id)
    query = query.where(Comment.status.in_(list(Status)), at >= since).group_by(day, Comment.status)
    found: dict[date, dict[Status, int]] = {}
    for when, status, count in db.session.execute(query).all():
        key = when if isinstance(when, date) else date.fromisoformat(when)
        found.setdefault(key, dict.fromkeys(Status, 0))[Status(status)] = count
    return found


def by_rule(site: Site, since: datetime) -> list[tuple[str, str, int]]:
    """Verdicts on new comments: (rule, status, count), highest count first."""
    query = select(Decision.by_rule, Decision.status_after, func.count()).where(Decision.status_before.is_(None))
    query = query.where(Decision.site_id == site.id, Decision.created_at >= since, Decision.by_rule.is_not(None))
    query = query.group_by(Decision.by_rule, Decision.status_after).order_by(func.count().desc()).limit(20)
    return [(row[0] or "", row[1], row[2]) for row in db.session.execute(query).all()]


def waits_s(site: Site, since: datetime) -> list[float]:
    """The waiting times of the newest comments that moderators decided on."""
    query = select(Comment.created_at, Decision.created_at).join(Comment, Comment.id == Decision.comment_id)
    query = query.where(Decision.site_id == site.id, Decision.created_at >= since, Decision.by_account_id.is_not(None))
    query = query.where(Decision.status_before == Status.PENDING, Decision.undoes_id.is_(None))
    rows = db.session.execute(query.order_by(Decision.created_at.desc()).limit(TIMES_MAX)).all()
    return [max(0.0, (decided_at - written_at).total_seconds()) for written_at, decided_at in rows]


def decided_at(site: Site, since: datetime, limit: int) -> list[datetime]:
    """The times of moderators' newest decisions."""
    query = select(Decision.created_at).where(Decision.site_id == site.id, Decision.created_at >= since)
    query = query.where(Decision.by_account_id.is_not(None), Decision.status_before == Status.PENDING)
    return list(db.session.scalars(query.order_by(Decision.created_at.desc()).limit(limit)))


def oldest_waiting_at(site: Site) -> datetime | None:
    query = select(func.min(Comment.created_at)).where(Comment.site_id == site.id, Comment.status == Status.PENDING)
    return db.session.scalar(query)


def judges(site: Site, since: datetime) -> list[ModeratorStats]:
    """The moderators who decided most, and how often another moderator has decided differently since."""
    later = aliased(Decision)
    is_changed = select(later.id).where(
        later.comment_id == Decision.comment_id,
        later.id > Decision.id,
        later.by_account_id != Decision.by_account_id,
        later.status_after != Decision.status_after,
    )
    query = select(Decision.by_account_id, func.count(), func.count().filter(is_changed.exists()))
    query = query.where(Decision.site_id == site.id, Decision.created_at >= since, Decision.action != EDIT)
    query = query.where(Decision.by_account_id.is_not(None), Decision.undoes_id.is_(None))
    rows = db.session.execute(query.group_by(Decision.by_account_id).order_by(func.count().desc()).limit(TOP)).all()
    names = dict(db.session.execute(select(Account.id, Account.name).where(Account.id.in_([r[0] for r in rows]))).all())
    return [ModeratorStats(names[row[0] or 0], row[1], row[2]) for row in rows]


def top_threads(site: Site, since: datetime) -> list[tuple[str, str, int]]:
    """The pages that were written on most: (key, title, how many)."""
    count = func.count()
    query = select(Comment.thread_id, count.label("written")).where(Comment.site_id == site.id)
    query = query.where(Comment.status.in_(list(Status)), Comment.created_at >= since).group_by(Comment.thread_id)
    top = query.order_by(count.desc(), Comment.thread_id).limit(TOP).subquery()
    named = select(Thread.key, Thread.title, top.c.written).join(top, top.c.thread_id == Thread.id)
    ordered = named.order_by(top.c.written.desc(), Thread.id)
    return [(row[0], row[1], row[2]) for row in db.session.execute(ordered).all()]


def spam(site: Site, since: datetime) -> tuple[int, int, int]:
    """Spam that rules caught, spam that moderators had to find, and what rules took for spam and was approved."""
    base = select(func.count()).select_from(Decision).where(Decision.site_id == site.id, Decision.created_at >= since)
    caught = base.where(Decision.status_before.is_(None), Decision.status_after == Status.SPAM)
    found = base.where(Decision.by_account_id.is_not(None), Decision.status_after == Status.SPAM)
    freed = base.where(Decision.by_account_id.is_not(None), Decision.status_before == Status.SPAM)
    freed = freed.where(Decision.status_after == Status.APPROVED)
    counts = [db.session.scalar(query) or 0 for query in (caught, found, freed)]
    return counts[0], counts[1], counts[2]


def days_ago(days: int, now: datetime) -> datetime:
    """The beginning (UTC) of the first of the last `days` days, today being the last."""
    first = (now - timedelta(days=days - 1)).astimezone(UTC).date()
    return datetime(first.year, first.month, first.day, tzinfo=UTC)
