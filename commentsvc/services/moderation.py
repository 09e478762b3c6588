"""Moderates: one act on one or many comments, all or nothing, in one commit; and its undoing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from commentsvc.core import routes, status, tokens
from commentsvc.core.errors import Conflict, Invalid, NotFound, NotProved
from commentsvc.core.phrases import phrase
from commentsvc.core.status import Action, Status
from commentsvc.core.whole_numbers import is_row_id
from commentsvc.services import moderator_edits, transitions
from commentsvc.services.transitions import DecisionActor, Transition
from commentsvc.store import (
    accounts,
    appeals,
    audit_log,
    comment_search,
    comments,
    decisions,
    memberships,
    threads,
)
from commentsvc.store.accounts import Account
from commentsvc.store.comment_search import Wanted
from commentsvc.store.comments import Comment
from commentsvc.store.decisions import NOTE_MAX, Decision
from commentsvc.store.memberships import Role
from commentsvc.store.sites import Site
from commentsvc.store.transactions import retried, write

BATCH_MAX = 500


@dataclass(frozen=True)
class Moderator:
    """An account, the one site its token is for (None: all of its sites), and whether a second factor was shown.

    For a browser session `has_shown_factor` is its own; for a token, that of the session that made it.
    """

    account: Account
    only_site_id: int | None = None
    has_shown_factor: bool = False

    def may_moderate(self, site: Site) -> bool:
        return self.only_site_id in (None, site.id) and memberships.role_on(self.account, site) is not None

    @property
    def may_everywhere(self) -> bool:
        """Whether this moderator decides for every site: an admin, whose token is for no single site."""
        return self.account.is_admin and self.only_site_id is None

    def check_factor(self, site: Site) -> None:
        """Raise NotProved when the site requires a second factor of its moderators and none was shown."""
        if site.policy.second_factor_required and not self.has_shown_factor:
            raise NotProved(
                f"“{site.name}” asks for a second factor. Add one at {routes.SECURITY}, then go on. A token must be "
                "made by a session that has shown one.",
                has_factor=False,
            )

    def sees_addresses(self, site: Site) -> bool:
        """Whether e-mail and network addresses of those who comment are for this moderator: an owner decides."""
        role = memberships.role_on(self.account, site)
        return role is Role.OWNER or (role is not None and site.policy.moderators_see_addresses)


@dataclass(frozen=True)
class DecisionText:
    """The texts of a decision: `note` for other moderators, `message` for the author."""

    note: str = ""
    message: str = ""


@dataclass(frozen=True)
class DecisionOutcome:
    """`undo` is what takes the whole act back; `left` counts what a part of a larger act has not reached yet."""

    decisions: Sequence[Decision]
    undo: str
    left: int = 0


@retried
def decide(
    ids: Sequence[int],
    action: Action,
    by: Moderator,
    note: str,
    now: datetime,
    message: str = "",
    seen: Mapping[int, int] | None = None,
) -> DecisionOutcome:
    """Apply a moderator's act to every comment, or to none.

    `seen` holds the versions that the moderator looked at: Conflict says who was faster when one has moved on.
    Raises Invalid for an empty or too long list, NotFound when one of them is not the moderator's to judge.
    A comment that is where the act leads already is left as it is, unless readers have reported it: approving it once
    more answers them. Conflict when there was nothing to do for any.
    """
    words = _checked(DecisionText(note, message))
    if not ids or len(ids) > BATCH_MAX:
        raise Invalid("ids", f"Select 1 to {BATCH_MAX} comments.")

    with write(keep_loaded=True):
        found = locked(ids, by)
        check_unchanged(found, seen or {})
        if action is not Action.DELETE and any(is_erased(comment) for comment in found):
            raise Conflict("One of these comments was deleted by its author.", "erased")
        made = apply(found, action, by, words, tokens.new_batch(), now)
        if not made:
            raise Conflict(f"Already {status.TARGET[action]}.", "no-change")
    return DecisionOutcome(made, made[0].batch)


@retried
def edit(comment_id: int, source: str, by: Moderator, seen: int | None, now: datetime) -> Decision:
    """Replace the text of a comment; raises NotFound, and as moderator_edits.rewrite()."""
    with write(keep_loaded=True):
        (comment,) = locked([comment_id], by)
        return moderator_edits.rewrite(comment, source, by.account, seen, now)


@retried
def uphold(comment_id: int, by: Moderator, now: datetime) -> None:
    """Answer the open appeal of a comment without a decision: the refusal stands; raises NotFound."""
    with write():
        (comment,) = locked([comment_id], by)
        appeals.uphold(comment.id, by.account, now)


@retried
def decide_matching(
    wanted: Wanted, action: Action, by: Moderator, words: DecisionText, batch: str | None, now: datetime
) -> DecisionOutcome:
    """Apply an action to the first 500 comments of a list, as a part of the act `batch` (None: the first part).

    The caller repeats it until no decision comes back. Comments that have left the list meanwhile are not changed.
    """
    words = _checked(words)
    if batch is not None and not decisions.is_by(batch, by.account):
        raise NotFound("There is no such action to continue.")
    batch = batch or tokens.new_batch()
    ids = comment_search.ids(wanted, BATCH_MAX)
    if not ids:
        return DecisionOutcome([], batch)

    with write(keep_loaded=True):
        found = [comment for comment in locked(ids, by) if comment.status == wanted.status and not is_erased(comment)]
        made = apply(found, action, by, words, batch, now)
    return DecisionOutcome(made, batch, left=1)


@retried
def undo(batch: str, by: Moderator, now: datetime, into: str | None = None) -> DecisionOutcome:
    """Put the comments of an act back as they were, or none of them.

    An act on more than 500 is undone in parts, each call the newest 500 that nobody has decided on since; `into` is
    the act that the parts before have made, and `left` says how many remain.
    Raises NotFound for an unknown act, Conflict when a later decision on one of the comments still holds.
    """
    with write(keep_loaded=True):
        size = decisions.sizes_of({batch}).get(batch, 0)
        is_large = size > BATCH_MAX
        members = decisions.of_batch(batch, BATCH_MAX)
        if not members or not all(_can_be_undone(d) for d in members):
            raise NotFound(phrase("There is nothing to undo."))
        part = (decisions.latest_of_batch(batch, BATCH_MAX) or members) if is_large else members
        found = {comment.id: comment for comment in locked({d.comment_id for d in part}, by)}
        # Only now can nobody else decide; on a large act somebody may have, on comments that the part then leaves out.
        if is_large:
            taken_back = [d for d in decisions.latest_of_batch(batch, BATCH_MAX) if d.comment_id in found]
        else:
            can_undo = decisions.undoable(found)
            taken_back = [decision for decision in members if decision.id in can_undo]
        if not taken_back or (not is_large and len(taken_back) != size):
            sentence = phrase("Someone has decided on these comments since. Check them again.")
            raise Conflict(sentence, "changed-since")
        new_batch = into if into is not None and decisions.is_by(into, by.account) else tokens.new_batch()
        was_published = {comment.id for comment in found.values() if comment.status == Status.APPROVED}
        restore_text = partial(moderator_edits.restore, by=by.account, now=now)
        made = transitions.take_back(taken_back, found, by.account, new_batch, now, restore_text)
        _pin_again([found[d.comment_id] for d in taken_back if d.comment_id not in was_published])
        left = decisions.count_latest_of_batch(batch) if is_large else 0
    return DecisionOutcome(made, new_batch, left)


def _pin_again(moved: Sequence[Comment]) -> None:
    """Pin comments that were pinned when they were withdrawn, where nobody has changed the pin since."""
    published = {comment.id: comment for comment in moved if comment.status == Status.APPROVED}
    if not published:
        return
    site_ids = {comment.site_id for comment in published.values()}
    thread_ids = {comment.thread_id for comment in published.values()}
    for thread_id, entry in audit_log.newest_of_threads(site_ids, thread_ids, "pinned_id").items():
        comment = published.get(entry.after["pinned_id"] or 0)
        if comment is not None and comment.thread_id == thread_id:
            threads.pin_again(thread_id, comment.id)


def apply(
    found: Sequence[Comment], action: Action, by: Moderator, words: DecisionText, batch: str, now: datetime
) -> list[Decision]:
    """Move comments that the caller has locked; the caller commits. Gives no decision for those that are there."""
    target = status.TARGET[action]
    changes = []
    for comment in found:
        if comment.status != target:
            status.move(Status(comment.status), action)  # raises for a move that is not allowed
        elif action is not Action.APPROVE or not comment.flag_count:
            continue
        changes.append(Transition(comment, target, note=words.note, message=words.message))
    return transitions.apply(changes, DecisionActor(by.account), batch, now)


def is_erased(comment: Comment) -> bool:
    """Whether its text went with its author's account: there is nothing left to publish."""
    return comment.status == Status.DELETED and not comment.source and comment.import_id is None


