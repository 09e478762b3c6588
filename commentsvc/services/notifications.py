"""Tells people by mail, each once: moderators of what waits, and authors of answers, in their own languages."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from sqlalchemy.exc import DBAPIError

from commentsvc.core import excerpts, tokens
from commentsvc.core.errors import Conflict, NotFound
from commentsvc.core.pagination import Sort
from commentsvc.core.phrases import phrase
from commentsvc.core.status import Action, Status
from commentsvc.core.translator import Translator
from commentsvc.gateways import mail_templates
from commentsvc.services import moderation, moderator_replies
from commentsvc.services.moderation import DecisionOutcome, DecisionText, Moderator
from commentsvc.store import (
    accounts,
    authors,
    comment_search,
    comments,
    counters,
    decisions,
    digest_settings,
    jobs,
    memberships,
    moderator_mails,
    subscriptions,
    threads,
)
from commentsvc.store.accounts import Account
from commentsvc.store.comment_search import Wanted
from commentsvc.store.comments import Comment
from commentsvc.store.db import begin_write, db, retried, write
from commentsvc.store.digest_settings import DigestInterval, DigestSetting
from commentsvc.store.moderator_mails import ModeratorMail
from commentsvc.store.sites import Site
from commentsvc.store.subscriptions import Subscription

log = logging.getLogger(__name__)

LINK_LIFE = timedelta(days=7)
DIGEST_MAX = 10  # comments shown in one digest; the rest is counted
EXCERPT_MAX = 1_500  # characters of a comment in a mail
OFFERED = (Action.APPROVE, Action.REJECT, Action.SPAM)


@dataclass(frozen=True)
class MailLinks:
    """What links in mails are made of: where the service is, and the key that signs them."""

    base_url: str
    secret: str

    def act_link(self, notice_id: int, action: Action, language: str) -> str:
        return self._link("", "act", notice_id, action, language)

    def stop_link(self, kind: str, number: int, language: str) -> str:
        return self._link("stop/", "stop", number, kind, language)

    def comment_link(self, comment_id: int, language: str) -> str:
        """To the page where the holder of a comment's address confirms it."""
        return self._link("comment/", "comment", comment_id, "confirm", language)

    def confirm_link(self, subscription_id: int, language: str) -> str:
        return self._link("confirm/", "confirm", subscription_id, "answers", language)

    def _link(self, place: str, purpose: str, number: int, what: str, language: str) -> str:
        """The page speaks as the mail did."""
        mac = _mac(self.secret, purpose, number, what)
        return f"{self.base_url}/m/{place}{number}-{what}-{mac}?lang={language}"


NOBODY = MailLinks("", "")  # where no mail with links is written


@dataclass(frozen=True)
class MailComment:
    """A comment as a mail shows it; `found` are words of it that rules speak of."""

    comment: Comment
    words: str
    parent_words: str
    found: list[str]
    links: dict[Action, str]


@retried
def tell_at_once(comment_id: int, sender: MailLinks, now: datetime) -> None:
    """Mail whoever wants it at once about a comment that still waits."""
    begin_write()
    comment = _find(comment_id)
    if comment is not None and comment.status == Status.PENDING:
        for watch in digest_settings.at_once(comment.site_id):
            if _may_be_told(watch):
                _send(watch, [comment], 1, sender, now)
    db.session.commit()


def send_digests(sender: MailLinks, now: datetime) -> int:
    """Mail the digests that are due and have something new to tell; gives how many. Each worker may call it."""
    _begin_digests(now)
    sent = 0
    for watch_id in [watch.id for pace in digest_settings.EVERY for watch in digest_settings.due(pace, now)]:
        try:
            sent += _send_digest(watch_id, sender, now)
        except DBAPIError:
            raise
        except Exception:  # one digest that fails must not keep the other people from getting theirs
            db.session.rollback()
            log.exception("a digest failed (watch %s); it is tried again", watch_id)
    return sent


@retried
def _begin_digests(now: datetime) -> None:
    begin_write()
    digest_settings.begin_for_members(now)
    db.session.commit()


@retried
def _send_digest(watch_id: int, sender: MailLinks, now: datetime) -> bool:
    begin_write()
    watch = db.session.get(DigestSetting, watch_id)
    is_sent = watch is not None and _digest(watch, sender, now)
    db.session.commit()
    return is_sent


@retried
def tell_answered(comment_id: int, sender: MailLinks, now: datetime) -> None:
    """Mail the author who asked to be told that somebody has answered, while both are published."""
    begin_write()
    comment = _find(comment_id)
    parent = comment.parent if comment else None
    if comment is None or parent is None or not _wants_to_know(parent, comment):
        return db.session.commit()
    account, subscription = authors.author_of(parent.author_id).account, subscriptions.find(parent)
    if account is None and subscription is None:
        subscriptions.ask(parent, None, now)  # it was taken for spam at first
    elif (account or (subscription and subscription.confirmed_at)) and moderator_mails.add_answer(comment, now):
        language = account.language if account else subscription.language if subscription else None
        _tell_answered(parent, comment, comment.site.voice(language), sender, now)
    db.session.commit()


