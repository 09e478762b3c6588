"""Deletes expired rows, and closes threads that are old enough."""

from __future__ import annotations

from datetime import datetime

from commentsvc.services import thread_pages
from commentsvc.store import address_checks, idempotency, jobs, proof_of_work, rule_hits
from commentsvc.store.transactions import retried, write


@retried
def clean(since: datetime, now: datetime) -> int:
    """Delete expired rows, and close threads that became old since `since`; returns how many ended jobs were deleted.

    At most a limited number of jobs goes in one call: call again until it returns 0.
    """
    with write():
        idempotency.forget_old(now)
        proof_of_work.forget_old(now)
        address_checks.forget_old(now)
        rule_hits.forget_old(now)
        thread_pages.close_old(since, now)
        return jobs.prune(now)
