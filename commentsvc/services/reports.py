"""Takes a reader's report of a comment in; enough of them bring the comment back to the queue."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from commentsvc.core import phrases, text_input, tokens
from commentsvc.core.errors import Invalid, TooMany
from commentsvc.core.networks import NetworkScope, network_of
from commentsvc.core.phrases import counted, phrase
from commentsvc.core.rule_kinds import Outcome
from commentsvc.core.status import Status
from commentsvc.core.verdict import Reason
from commentsvc.services import mail_queue, thread_pages, transitions
from commentsvc.services.submissions import Sender
from commentsvc.services.transitions import DecisionActor, Transition
from commentsvc.store import accounts, authors, memberships, reports
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.reports import TEXT_MAX, Report, ReportReason
from commentsvc.store.transactions import retried, write

FLAGS_MAX = 10  # by one person in a window: more is a campaign, not reading
WINDOW_S = 10 * 60
FLAGS_NEAR_MAX = 30  # by all guests of a neighbourhood in a window
# A guest is identified by household and browser, and anybody can choose a User-Agent: the reports of one household must
# not reach the usual threshold.
GUESTS_MAX = 2
SPELLED = {"offtopic": ReportReason.OFF_TOPIC, "illegal_content": ReportReason.ILLEGAL}


@dataclass(frozen=True)
class ReportOutcome:
    """`is_new` is false for a person who had reported the comment before; `is_held`: it is out of sight now."""

    is_new: bool
    is_held: bool
    is_answered: bool  # a moderator has decided on it since this person reported it


@retried
def flag(comment_id: int, reason: str, words: str, sender: Sender, secret: str, now: datetime) -> ReportOutcome:
    """Report a published comment to the moderators; a person counts once, and may change what they said.

    Raises NotFound unless the comment is published, Invalid naming the field, or TooMany.
    """
    why = _reason(reason)
    words = text_input.normalised(words, "text")
    if len(words) > TEXT_MAX:
        raise Invalid("text", phrase("Please use at most %(limit)s characters.", limit=TEXT_MAX))
    if why is ReportReason.OTHER and not words:
        raise Invalid("text", phrase("Please say in a few words what is wrong with this comment."))

    with write():
        if sender.account is not None:
            accounts.hold(sender.account.id)
        comment = thread_pages.locked(comment_id)
        authors.lock_author(comment.author_id)  # before the tally, as in posting
        guest_hash = tokens.keyed(secret, "flag", network_of(sender.ip, NetworkScope.HOUSEHOLD), sender.user_agent)
        found = reports.find(comment, sender.account, guest_hash)
        if found is None:
            if sender.limited:
                _check_pace(comment, sender, now)
            db.session.add(_new(comment, why, words, sender, guest_hash, now))
            reports.open_in(comment, 1)
        elif found.handled_at is None:
            found.reason, found.text = why, words
        elif comment.edited_at and comment.edited_at > found.handled_at:
            # The comment has changed since it was judged.
            found.reason, found.text, found.created_at = why, words, now
            found.handled_at = found.decision_id = None
            reports.open_in(comment, 1)
        is_held = _is_enough(comment)
        if is_held:
            db.session.flush()
            _hold(comment, reports.open_of([comment.id])[comment.id], now)
        return ReportOutcome(found is None, is_held, found is not None and found.handled_at is not None)


def _reason(value: str) -> ReportReason:
    word = re.sub(r"[\s_-]+", "_", value.strip().lower())
    if word in SPELLED:
        return SPELLED[word]
    if word not in set(ReportReason):
        raise Invalid("reason", f"reason is one of {', '.join(ReportReason)}.")
    return ReportReason(word)


def _new(comment: Comment, why: ReportReason, words: str, sender: Sender, guest_hash: bytes, now: datetime) -> Report:
    return Report(
        site_id=comment.site_id,
        comment_id=comment.id,
        account_id=sender.account.id if sender.account else None,
        guest_hash=None if sender.account else guest_hash,
        reason=why,
        text=words,
        ip=sender.ip,
        network=network_of(sender.ip, NetworkScope.NEIGHBOURHOOD),
        created_at=now,
    )


def _check_pace(comment: Comment, sender: Sender, now: datetime) -> None:
    since = now - timedelta(seconds=WINDOW_S)
    own, near = reports.made_since(sender.account, sender.ip, since, now, FLAGS_NEAR_MAX)
    if own >= FLAGS_MAX or near >= FLAGS_NEAR_MAX:
        raise TooMany(phrase("You've reported many comments. Please wait a few minutes."), WINDOW_S)
    if sender.account is None and reports.open_by_guests_at(comment, sender.ip) >= GUESTS_MAX:
        raise TooMany(
            phrase("This comment was already reported from your network. A moderator will review it."), WINDOW_S
        )


def _is_enough(comment: Comment) -> bool:
    needed = comment.site.policy.flags_hold
    if not needed or comment.flag_count < needed:
        return False
    writer = comment.author.account
    return writer is None or memberships.role_on(writer, comment.site) is None


def _hold(comment: Comment, reported: Sequence[Report], now: datetime) -> None:
    """Back to the queue, by a decision that a moderator can undo; the reports stay open until one decides."""
    sentence = counted("One reader reported it.", "%(num)s readers reported it.", len(reported))
    tallied = Counter(flag.reason for flag in reported).most_common()
    match = ", ".join(f"{why} ×{times}" if times > 1 else why for why, times in tallied)
    reason = {**asdict(Reason(reports.HOLD_RULE, Outcome.HOLD, sentence, match)), **phrases.to_json(sentence)}
    comment.reasons = [reason, *(r for r in comment.reasons if r["rule"] != reports.HOLD_RULE)]
    held = Transition(comment, Status.PENDING, reasons=[reason])
    transitions.apply([held], DecisionActor(rule=reports.HOLD_RULE), None, now)
    mail_queue.add_pending_notice(comment, now)