@retried
def ask_to_confirm(subscription_id: int, sender: MailLinks, now: datetime) -> None:
    """Mail a guest's address once whether its holder wants to hear of answers."""
    begin_write()
    subscription = subscriptions.take_turn(subscription_id, now)
    if subscription is not None:
        site, voice = subscription.site, subscription.site.voice(subscription.language)
        link = sender.confirm_link(subscription.id, voice.tag)
        jobs.add(
            "mail",
            {"to": subscription.email, **asdict(mail_templates.render("confirm", voice, site=site, link=link))},
            now,
        )
    db.session.commit()


def comment_number(token: str, secret: str) -> int:
    """The comment whose address a link asks to confirm it; raises NotFound for a link that is not ours."""
    return _read(token, secret, "comment")[0]


def subscription_of(token: str, secret: str, now: datetime) -> Subscription:
    """What a link to confirm is for; raises NotFound for one that is not ours or too old."""
    number, _ = _read(token, secret, "confirm")
    subscription = subscriptions.by_id(number)
    if subscription.mailed_at is None or now >= subscription.mailed_at + subscriptions.LINK_LIFE:
        raise NotFound(phrase("This link is more than 7 days old. Ask for mail once more with your next comment."))
    return subscription


@retried
def confirm(token: str, secret: str, now: datetime) -> str:
    """Note that an address is its holder's, who wants to hear of answers; says so. Raises as subscription_of."""
    begin_write()
    subscription = subscription_of(token, secret, now)
    subscription.confirmed_at = subscription.confirmed_at or now
    said = phrase("From now on you get a mail when somebody answers you on %(site)s.", site=subscription.site.name)
    db.session.commit()
    return said


def notice_of(token: str, secret: str, now: datetime) -> tuple[ModeratorMail, Action]:
    """What a link in a mail is for; raises NotFound for one that is not ours or too old."""
    number, action = _read(token, secret, "act")
    if action not in OFFERED:
        raise NotFound(moderator_mails.LOST)
    notice = moderator_mails.by_id(number)
    if now >= notice.created_at + LINK_LIFE:
        raise NotFound(phrase("This link is more than 7 days old. Look into the dashboard: what still waits is there."))
    return notice, Action(action)


@retried
def act(token: str, secret: str, reply: str, now: datetime) -> DecisionOutcome:
    """Do what the link is for, once; with a reply it is published below the comment, in the same act.

    Raises NotFound as notice_of, and when its owner moderates here no longer; Conflict when the link was used, or
    somebody has decided since.
    """
    notice, action = notice_of(token, secret, now)
    number = notice.id

    begin_write()
    notice = moderator_mails.locked(number)
    if notice.used_at is not None:
        sentence = phrase("This mail was used already. You can change what you decided in the dashboard.")
        raise Conflict(sentence, "used")
    by = Moderator(notice.account)
    _check_by_mail(notice.comment)
    (comment,) = moderation.locked([notice.comment_id], by)
    _check_unchanged(comment, notice)
    if reply.strip() and action is Action.APPROVE:
        decided = moderator_replies.publish(comment, reply, by, now)
    else:
        made = moderation.apply([comment], action, by, DecisionText(note="by mail"), tokens.new_batch(), now)
        decided = DecisionOutcome(made, made[0].batch)
    notice.used_at, notice.batch = now, decided.undo
    db.session.commit()
    return decided


def undo(token: str, secret: str, now: datetime) -> None:
    """Take back what a link in a mail has done; raises NotFound when it has done nothing."""
    notice, _ = notice_of(token, secret, now)
    if notice.batch is None:
        raise NotFound(phrase("There is no such act to undo."))
    _check_by_mail(notice.comment)
    moderation.undo(notice.batch, Moderator(notice.account), now)


def _check_by_mail(comment: Comment) -> None:
    """Raise Conflict where the site requires a second factor: a link in a mail cannot show one."""
    if comment.site.policy.second_factor_required:
        sentence = phrase("This site asks for a second factor, so its comments are decided in the dashboard.")
        raise Conflict(sentence, "second")


@retried
def stop(token: str, secret: str, now: datetime) -> str:
    """End the mails that a link in one of them is for; says which they were. Raises NotFound for a link not ours."""
    number, kind = _read(token, secret, "stop")
    begin_write()
    if kind == "watch":
        watch = db.session.get(DigestSetting, number)
        if watch is not None:
            watch.pace = DigestInterval.OFF
        said = phrase("You get no more mail about what waits there. The dashboard can switch it on again.")
    else:
        comment = _find(number)
        if comment is not None:
            threads.lock(comments.thread_ids_by([comment.author_id]))
            comments.stop_telling(comment)
            subscriptions.end(comment, now)
        said = phrase("You get no more mail about answers there.")
    db.session.commit()
    return said


def is_for_moderators(token: str) -> bool:
    """Whether a link that ends mails stood in a moderator's."""
    return "-watch-" in token


