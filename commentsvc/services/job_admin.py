"""Retries and deletes background jobs for an admin, who finds both in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from commentsvc.store import audit_log, jobs
from commentsvc.store.accounts import Account
from commentsvc.store.transactions import retried, write


@retried
def retry(ids: Sequence[int], by: Account, ip: str, now: datetime) -> int:
    """Retry these jobs, or all that have failed; gives how many. Raises NotFound as store.jobs.retry."""
    with write():
        count = jobs.retry(ids)
        _log("retry", ids, count, by, ip, now)
        return count


@retried
def drop(ids: Sequence[int], by: Account, ip: str, now: datetime) -> int:
    """Delete these jobs, or all that have failed; gives how many. Raises NotFound as store.jobs.retry."""
    with write():
        count = jobs.drop(ids)
        _log("drop", ids, count, by, ip, now)
        return count


def _log(name: str, ids: Sequence[int], count: int, by: Account, ip: str, now: datetime) -> None:
    subject = f"{name} {', '.join(map(str, ids)) or 'all failed'}"
    audit_log.add("job", now, by=by, subject=subject, after={"jobs": count}, ip=ip)
