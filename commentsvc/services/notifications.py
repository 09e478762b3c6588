"""Sends notifications by mail, each once and in the recipient's language: to moderators and to authors of replies."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import DBAPIError

from commentsvc.core import excerpts, routes
from commentsvc.core.job_kinds import ThreadNoticeJob
from commentsvc.core.pagination import Sort
from commentsvc.core.status import Action, Status
from commentsvc.core.translator import Translator
from commentsvc.gateways import mail_templates
from commentsvc.gateways.mail_templates import RenderedMail
from commentsvc.services import mail_queue
from commentsvc.services.mail_links import OFFERED, MailLinks
from commentsvc.services.moderation import Moderator
from commentsvc.store import (
    accounts,
    authors,
    comment_search,
    comments,
    counters,
    digest_settings,
    jobs,
    memberships,
    moderator_mails,
    subscriptions,
    thread_subscriptions,
)
from commentsvc.store.accounts import Account
from commentsvc.store.comment_search import Wanted
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.digest_settings import DigestInterval, DigestSetting
from commentsvc.store.sites import Site
from commentsvc.store.thread_subscriptions import ThreadSubscription
from commentsvc.store.transactions import retried, write

log = logging.getLogger(__name__)

DIGEST_MAX = 10  # comments in one digest; the mail gives the number of all
EXCERPT_MAX = 1_500  # characters of a comment in a mail
PARENT_EXCERPT_MAX = 300
SUBSCRIPTIONS_AT_ONCE = 200  # mails queued in one transaction, so that posts do not wait long for it


@dataclass(frozen=True)
class MailComment:
    """A comment as a mail shows it; `found` are words of it that matched a rule."""

    comment: Comment
    words: str
    parent_words: str
    found: list[str]
    links: dict[Action, str]


@retried
def send_pending_notice(comment_id: int, links: MailLinks, now: datetime) -> None:
    """Mail the moderators who want it at once about a comment, if it is still pending."""
    with write():
        comment = _find(comment_id)
        if comment is not None and comment.status == Status.PENDING:
            for setting in digest_settings.at_once(comment.site_id):
                if _may_be_mailed(setting):
                    _send(setting, [comment], 1, links, now)


def send_digests(links: MailLinks, now: datetime) -> int:
    """Send the digests that are due and have new comments; returns how many. Several workers may call it at once."""
    _begin_digests(now)
    sent = 0
    for setting_id in [setting.id for pace in digest_settings.EVERY for setting in digest_settings.due(pace, now)]:
        try:
            sent += _send_digest(setting_id, links, now)
        except DBAPIError:
            raise
        except Exception:  # one digest that fails must not keep the other moderators from getting theirs
            log.exception("a digest failed (setting %s); it is tried again", setting_id)
    return sent


@retried
def _begin_digests(now: datetime) -> None:
    with write():
        digest_settings.begin_for_members(now)


@retried
def _send_digest(setting_id: int, links: MailLinks, now: datetime) -> bool:
    with write():
        setting = db.session.get(DigestSetting, setting_id)
        if setting is None or not _may_be_mailed(setting):
            return False
        site = setting.site
        new = comment_search.arrived_since([site], Status.PENDING, setting.told_id, 1)
        if not new or not digest_settings.record_sending(setting, comment_search.newest_id([site]), now):
            return False
        page = comment_search.page(Wanted([site], Status.PENDING, Sort.NEWEST), None, DIGEST_MAX)
        return _send(setting, page.comments, counters.of_site(site)[Status.PENDING], links, now)


@retried
def send_reply_notice(comment_id: int, links: MailLinks, now: datetime) -> None:
    """Mail the author of the parent about a reply, once, if the author asked for it and both comments are approved."""
    with write():
        comment = _find(comment_id)
        parent = comment.parent if comment else None
        if comment is None or parent is None or not _wants_to_know(parent, comment):
            return
        account, subscription = authors.by_id(parent.author_id).account, subscriptions.find(parent)
        if account is None and subscription is None:  # the parent was in spam when it was posted, so nobody was asked
            mail_queue.ask_about_replies(parent, None, now)
        elif (account or (subscription and subscription.confirmed_at)) and moderator_mails.add_answer(comment, now):
            language = account.language if account else subscription.language if subscription else None
            _send_reply_notice(parent, comment, comment.site.translator(language), links, now)


@retried
def send_thread_notices(comment_id: int, after_id: int, links: MailLinks, now: datetime) -> None:
    """Mail the followers of a thread about a published comment, once, a part at a time.

    Not its author, nor the author of its parent who gets the mail about replies.
    """
    with write():
        comment = _find(comment_id)
        if comment is None or comment.status != Status.APPROVED:
            return
        if not after_id and not thread_subscriptions.add_announcement(comment, now):
            return
        account = authors.by_id(comment.author_id).account
        told = {comment.author_email, account.email if account else None, _address_told_of_reply(comment)}
        part = thread_subscriptions.confirmed_of(comment.thread_id, after_id, SUBSCRIPTIONS_AT_ONCE)
        for following in part:
            if following.subscription.email not in told:
                _send_thread_notice(following, comment, links, now)
        if len(part) == SUBSCRIPTIONS_AT_ONCE:
            jobs.add(ThreadNoticeJob(comment_id, part[-1].id), now)


def _address_told_of_reply(comment: Comment) -> str | None:
    parent = comment.parent
    return parent.author_email if parent is not None and _wants_to_know(parent, comment) else None


def _send_thread_notice(following: ThreadSubscription, comment: Comment, links: MailLinks, now: datetime) -> None:
    translator, thread = comment.site.translator(following.subscription.language), comment.thread
    stop = links.stop_following_link(following.id, translator.tag)
    page = routes.thread_page(links.base_url, comment.site.key, thread.key, thread.url)
    mail = mail_templates.render(
        "new_comment",
        translator,
        comment=comment,
        site=comment.site,
        thread=thread,
        words=excerpts.plain(comment.html, EXCERPT_MAX),
        page=routes.comment_anchor(page, comment.id),
        stop=stop,
    )
    _queue(following.subscription.email, mail, stop, now)


@retried
def ask_to_confirm(subscription_id: int, links: MailLinks, now: datetime) -> None:
    """Mail a guest's address, once, to ask whether its holder wants mail about replies."""
    with write():
        subscription = subscriptions.record_asking(subscription_id, now)
        if subscription is not None:
            site, translator = subscription.site, subscription.site.translator(subscription.language)
            link = links.confirm_subscription_link(subscription.id, translator.tag)
            mail_queue.add(subscription.email, mail_templates.render("confirm", translator, site=site, link=link), now)