def _tell_answered(parent: Comment, comment: Comment, voice: Translator, sender: MailLinks, now: datetime) -> None:
    stop = sender.stop_link("answers", parent.id, voice.tag)
    thread_key = quote(comment.thread.key, safe="")
    page = comment.thread.url or f"{sender.base_url}/t/{comment.site.key}?thread={thread_key}"
    names = {"comment": comment, "parent": parent, "site": comment.site, "thread": comment.thread, "stop": stop}
    words = excerpts.plain(comment.html, EXCERPT_MAX)
    written = mail_templates.render("answered", voice, words=words, page=f"{page}#comment-{comment.id}", **names)
    _queue(parent.author_email or "", written, stop, now)


def _check_unchanged(comment: Comment, notice: ModeratorMail) -> None:
    """Raise Conflict, naming who was faster, when it is no longer the version that the mail showed."""
    if comment.version == notice.version:
        return
    last = decisions.newest(comment.id)
    sentence = phrase("The comment has changed since this mail was sent. Nothing was decided; look again.")
    if last.by_account is not None:
        sentence = phrase(
            "%(name)s was faster and has decided already. Nothing was changed.", name=last.by_account.name
        )
    raise Conflict(sentence, "changed-since")


def _wants_to_know(parent: Comment, reply: Comment) -> bool:
    published = parent.status == reply.status == Status.APPROVED
    return published and parent.notify and bool(parent.author_email) and parent.author_id != reply.author_id


def _digest(watch: DigestSetting, sender: MailLinks, now: datetime) -> bool:
    if not _may_be_told(watch):
        return False
    site = watch.site
    new = comment_search.arrived_since([site], Status.PENDING, watch.told_id, 1)
    if not new or not digest_settings.tell(watch, comment_search.newest_id([site]), now):
        return False
    page = comment_search.page(Wanted([site], Status.PENDING, Sort.NEWEST), None, DIGEST_MAX)
    return _send(watch, page.comments, counters.of_site(site)[Status.PENDING], sender, now)


def _send(watch: DigestSetting, waiting: Sequence[Comment], count: int, sender: MailLinks, now: datetime) -> bool:
    voice = watch.site.voice(watch.account.language)
    shown = []
    for comment in waiting:
        notice_id = moderator_mails.add(watch.account, comment, now)
        if notice_id is not None:
            offered = () if watch.site.policy.second_factor_required else OFFERED
            links = {action: sender.act_link(notice_id, action, voice.tag) for action in offered}
            shown.append(_shown(comment, links))
    if not shown:
        return False
    stop = sender.stop_link("watch", watch.id, voice.tag)
    queue = f"{sender.base_url}/dashboard/{watch.site.key}"
    names = {"account": watch.account, "site": watch.site, "count": count, "queue": queue, "stop": stop}
    sees_addresses = Moderator(watch.account).sees_addresses(watch.site)
    _queue(
        watch.account.email or "",
        mail_templates.render("waiting", voice, shown=shown, sees_addresses=sees_addresses, **names),
        stop,
        now,
    )
    return True


def _shown(comment: Comment, links: dict[Action, str]) -> MailComment:
    parent_words = excerpts.plain(comment.parent.html, 300) if comment.parent else ""
    words = excerpts.plain(comment.html, EXCERPT_MAX)
    # What else rules measured is told in English; the desk has it.
    found = list(dict.fromkeys(r["match"] for r in comment.reasons if r["match"] and r["match"] in words))
    return MailComment(comment, words, parent_words, found, links)


def _queue(to: str, written: mail_templates.RenderedMail, stop: str, now: datetime) -> None:
    headers = {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    jobs.add("mail", {"to": to, **asdict(written), "headers": headers}, now)


def _may_be_told(watch: DigestSetting) -> bool:
    return watch.account.email is not None and _moderates(watch.account, watch.site)


def _moderates(account: Account, site: Site) -> bool:
    return memberships.role_on(account, site) is not None


def _find(comment_id: int) -> Comment | None:
    return next(iter(comments.of_ids([comment_id])), None)


def _mac(secret: str, purpose: str, number: int, what: str) -> str:
    return tokens.keyed(secret, f"mail {purpose}", str(number), what).hex()[:40]


def _read(token: str, secret: str, purpose: str) -> tuple[int, str]:
    """The number and the word of a link that we have signed; raises NotFound for any other."""
    number, what, mac = (token.split("-") + ["", ""])[:3]
    is_number = number.isascii() and number.isdigit() and len(number) < 19
    expected = _mac(secret, purpose, int(number), what) if is_number else ""
    if not is_number or not hmac.compare_digest(expected.encode(), mac.encode("utf-8", "surrogatepass")):
        raise NotFound(moderator_mails.LOST)
    return int(number), what


@retried
def choose_interval(account: Account, site: Site, interval: DigestInterval, now: datetime) -> None:
    """Choose how often a moderator is mailed about the comments that wait on a site."""
    with write():
        accounts.hold(account.id)
        digest_settings.set_pace(account, site, interval, now)
