"""Deletes expired rows and what is older than the service keeps it, and closes threads that are old enough."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from commentsvc.config import Config
from commentsvc.core.erased_text import Identifiers
from commentsvc.services import erasure as erasures
from commentsvc.services import thread_pages
from commentsvc.store import (
    address_checks,
    comments,
    idempotency,
    import_runs,
    jobs,
    page_changes,
    proof_of_work,
    pruning,
    rule_hits,
    subscriptions,
    threads,
)
from commentsvc.store.audit_log import AuditEntry
from commentsvc.store.comments import Comment
from commentsvc.store.reports import Report
from commentsvc.store.transactions import retried, write

REFUSED_AT_ONCE = 100
NOBODY = Identifiers(frozenset(), frozenset(), frozenset())


def clean(since: datetime, now: datetime, config: Config) -> bool:
    """Delete expired rows, and close threads that became old since `since`; returns whether there is more to delete.

    Each step is a transaction of its own and limited: call again until it returns False.
    """

    def age(days: int) -> datetime:
        return now - timedelta(days=days)

    def address(table: type[Comment | Report | AuditEntry]) -> Callable[[], bool]:
        return lambda: pruning.empty_column(table, "ip", age(config.ip_days), now)

    steps: list[tuple[int, Callable[[], bool]]] = [
        (1, lambda: _expired(since, now)),
        (config.idempotency_days, lambda: idempotency.forget_old(age(config.idempotency_days))),
        (1, lambda: jobs.prune_done(now) > 0),
        (1, page_changes.delete_old),
        (1, lambda: import_runs.forget_files(age(1))),  # they hold names and addresses
        (
            subscriptions.UNCONFIRMED_DAYS,
            lambda: (
                subscriptions.forget_unconfirmed(age(subscriptions.UNCONFIRMED_DAYS), pruning.AT_ONCE)
                == pruning.AT_ONCE
            ),
        ),
        (config.failed_jobs_days, lambda: jobs.prune_failed(age(config.failed_jobs_days)) > 0),
        (config.sign_in_days, lambda: pruning.delete_sign_ins(age(config.sign_in_days))),
        *((config.ip_days, address(table)) for table in (Comment, Report, AuditEntry)),
        (
            config.user_agent_days,
            lambda: pruning.empty_column(Comment, "user_agent", age(config.user_agent_days), now),
        ),
        (config.refused_days, lambda: _erase_refused(age(config.refused_days), now)),
    ]
    results = [_step(step) for days, step in steps if days]
    return any(results)


@retried
def _step(step: Callable[[], bool]) -> bool:
    with write():
        return step()


def _expired(since: datetime, now: datetime) -> bool:
    proof_of_work.forget_old(now)
    address_checks.forget_old(now)
    rule_hits.forget_old(now)
    thread_pages.close_old(since, now)
    return False


def _erase_refused(before: datetime, now: datetime) -> bool:
    """Take text and author out of old refused comments; they count as deleted then."""
    ids = pruning.refused_before(before, REFUSED_AT_ONCE)
    threads.lock(comments.thread_ids_of(ids))
    found = [comment for comment in comments.of_ids(ids) if comment.status in pruning.REFUSED]
    erasures.erase_comments(found, False, NOBODY, "", now, by="age")
    return len(ids) == REFUSED_AT_ONCE
