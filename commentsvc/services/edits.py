"""An author edits or withdraws their own comment within the edit window."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from commentsvc.core import sanitizer
from commentsvc.core import verdict as core_verdict
from commentsvc.core.errors import Conflict, NotAllowed
from commentsvc.core.phrases import counted, phrase
from commentsvc.core.status import Status
from commentsvc.core.verdict import Facts, Record, SanctionEffect
from commentsvc.services import address_checks as address_checks_service
from commentsvc.services import mail_queue, rules, signals, spam_training, transitions
from commentsvc.services import sanctions as sanctions_service
from commentsvc.services.decision_log import (
    message_to_author,
    reason_json,
    reasons_json,
    rendered,
    role_of,
)
from commentsvc.services.submissions import Posted, text_hash
from commentsvc.services.transitions import BY_AUTHOR, DecisionActor, JudgedComment, Transition
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import (
    comments,
    revisions,
    threads,
)
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.reports import HOLD_RULE
from commentsvc.store.transactions import retried, write


@retried
def edit(comment_id: int, source: str, by: Account | None, now: datetime) -> Posted:
    """Replace the text within the site's edit window; the new text is judged like a new comment."""
    html = rendered(source)

    with write(keep_loaded=True):
        if by is not None:
            stored_accounts.hold(by.id)
        comment = own_comment(comment_id, now)
        site, before = comment.site, Status(comment.status)
        role = role_of(site, by)
        email = comment.author_email or ""
        account_id = by.id if by else None
        standing = SanctionEffect.NONE
        if role is None:
            standing = sanctions_service.standing(site, account_id, email, comment.ip, now, comment.author_id)
        submission = replace(comment.submission, source=source, html=html)
        record = without(signals.record(comment.author, role is not None, standing, now), before)
        policy = core_verdict.in_thread(site.policy, comment.thread.mode)
        rulebook = rules.rulebook(site)
        first = core_verdict.facts(comment.facts).moment
        score, words = spam_training.opinion(site, policy, submission)
        moment = replace(first, spam_score=score, spam_words=words)
        verdict = core_verdict.judge(submission, policy, rulebook.rules, record, moment)
        if before is Status.PENDING and comment.flag_count:
            # Readers had it held and no moderator has answered them: its author can't.
            reported = [reason_json(kept) for kept in comment.reasons if kept["rule"] == HOLD_RULE]
            verdict = core_verdict.still_held(verdict, reported)
        if before is Status.PENDING and (kept := address_checks_service.kept_reasons(comment.reasons)):
            verdict = core_verdict.still_held(verdict, kept)

        revisions.add(comment, now)
        spam_training.forget(comment)
        comment.source, comment.html, comment.renderer = source, html, sanitizer.RENDERER
        comment.text_hash = text_hash(source)
        comment.edited_at = now
        comment.reasons = reasons_json(verdict)
        comment.facts = core_verdict.facts_json(Facts(record, moment))
        comment.spam_score = score
        version = core_verdict.version(policy, rulebook.digest)
        transitions.apply_verdicts([JudgedComment(comment, before, verdict, version)], now)
        mail_queue.add_pending_notice(comment, now)
    return message_to_author(comment, verdict)


@retried
def withdraw(comment_id: int, now: datetime) -> None:
    """The author takes the comment back, within the site's edit window."""
    with write():
        comment = own_comment(comment_id, now)
        transitions.apply([Transition(comment, Status.DELETED)], DecisionActor(rule=BY_AUTHOR), None, now)


def without(record: Record, status: Status) -> Record:
    """The record but for the comment being edited: it must not vouch for itself."""
    return replace(record, approved=record.approved - (status is Status.APPROVED))


def own_comment(comment_id: int, now: datetime) -> Comment:
    """The author's comment, with its thread locked, while it can still be changed."""
    comment = comments.by_id(comment_id)
    threads.lock([comment.thread_id])
    comment = comments.of_ids([comment_id])[0]
    if comment.status_for_author not in (Status.APPROVED, Status.PENDING):
        raise Conflict(phrase("A moderator has removed this comment; it can no longer be edited."), "removed")
    age_s = (now - comment.created_at).total_seconds()
    if age_s > comment.site.policy.edit_window_s:
        minutes = comment.site.policy.edit_window_s // 60
        sentence = counted(
            "Comments can be edited for one minute here; that time has passed.",
            "Comments can be edited for %(num)s minutes here; that time has passed.",
            minutes,
        )
        raise NotAllowed(sentence)
    return comment