def _send_reply_notice(
    parent: Comment, comment: Comment, translator: Translator, links: MailLinks, now: datetime
) -> None:
    stop, thread = links.stop_replies_link(parent.id, translator.tag), comment.thread
    page = routes.thread_page(links.base_url, comment.site.key, thread.key, thread.url)
    names = {"comment": comment, "parent": parent, "site": comment.site, "thread": thread, "stop": stop}
    words, link = excerpts.plain(comment.html, EXCERPT_MAX), routes.comment_anchor(page, comment.id)
    _queue(
        parent.author_email or "",
        mail_templates.render("answered", translator, words=words, page=link, **names),
        stop,
        now,
    )


def _wants_to_know(parent: Comment, reply: Comment) -> bool:
    published = parent.status == reply.status == Status.APPROVED
    return published and parent.notify and bool(parent.author_email) and parent.author_id != reply.author_id


def _send(setting: DigestSetting, pending: Sequence[Comment], count: int, links: MailLinks, now: datetime) -> bool:
    """Queue one mail about the comments that this moderator was not mailed about; False when there are none."""
    account, site = setting.account, setting.site
    translator = site.translator(account.language)
    shown = []
    for comment in pending:
        mail_id = moderator_mails.add(account, comment, now)
        if mail_id is not None:
            offered = () if site.policy.second_factor_required else OFFERED
            shown.append(
                _shown(comment, {action: links.act_link(mail_id, action, translator.tag) for action in offered})
            )
    if not shown:
        return False
    stop = links.stop_digest_link(setting.id, translator.tag)
    pages = {"queue": routes.QUEUE, "settings": routes.NOTIFICATIONS}
    names = {name: links.base_url + routes.fill(page, site_key=site.key) for name, page in pages.items()}
    sees_addresses = Moderator(account).sees_addresses(site)
    mail = mail_templates.render(
        "waiting",
        translator,
        account=account,
        site=site,
        shown=shown,
        count=count,
        sees_addresses=sees_addresses,
        stop=stop,
        **names,
    )
    _queue(account.email or "", mail, stop, now)
    return True


def _shown(comment: Comment, links: dict[Action, str]) -> MailComment:
    parent_words = excerpts.plain(comment.parent.html, PARENT_EXCERPT_MAX) if comment.parent else ""
    words = excerpts.plain(comment.html, EXCERPT_MAX)
    # Other matches, such as "3 links", are in English; the dashboard shows them.
    found = list(dict.fromkeys(r["match"] for r in comment.reasons if r["match"] and r["match"] in words))
    return MailComment(comment, words, parent_words, found, links)


def _queue(to: str, mail: RenderedMail, stop: str, now: datetime) -> None:
    headers = {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    mail_queue.add(to, mail, now, headers)


def _may_be_mailed(setting: DigestSetting) -> bool:
    return setting.account.email is not None and memberships.role_on(setting.account, setting.site) is not None


def _find(comment_id: int) -> Comment | None:
    return next(iter(comments.of_ids([comment_id])), None)


@retried
def choose_interval(account: Account, site: Site, interval: DigestInterval, now: datetime) -> None:
    """Choose how often a moderator gets mail about the pending comments of a site."""
    with write():
        accounts.hold(account.id)
        digest_settings.set_pace(account, site, interval, now)
