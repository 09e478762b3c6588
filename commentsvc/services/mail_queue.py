"""Queues the jobs that send mails, in the transaction that causes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from commentsvc.core.job_kinds import ConfirmSubscriptionJob, MailJob, NoMailJob, PendingNoticeJob
from commentsvc.core.status import Status
from commentsvc.gateways.mail_templates import RenderedMail
from commentsvc.store import digest_settings, jobs, subscriptions
from commentsvc.store.comments import Comment


def add(to: str, mail: RenderedMail, now: datetime, headers: Mapping[str, str] | None = None) -> None:
    """Queue a mail to one address; the caller commits."""
    jobs.add(MailJob(to, **asdict(mail), headers=dict(headers or {})), now)


def add_unsent(to: str, mail: RenderedMail, now: datetime) -> None:
    """Queue a job that costs what `add` costs but sends nothing; the caller commits."""
    jobs.add(NoMailJob(to, **asdict(mail)), now)


def add_pending_notice(comment: Comment, now: datetime) -> None:
    """Queue mail for the moderators who want it at once, if the comment is pending; the caller commits."""
    if comment.status == Status.PENDING and digest_settings.at_once(comment.site_id):
        jobs.add(PendingNoticeJob(comment.id), now)


def ask_about_replies(comment: Comment, language: str | None, now: datetime) -> None:
    """Record that a guest wants mail about replies, and queue the mail that asks the address; the caller commits.

    An address that has not confirmed is asked at most once a week.
    """
    subscription_id = subscriptions.add_request(comment.site_id, comment.author_email or "", language, now)
    if subscription_id is not None:
        jobs.add(ConfirmSubscriptionJob(subscription_id), now)
