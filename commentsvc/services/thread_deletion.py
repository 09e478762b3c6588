"""Deletes a thread as one moves a page to the trash: its comments are deleted, it closes, and all can be restored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from commentsvc.core import tokens
from commentsvc.core.errors import Conflict, NotFound
from commentsvc.core.status import Status
from commentsvc.services import transitions
from commentsvc.services.thread_settings import ThreadChange
from commentsvc.services.transitions import DecisionActor, Transition
from commentsvc.store import accounts, audit_log, comments, decisions, threads
from commentsvc.store.accounts import Account
from commentsvc.store.audit_log import THREAD_DELETE, Actor, AuditEntry
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.decisions import COMMAND_LINE, Decision
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import retried, write

AT_ONCE = 500  # comments: a transaction that posting can wait for


@dataclass(frozen=True)
class DeletedThread:
    """`comments` is the number of comments that were deleted."""

    thread: Thread
    comments: int
    undo: str


def delete(site: Site, page: str, by: Actor, ip: str, now: datetime) -> DeletedThread:
    """Delete all comments of a page and close its thread; in parts, so that a second call completes the first.

    Raises NotFound for an unknown page, Conflict when nothing is left to delete.
    """
    batch = tokens.new_batch()
    thread_id, entry_id = _close(site, threads.key_for(site, page), batch, by, ip, now)
    count = 0
    while deleted := _delete_part(thread_id, batch, by, now):
        count += deleted
    thread = db.session.get_one(Thread, thread_id)
    return DeletedThread(thread, count, f"thread-{entry_id}")


@retried
def _close(site: Site, key: str, batch: str, by: Actor, ip: str, now: datetime) -> tuple[int, int]:
    with write():
        _hold(by)
        thread = threads.find(site, key)
        if thread is None:
            raise NotFound(f"There are no comments for “{key}” on this site.")
        threads.lock([thread.id])
        db.session.refresh(thread)
        if not thread.is_open and not comments.not_deleted_in(thread.id, 1):
            raise Conflict("This page is closed, and all its comments are deleted.", "no-change")
        before = {"is_open": thread.is_open, "pinned_id": thread.pinned_id}
        after = {"is_open": False, "batch": batch}
        names: dict[str, Any] = {"site": site, "by": by, "subject": thread.key, "ip": ip, "thread_id": thread.id}
        entry = audit_log.add(THREAD_DELETE, now, before=before, after=after, **names)
        thread.is_open = False
        db.session.flush()
        threads.touch(thread.id, 0)
        return thread.id, entry.id


@retried
def _delete_part(thread_id: int, batch: str, by: Actor, now: datetime) -> int:
    with write():
        _hold(by)
        threads.lock([thread_id])
        found = comments.of_ids(comments.not_deleted_in(thread_id, AT_ONCE))
        actor = DecisionActor(by) if isinstance(by, Account) else DecisionActor(rule=COMMAND_LINE)
        transitions.apply([Transition(comment, Status.DELETED) for comment in found], actor, batch, now)
        return len(found)


def restore(entry_id: int, by: Actor, ip: str, now: datetime) -> ThreadChange:
    """Undo the deletion of a thread; comments on which somebody has decided since stay as they are.

    Raises Conflict when it was undone already.
    """
    entry = audit_log.by_id(entry_id)
    if entry.undoes_id is not None or "batch" not in entry.after:
        raise NotFound("Undoing a deletion cannot be undone. Delete the page's comments again.")
    batch, into = entry.after["batch"], tokens.new_batch()
    while _restore_part(batch, into, by, now):
        pass
    return _reopen(entry_id, by, ip, now)


@retried
def _restore_part(batch: str, into: str, by: Actor, now: datetime) -> int:
    with write():
        _hold(by)
        ids = {decision.comment_id for decision in decisions.latest_of_batch(batch, AT_ONCE)}
        threads.lock(comments.thread_ids_of(ids))
        found = {comment.id: comment for comment in comments.of_ids(ids)}
        # Read again: only now can nobody else decide on them.
        undone = [d for d in decisions.latest_of_batch(batch, AT_ONCE) if d.comment_id in found]
        account = by if isinstance(by, Account) else None
        transitions.take_back(undone, found, account, into, now, _no_text)
        return len(undone)


@retried
def _reopen(entry_id: int, by: Actor, ip: str, now: datetime) -> ThreadChange:
    with write(keep_loaded=True):
        _hold(by)
        entry = audit_log.by_id(entry_id)
        site = db.session.get_one(Site, entry.site_id)
        thread = db.session.get(Thread, entry.thread_id)
        if thread is None:
            raise Conflict("This page was merged since. Its comments are restored.", "changed-since")
        threads.lock([thread.id])
        db.session.refresh(thread)
        if _is_undone(site, entry):
            raise Conflict("This deletion was undone already.", "changed-since")
        pinned_id = entry.before["pinned_id"]
        pinned = comments.find_parent(thread, pinned_id) if pinned_id is not None else None
        if pinned is not None and pinned.status == Status.APPROVED:
            threads.pin_again(thread.id, pinned.id)
        thread.is_open = entry.before["is_open"]
        names: dict[str, Any] = {
            "site": site,
            "by": by,
            "subject": thread.key,
            "ip": ip,
            "thread_id": thread.id,
            "undoes": entry,
        }
        audit_log.add(THREAD_DELETE, now, before={"is_open": False}, after={"is_open": thread.is_open}, **names)
        db.session.flush()
        threads.touch(thread.id, 0)
        db.session.refresh(thread)
        return ThreadChange(thread, None)


def _is_undone(site: Site, entry: AuditEntry) -> bool:
    later: Sequence[AuditEntry] = audit_log.about(site, THREAD_DELETE, entry.subject, 20)
    return any(one.undoes_id == entry.id for one in later)


def _no_text(comment: Comment, decision: Decision) -> None:
    """A deletion leaves the text as it is."""


def _hold(by: Actor) -> None:
    if isinstance(by, Account):
        accounts.hold(by.id)
