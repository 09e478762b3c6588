"""Moderates: one act on one or many comments, all or nothing, in one commit; and its undoing."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from commentsvc.core import status
from commentsvc.core.errors import Conflict, Invalid, NotFound
from commentsvc.core.status import Action, Status
from commentsvc.services import publishing
from commentsvc.store import comments, decisions, flags, people, threads
from commentsvc.store.comments import Comment
from commentsvc.store.db import begin_write, db
from commentsvc.store.decisions import NOTE_MAX, Decision
from commentsvc.store.people import Account
from commentsvc.store.sites import Site

BATCH_MAX = 500


@dataclass(frozen=True)
class Moderator:
    """An account and the one site its token is for (None: all of its sites)."""

    account: Account
    only_site_id: int | None = None

    def may_moderate(self, site: Site) -> bool:
        return self.only_site_id in (None, site.id) and people.role_on(self.account, site) is not None


@dataclass(frozen=True)
class Decided:
    """`undo` is what takes the whole act back."""

    decisions: Sequence[Decision]
    undo: str


def decide(ids: Sequence[int], action: Action, by: Moderator, note: str, now: datetime) -> Decided:
    """Apply a moderator's act to every comment, or to none.

    Raises Invalid for an empty or too long list, NotFound when one of them is not the moderator's to judge.
    A comment that is where the act leads already is left as it is, unless readers have reported it: approving it once
    more answers them. Conflict when there was nothing to do for any.
    """
    if not ids or len(ids) > BATCH_MAX:
        raise Invalid("ids", f"Name 1 to {BATCH_MAX} comments.")
    if len(note) > NOTE_MAX:
        raise Invalid("note", f"A note has at most {NOTE_MAX} characters.")

    begin_write()
    found = _locked(ids, by)
    batch = secrets.token_hex(16)
    moves: list[tuple[Comment, Status | None]] = []
    made = []
    for comment in found:
        before = Status(comment.status)
        if before is not status.TARGET[action]:
            comment.status = status.move(before, action)
            moves.append((comment, before))
        elif action is not Action.APPROVE or not comment.flag_count:
            continue
        made.append(decisions.add(comment, action, before, batch, now, by=by.account, note=note))
    if not made:
        raise Conflict(f"Nothing to do: already {status.TARGET[action]}.", "no-change")

    publishing.moved(moves)
    db.session.flush()
    by_id = {comment.id: comment for comment in found}
    for decision in made:
        flags.answer(by_id[decision.comment_id], decision)
    db.session.commit()
    return Decided(made, batch)


def undo(batch: str, by: Moderator, now: datetime) -> Decided:
    """Put the comments of an act back as they were, or none of them.

    Raises NotFound for an unknown act, Conflict when one of the comments has been decided on since.
    """
    begin_write()
    taken_back = decisions.of_batch(batch)
    if not taken_back or any(d.status_before is None for d in taken_back):
        raise NotFound("There is no such act to undo.")
    found = {comment.id: comment for comment in _locked([d.comment_id for d in taken_back], by)}
    newest = decisions.newest_of(list(found))
    if any(newest[d.comment_id] != d.id for d in taken_back):
        raise Conflict("Something was decided on these comments since; look at them again.", "changed-since")
    new_batch = secrets.token_hex(16)
    moves: list[tuple[Comment, Status | None]] = []
    made = []
    for decision in taken_back:
        comment = found[decision.comment_id]
        before = Status(comment.status)
        back_to = Status(decision.status_before or Status.PENDING)
        if back_to is not before:
            comment.status = back_to
            moves.append((comment, before))
        action = next(a for a, target in status.TARGET.items() if target is back_to)
        made.append(decisions.add(comment, action, before, new_batch, now, by=by.account, undoes=decision))

    publishing.moved(moves)
    db.session.flush()
    for undone, decision in zip(taken_back, made, strict=True):
        comment = found[decision.comment_id]
        # Who takes back that readers had it held, or that the reports are open again, has answered the reports.
        had_opened = undone.by_rule == flags.HOLD_RULE or undone.undoes_id is not None
        if not flags.reopen(comment, undone) and had_opened:
            flags.answer(comment, decision)
    db.session.commit()
    return Decided(made, new_batch)


def _locked(ids: Sequence[int], by: Moderator) -> list[Comment]:
    """The comments with their threads locked first: posting takes its locks in the same order."""
    wanted = set(ids)
    if any(not 0 < number < 2**63 for number in wanted):
        raise NotFound("One of these comments is not here.")
    threads.lock(comment.thread_id for comment in comments.of_ids(wanted))
    found = comments.of_ids(wanted)
    if len(found) != len(wanted) or not all(by.may_moderate(comment.site) for comment in found):
        raise NotFound("One of these comments is not here.")
    return found
