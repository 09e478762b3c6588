"""Does background jobs: one case for each kind."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from commentsvc.core.job_kinds import (
    AvatarJob,
    ConfirmCommentJob,
    ConfirmSubscriptionJob,
    ImportJob,
    JobPayload,
    LearnImportedJob,
    MailJob,
    NoMailJob,
    NormalizeThreadsJob,
    PendingNoticeJob,
    ReadPageJob,
    ReplyNoticeJob,
    TeachSpamServiceJob,
    UndoImportJob,
)
from commentsvc.core.outbound import ALLOW_NONE, OutboundAllow
from commentsvc.gateways.mail import Mailer, OutgoingMail
from commentsvc.gateways.spam_service import NoService, SpamService
from commentsvc.services import (
    address_checks,
    avatars,
    import_runs,
    mail_links,
    notifications,
    page_reads,
    spam_training,
    thread_normalizing,
)
from commentsvc.services.mail_links import MailLinks
from commentsvc.store import time_limits
from commentsvc.store.audit_log import ActorKind

NO_SPAM_SERVICE = NoService()


@dataclass(frozen=True)
class JobTools:
    """The gateways that jobs use; `named_hosts` are the hosts in the operator's settings."""

    mailer: Mailer
    named_hosts: Collection[str]
    spam_service: SpamService = NO_SPAM_SERVICE
    links: MailLinks = mail_links.NO_LINKS
    outbound_allow: OutboundAllow = ALLOW_NONE


class PermanentFailure(Exception):
    """A job failed, and another try would fail the same way."""


def perform(payload: JobPayload, key: str, tools: JobTools, now: datetime) -> None:
    """Do a job; `key` is the same for each try of it.

    Raises PermanentFailure, Undeliverable or NotFound when another try would fail the same way; anything else is
    worth another try. Runs outside of any transaction.
    """
    match payload:
        case NoMailJob():
            pass
        case MailJob():
            mail = OutgoingMail(payload.to, payload.subject, payload.text, payload.html, key, payload.headers)
            tools.mailer.send(mail)
        case AvatarJob():
            try:
                avatars.fetch(payload.account_id, payload.url, tools.named_hosts, now)
            except ValueError as error:  # the answer is no picture
                raise PermanentFailure(str(error)) from error
        case ReadPageJob():
            page_reads.read(payload.thread_id, payload.url, tools.outbound_allow, now)
        case LearnImportedJob():
            spam_training.learn_imported(payload.site_id, payload.after_id, now)
        case TeachSpamServiceJob():
            spam_training.teach(payload.comment_id, payload.is_spam, tools.spam_service)
        case PendingNoticeJob():
            notifications.send_pending_notice(payload.comment_id, tools.links, now)
        case ReplyNoticeJob():
            notifications.send_reply_notice(payload.comment_id, tools.links, now)
        case ConfirmSubscriptionJob():
            notifications.ask_to_confirm(payload.subscription_id, tools.links, now)
        case ConfirmCommentJob():
            address_checks.mail(payload.comment_id, payload.language, tools.links, now)
        case NormalizeThreadsJob():
            with time_limits.within(time_limits.COMMAND):
                thread_normalizing.normalize(payload.site_id, False, ActorKind.SYSTEM, now)
        case ImportJob():
            with time_limits.within(time_limits.COMMAND):
                import_runs.perform(payload.run_id, now)
        case UndoImportJob():
            with time_limits.within(time_limits.COMMAND):
                import_runs.perform_undo(payload, now)
        case _:
            raise NotImplementedError(f"no case for a job of the kind {payload.kind}")
