"""Transitions: the only code that changes a comment's status, with everything that follows from it.

A transition writes the new status, counts up the comment's version and logs a decision. It brings the counters, the
visible tree and the thread's version in line, so that cached pages are rebuilt. It queues the notifications of
published replies, and has the page of a new thread read for its title. A moderator's decision also answers the open
reports of the comment and its open appeal. The caller holds the locks of the threads and commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from commentsvc.core import page_keys, status, tokens
from commentsvc.core.job_kinds import ReadPageJob, ReplyNoticeJob
from commentsvc.core.status import Action, Status
from commentsvc.core.verdict import Verdict
from commentsvc.gateways import metrics
from commentsvc.store import (
    appeals,
    authors,
    comment_visibility,
    counters,
    decisions,
    jobs,
    reply_notifications,
    reports,
    rule_hits,
    thread_titles,
    threads,
)
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment, CommentKind
from commentsvc.store.db import db
from commentsvc.store.decisions import EDIT, AutomaticDecision, Decision
from commentsvc.store.threads import Thread

ACTION_TO = {target: action for action, target in status.TARGET.items()}
# A page is read again when an approved comment names it otherwise: one job for all comments of this time.
READ_AGAIN_AFTER = timedelta(seconds=10)
BY_AUTHOR = "author"  # in place of a rule's name: the author of the comment did it
# A comment with the status that it had before; None for a new comment.
Move: TypeAlias = tuple[Comment, Status | None]


@dataclass(frozen=True)
class DecisionActor:
    """The cause of a change of status: a moderator's account, a rule, or the comment's author (BY_AUTHOR)."""

    account: Account | None = None
    rule: str | None = None


@dataclass(frozen=True)
class Transition:
    """The status that a comment gets. `note` is for moderators, `message` for the author."""

    comment: Comment
    to: Status
    note: str = ""
    message: str = ""
    reasons: list[dict[str, Any]] | None = None


def apply(
    transitions: Sequence[Transition],
    actor: DecisionActor,
    batch: str | None,
    now: datetime,
    changed_site_ids: Iterable[int] = (),
) -> list[Decision]:
    """Give comments their new status; gives a decision for each, in their order.

    `batch` is the act that they are undone with; None: each is an act of its own. A comment that has the status
    already gets a decision too: approving it again answers its reports. `changed_site_ids` are sites whose published
    pages change for another reason.
    """
    moves: list[Move] = []
    made = []
    for one in transitions:
        comment, before = one.comment, Status(one.comment.status)
        comment.status = one.to
        comment.version += 1
        if one.to is not before:
            moves.append((comment, before))
        made.append(
            decisions.add(
                comment,
                ACTION_TO[one.to],
                before,
                batch or tokens.new_batch(),
                now,
                by=actor.account,
                rule=actor.rule,
                note=one.note,
                message=one.message,
                reasons=one.reasons,
            )
        )
    update_counters(moves, changed_site_ids)
    _queue_jobs(moves, now)
    if actor.account is not None and made:
        db.session.flush()
        appeals.answer_all(made)
        for one, decision in zip(transitions, made, strict=True):
            reports.answer(one.comment, decision)
    return made


@dataclass(frozen=True)
class JudgedComment:
    """A new or edited comment with its verdict; `before` is None for a new one, which has the status already."""

    comment: Comment
    before: Status | None
    verdict: Verdict
    settings_version: str


def apply_verdicts(judged: Sequence[JudgedComment], now: datetime) -> None:
    """Give comments the status of their verdicts, and log these with the settings that they were made by."""
    for one in judged:
        if one.before is not None:
            one.comment.status = one.verdict.status
            one.comment.version += 1
    db.session.flush()
    decisions.add_automatic(
        [
            AutomaticDecision(
                one.comment, ACTION_TO[one.verdict.status], one.before, one.verdict.decided_by, one.settings_version
            )
            for one in judged
        ],
        now,
    )
    rule_hits.add_all([(one.comment, reason) for one in judged for reason in one.verdict.objections], now)
    moves = [(one.comment, one.before) for one in judged]
    update_counters(moves)
    _queue_jobs(moves, now)


def add_reply(reply: Comment, by: Account, batch: str, now: datetime) -> Decision:
    """Log and count a moderator's reply, a new comment, as a part of an act."""
    decision = decisions.add(reply, Action.APPROVE, None, batch, now, by=by)
    update_counters([(reply, None)])
    _queue_jobs([(reply, None)], now)
    return decision


def add_edit(comment: Comment, by: Account, now: datetime) -> Decision:
    """Log a moderator's new text of a comment, which keeps its status."""
    note_new_text(comment)
    decision = decisions.add(comment, EDIT, comment.current, tokens.new_batch(), now, by=by)
    update_counters([(comment, comment.current)])
    return decision


def note_new_text(comment: Comment) -> None:
    """Count up the version: a moderator who has read the text before must read it again."""
    comment.version += 1