def locked(ids: Iterable[int], by: Moderator) -> list[Comment]:
    """The comments, with the moderator's account held and their threads locked first, in the order of posting.

    Raises NotFound when one of them is not the moderator's to judge, NotProved where the site of one of them requires
    a second factor that was not shown.
    """
    wanted = set(ids)
    if any(not is_row_id(number) for number in wanted):
        raise NotFound(phrase("One of these comments was not found."))
    accounts.hold(by.account.id)
    threads.lock(comments.thread_ids_of(wanted))
    found = comments.of_ids(wanted)
    sites = {c.site_id: c.site for c in found}.values()
    if len(found) != len(wanted) or not all(by.may_moderate(site) for site in sites):
        raise NotFound(phrase("One of these comments was not found."))
    for site in sites:
        by.check_factor(site)
    return found


def _checked(words: DecisionText) -> DecisionText:
    words = replace(words, note=words.note.replace("\0", "").strip(), message=words.message.replace("\0", "").strip())
    for name, value in (("note", words.note), ("told", words.message)):
        if len(value) > NOTE_MAX:
            raise Invalid(name, f"Use at most {NOTE_MAX} characters.")
    return words


def check_unchanged(found: Sequence[Comment], seen: Mapping[int, int]) -> None:
    """Raise Conflict, naming who was faster, when one of these is no longer at the version that was looked at."""
    moved = [comment for comment in found if comment.id in seen and comment.version != seen[comment.id]]
    if not moved:
        return
    last = decisions.newest(moved[0].id)
    when = f"{last.created_at:%H:%M:%S} UTC on {last.created_at.day} {last.created_at:%B}"
    others = f" {len(moved) - 1} more have changed too." if len(moved) > 1 else ""
    raise Conflict(
        f"{last.who} has already decided: the comment by {moved[0].author_name} "
        f"is {moved[0].status} since {when}.{others} Nothing was changed.",
        "changed-since",
    )


def _can_be_undone(decision: Decision) -> bool:
    """Whether a decision can be undone: not the first verdict, except a moderator's reply as a part of its act."""
    return decision.status_before is not None or decision.by_account_id is not None
