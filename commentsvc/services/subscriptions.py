"""Subscribes addresses to mail about replies or about all new comments of a thread, once their holders confirm."""

from __future__ import annotations

from datetime import datetime

from commentsvc.core import tokens
from commentsvc.core.errors import Invalid
from commentsvc.core.job_kinds import ConfirmSubscriptionJob
from commentsvc.services.submissions import Notify, Pending
from commentsvc.store import (
    address_checks,
    jobs,
    reply_notifications,
    sites,
    subscriptions,
    thread_subscriptions,
    threads,
)
from commentsvc.store.comments import Comment
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import retried, write


def wanted(value: str) -> Notify:
    """What a subscription is to; raises Invalid for anything but "replies" and "thread"."""
    if value not in (Notify.REPLIES, Notify.THREAD):
        raise Invalid("what", "what is “replies” or “thread”.")
    return Notify(value)


@retried
def subscribe(
    site_id: int, thread_key: str, email: str, what: Notify, language: str | None, ip: str, secret: str, now: datetime
) -> None:
    """Subscribe an address to replies to its own comments in a thread, or to all new comments there.

    An address that has not confirmed on this site is asked, at most once a week, and at most as often a day as other
    mails may ask it. The caller learns nothing of it: anybody can type anybody's address.
    """
    with write():
        sites.hold_posting(site_id)
        site = sites.by_id(site_id)
        thread = _thread(site, thread_key, what, now)
        if thread is None:
            return
        number = subscriptions.add_request(site.id, email, language, now)
        if number is not None and address_checks.take_mail(ip, tokens.keyed(secret, "address check", email), now):
            jobs.add(ConfirmSubscriptionJob(number), now)
        if what is Notify.THREAD:
            thread_subscriptions.add(thread.id, subscriptions.id_of(site.id, email), now)
        else:
            reply_notifications.ask_for(thread.id, email)


def _thread(site: Site, key: str, what: Notify, now: datetime) -> Thread | None:
    """The thread, locked; a page without comments gets one when it is followed."""
    if what is Notify.THREAD:
        return threads.get_or_add_all(site, [key], now)[key]
    thread = threads.find(site, key)
    if thread is not None:
        threads.lock([thread.id])
    return thread


def follow_with_comment(comment: Comment, pending: Pending) -> None:
    """Have the author of a new comment follow its thread; the caller commits.

    The address of an account is confirmed. One that must confirm the comment itself is asked by that mail alone.
    """
    email, now = comment.author_email or "", pending.now
    number = subscriptions.add_request(comment.site_id, email, pending.language, now)
    if pending.writer.account_id is not None:
        subscriptions.confirm(comment.site_id, email, now)
    elif number is not None and not pending.awaits_address:
        jobs.add(ConfirmSubscriptionJob(number), now)
    thread_subscriptions.add(comment.thread_id, subscriptions.id_of(comment.site_id, email), now)