def take_back(
    undone: Sequence[Decision],
    found: Mapping[int, Comment],
    by: Account | None,
    batch: str,
    now: datetime,
    restore_text: Callable[[Comment, Decision], None],
) -> list[Decision]:
    """Undo decisions on the comments `found`, by id; gives a decision for each, in their order.

    `by` is None for the command line.
    `restore_text` brings back the text that an edit replaced. The reports and appeals that the undone decisions had
    answered are open again.
    """
    moves: list[Move] = []
    made = []
    for decision in undone:
        comment = found[decision.comment_id]
        before = Status(comment.status)
        comment.version += 1
        if decision.action == EDIT:
            restore_text(comment, decision)
            action: str = EDIT
        else:
            # Undoing a moderator's reply, a comment that had no status before, deletes it.
            back_to = Status(decision.status_before or Status.DELETED)
            if back_to is not before:
                comment.status = back_to
                moves.append((comment, before))
            action = ACTION_TO[back_to]
        rule = None if by is not None else decisions.COMMAND_LINE
        made.append(decisions.add(comment, action, before, batch, now, by=by, rule=rule, undoes=decision))
    update_counters(moves)
    db.session.flush()
    queue_page_reads(moves, now)
    reopened = appeals.reopen(decision.id for decision in undone)
    appeals.answer_all(d for d in made if d.comment_id not in reopened and d.action != EDIT)
    _reopen_reports(undone, made, found)
    return made


def _reopen_reports(undone: Sequence[Decision], made: Sequence[Decision], found: Mapping[int, Comment]) -> None:
    had_answered = reports.answered_by([decision.id for decision in undone])
    for old, new in zip(undone, made, strict=True):
        comment = found[new.comment_id]
        if not comment.flag_count and old.id not in had_answered:
            continue
        # Undoing that readers had the comment held, or that its reports are open again, answers the reports.
        had_opened = old.by_rule == reports.HOLD_RULE or old.undoes_id is not None
        if not reports.reopen(comment, old) and had_opened:
            reports.answer(comment, new)


def update_counters(moves: Sequence[Move], changed_site_ids: Iterable[int] = ()) -> None:
    """Bring everything that is kept beside comments in line after they got a status, the thread's version too.

    The caller holds the threads' locks. All sums are made in the database, in a fixed order of rows.
    """
    statuses: Counter[tuple[int, Status]] = Counter({(site_id, Status.APPROVED): 0 for site_id in changed_site_ids})
    by_author: dict[int, Counter[str]] = {}
    was_visible = {comment.id: comment.is_visible_in_tree for comment, _ in moves}
    comment_visibility.update(comment for comment, _ in moves)
    versions: Counter[int] = Counter()
    flagged: Counter[int] = Counter()
    approved, withdrawn = [], []
    for comment, before in moves:
        after = Status(comment.status)
        metrics.DECISIONS.labels(after).inc()
        statuses[comment.site_id, after] += 1
        by_author.setdefault(comment.author_id, Counter())[after] += 1
        if before is not None:
            statuses[comment.site_id, before] -= 1
            by_author[comment.author_id][before] -= 1
            if comment.flag_count:
                flagged[comment.site_id] += (after is Status.APPROVED) - (before is Status.APPROVED)
            if before is Status.APPROVED and after is not Status.APPROVED:
                withdrawn.append(comment)
            if after is Status.APPROVED and (comment.page_title or comment.page_url):
                approved.append(comment)  # a comment that is published at once has described its page already
        if was_visible[comment.id] or comment.is_visible_in_tree:
            change = (after is Status.APPROVED) - (before is Status.APPROVED)
            versions[comment.thread_id] += change if comment.kind == CommentKind.COMMENT else 0
    if withdrawn:
        threads.unpin([c.id for c in withdrawn], {c.thread_id for c in withdrawn})
    if approved or withdrawn:
        thread_titles.update(approved, withdrawn)
    threads.touch_all(versions)
    authors.add_to_counts(by_author)
    counters.add(statuses)
    counters.add_flagged(flagged)


def _queue_jobs(moves: Sequence[Move], now: datetime) -> None:
    """Queue what follows from the moves, in their commit."""
    queue_reply_notifications(moves, now)
    queue_page_reads(moves, now)


def queue_page_reads(moves: Sequence[Move], now: datetime) -> None:
    """Have pages read whose first comment is published, or whose new comment gives another title or address."""
    published: dict[int, list[Comment]] = {}
    for comment, before in moves:
        is_new = comment.status == Status.APPROVED and before is not Status.APPROVED
        if is_new and comment.kind == CommentKind.COMMENT:
            published.setdefault(comment.thread_id, []).append(comment)
    for thread in threads.with_ids(published) if published else ():
        named = [comment for comment in published[thread.id] if _names_otherwise(comment, thread)]
        is_due = thread.page_asked_at is None or thread.page_asked_at <= now - READ_AGAIN_AFTER
        if thread.page_asked_at is None or (named and is_due):
            urls = [comment.page_url for comment in (named or published[thread.id]) if comment.page_url]
            queue_page_read(thread, urls[-1] if urls else "", now)


def _names_otherwise(comment: Comment, thread: Thread) -> bool:
    is_title_new = bool(comment.page_title) and comment.page_title != thread.title
    return is_title_new or (bool(comment.page_url) and comment.page_url != thread.url)


def queue_page_read(thread: Thread, url: str, now: datetime) -> None:
    """Have the page of a thread read, unless both title and address are fixed; `url` is where it may be, or "".

    A page that a script keeps in the fragment is not read: its server does not know it.
    """
    is_fixed = thread.is_title_fixed and thread.is_url_fixed
    if not is_fixed and not page_keys.has_route(url or thread.url):
        thread.page_asked_at = now
        jobs.add(ReadPageJob(thread.id, url or thread.url), now)


def queue_reply_notifications(moves: Sequence[Move], now: datetime) -> None:
    """Queue the mails to authors whose comments have got a published reply, in the commit that publishes it."""
    answers = [(comment, before) for comment, before in moves if comment.parent_id is not None]
    published = [c.id for c, before in answers if c.status == Status.APPROVED and before is not Status.APPROVED]
    for comment_id in reply_notifications.ids_to_announce(published) if published else ():
        jobs.add(ReplyNoticeJob(comment_id), now)
