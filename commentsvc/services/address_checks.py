"""Comments that wait for the holder of their e-mail address, who confirms them by a link in a mail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from commentsvc.core import phrases, tokens, verdict
from commentsvc.core.errors import NotFound
from commentsvc.core.job_kinds import ConfirmCommentJob
from commentsvc.core.phrases import phrase
from commentsvc.core.rule_kinds import Outcome
from commentsvc.core.status import Status
from commentsvc.core.verdict import Reason
from commentsvc.gateways import mail_templates
from commentsvc.services import mail_queue, transitions
from commentsvc.services.mail_links import MailLinks
from commentsvc.services.transitions import DecisionActor, Transition
from commentsvc.store import address_checks, authors, comments, jobs, moderator_mails, subscriptions, threads
from commentsvc.store.comments import Comment
from commentsvc.store.transactions import retried, write

LINK_LIFE = timedelta(days=7)
REASON = Reason(
    address_checks.HOLD_RULE,
    Outcome.HOLD,
    phrase("The owner of this email address must first confirm the comment, using a link sent by email."),
)


def ask(comment: Comment, language: str | None, secret: str, now: datetime) -> None:
    """Have the address of a comment asked, unless it got enough such mails today; the caller commits."""
    email = comment.author_email or ""
    if address_checks.take_mail(comment.ip, tokens.keyed(secret, "address check", email), now):
        jobs.add(ConfirmCommentJob(comment.id, language), now)


@retried
def mail(comment_id: int, language: str | None, sender: MailLinks, now: datetime) -> None:
    """Queue the mail that asks for confirmation, without text of the comment: anybody can type any address."""
    with write():
        comment = next(iter(comments.of_ids([comment_id])), None)
        if comment is not None and is_waiting(comment) and comment.author_email:
            translator = comment.site.translator(language)
            link = sender.confirm_comment_link(comment.id, translator.tag)
            written = mail_templates.render("confirm_comment", translator, site=comment.site, link=link)
            mail_queue.add(comment.author_email, written, now)


def is_waiting(comment: Comment) -> bool:
    return comment.status == Status.PENDING and any(r["rule"] == address_checks.HOLD_RULE for r in comment.reasons)


def comment_of(number: int, now: datetime) -> Comment:
    """The comment that a link asks about; raises NotFound when it no longer waits, or the link is too old."""
    comment = next(iter(comments.of_ids([number])), None)
    if comment is None or now >= comment.created_at + LINK_LIFE:
        raise NotFound(moderator_mails.LOST)
    if not is_waiting(comment):
        raise NotFound(phrase("This comment no longer needs confirmation."))
    return comment


@retried
def confirm(number: int, now: datetime) -> Comment:
    """The holder of the address wrote the comment: publish it unless something else holds it. Raises as comment_of."""
    with write():
        threads.lock(comments.thread_ids_of([number]))
        comment = comment_of(number, now)
        _give_to_author(comment, now)
        subscriptions.confirm(comment.site_id, comment.author_email or "", now)

        others = [reason for reason in comment.reasons if reason["rule"] != address_checks.HOLD_RULE]
        is_free = all(verdict.STATUS[Outcome(reason["outcome"])] is Status.APPROVED for reason in others)
        comment.reasons = others
        confirmed = Transition(comment, Status.APPROVED if is_free else Status.PENDING, reasons=others)
        transitions.apply([confirmed], DecisionActor(rule=address_checks.HOLD_RULE), None, now)
    return comment


def _give_to_author(comment: Comment, now: datetime) -> None:
    """While it waited it was nobody's in particular; now it counts for the guest of this name and address."""
    email = comment.author_email or ""
    author = authors.get_or_add_author(comment.site, None, comment.author_name, email, comment.ip, now)
    if author.id != comment.author_id:
        authors.add_to_counts({comment.author_id: {Status.PENDING: -1}, author.id: {Status.PENDING: 1}})
        comment.author_id = author.id


def kept_reasons(reasons: Sequence[dict[str, Any]]) -> list[Reason]:
    """The reason of a comment that still waits for the holder of its address, for judging it again after an edit."""
    kept = [reason for reason in reasons if reason["rule"] == address_checks.HOLD_RULE]
    return [Reason(r["rule"], Outcome(r["outcome"]), phrases.from_json(r), r["match"]) for r in kept]
