"""The links in mails: how they are signed, and what each does. The link itself is the permission."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from commentsvc.core import routes, tokens
from commentsvc.core.errors import Conflict, NotFound
from commentsvc.core.phrases import phrase
from commentsvc.core.status import Action
from commentsvc.core.whole_numbers import find_number
from commentsvc.services import moderation, moderator_replies
from commentsvc.services.moderation import DecisionOutcome, DecisionText, Moderator
from commentsvc.store import (
    comments,
    decisions,
    moderator_mails,
    reply_notifications,
    subscriptions,
    thread_subscriptions,
    threads,
)
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.digest_settings import DigestInterval, DigestSetting
from commentsvc.store.moderator_mails import ModeratorMail
from commentsvc.store.subscriptions import Subscription
from commentsvc.store.transactions import retried, write

LINK_LIFE = timedelta(days=7)
OFFERED = (Action.APPROVE, Action.REJECT, Action.SPAM)


@dataclass(frozen=True)
class MailLinks:
    """Builds the links of mails: the address of the service, and the key that signs each link."""

    base_url: str
    secret: str

    def act_link(self, moderator_mail_id: int, action: Action, language: str) -> str:
        return self._link(routes.MAIL_ACT, "act", moderator_mail_id, action, language)

    def stop_digest_link(self, digest_setting_id: int, language: str) -> str:
        return self._link(routes.MAIL_STOP, "stop", digest_setting_id, "watch", language)

    def stop_replies_link(self, comment_id: int, language: str) -> str:
        """Ends mail about replies to the author of this comment."""
        return self._link(routes.MAIL_STOP, "stop", comment_id, "answers", language)

    def stop_following_link(self, thread_subscription_id: int, language: str) -> str:
        """Ends mail about new comments of a thread to one address."""
        return self._link(routes.MAIL_STOP, "stop", thread_subscription_id, "thread", language)

    def confirm_comment_link(self, comment_id: int, language: str) -> str:
        return self._link(routes.MAIL_CONFIRM_COMMENT, "comment", comment_id, "confirm", language)

    def confirm_subscription_link(self, subscription_id: int, language: str) -> str:
        return self._link(routes.MAIL_CONFIRM_SUBSCRIPTION, "confirm", subscription_id, "answers", language)

    def _link(self, pattern: str, purpose: str, number: int, what: str, language: str) -> str:
        """The link names the language of the mail, so that the page is in the same language."""
        token = f"{number}-{what}-{_mac(self.secret, purpose, number, what)}"
        return self.base_url + routes.fill(pattern, token=token, lang=language)


NO_LINKS = MailLinks("", "")  # for a worker that writes no mail with links


def comment_number(token: str, secret: str) -> int:
    """The comment that a link asks the holder of its address to confirm; raises NotFound for a forged link."""
    return _read(token, secret, "comment")[0]


def subscription_of(token: str, secret: str, now: datetime) -> Subscription:
    """The subscription that a link confirms; raises NotFound for a forged or expired link."""
    number, _ = _read(token, secret, "confirm")
    subscription = subscriptions.by_id(number)
    if subscription.mailed_at is None or now >= subscription.mailed_at + subscriptions.LINK_LIFE:
        raise NotFound(phrase("This link is more than 7 days old. Ask for emails again with your next comment."))
    return subscription


@retried
def confirm_subscription(token: str, secret: str, now: datetime) -> str:
    """Confirm that an address wants mail about replies; returns the sentence to show. Raises as subscription_of."""
    with write():
        subscription = subscription_of(token, secret, now)
        subscription.confirmed_at = subscription.confirmed_at or now
        return phrase("You'll now get the emails that you asked for on %(site)s.", site=subscription.site.name)


def moderator_mail_of(token: str, secret: str, now: datetime) -> tuple[ModeratorMail, Action]:
    """The mail that a link was in, and the link's action; raises NotFound for a forged or expired link."""
    number, action = _read(token, secret, "act")
    if action not in OFFERED:
        raise NotFound(moderator_mails.LOST)
    mail = moderator_mails.by_id(number)
    if now >= mail.created_at + LINK_LIFE:
        raise NotFound(phrase("This link is more than 7 days old. You can find pending comments in the dashboard."))
    return mail, Action(action)


@retried
def act(token: str, secret: str, reply: str, now: datetime) -> DecisionOutcome:
    """Decide on the comment of a mail, once for each mail; a reply is published with an approval, in one transaction.

    Raises NotFound as moderator_mail_of, and when the account no longer moderates the site; Conflict when the mail was
    used, when another moderator has decided since, or when the site requires a second factor.
    """
    mail, action = moderator_mail_of(token, secret, now)
    number = mail.id

    with write():
        mail = moderator_mails.locked(number)
        if mail.used_at is not None:
            sentence = phrase("This email was already used. You can change your decision in the dashboard.")
            raise Conflict(sentence, "used")
        by = Moderator(mail.account)
        _check_no_factor_needed(mail.comment)
        (comment,) = moderation.locked([mail.comment_id], by)
        _check_unchanged(comment, mail)
        if reply.strip() and action is Action.APPROVE:
            decided = moderator_replies.publish(comment, reply, by, now)
        else:
            made = moderation.apply([comment], action, by, DecisionText(note="by mail"), tokens.new_batch(), now)
            decided = DecisionOutcome(made, made[0].batch)
        mail.used_at, mail.batch = now, decided.undo
    return decided


def undo(token: str, secret: str, now: datetime) -> None:
    """Undo the decision made by a link of a mail; raises NotFound when none was made, Conflict as `act`."""
    mail, _ = moderator_mail_of(token, secret, now)
    if mail.batch is None:
        raise NotFound(phrase("There is nothing to undo."))
    _check_no_factor_needed(mail.comment)
    moderation.undo(mail.batch, Moderator(mail.account), now)


@retried
def stop(token: str, secret: str, now: datetime) -> str:
    """End the kind of mail that the link was in; returns the sentence to show. Raises NotFound for a forged link."""
    number, kind = _read(token, secret, "stop")
    with write():
        if kind == "watch":
            setting = db.session.get(DigestSetting, number)
            if setting is not None:
                setting.pace = DigestInterval.OFF
            return phrase(
                "You won't get any more emails about pending comments there. "
                "You can turn them on again in the dashboard."
            )
        if kind == "thread":
            thread_subscriptions.end(number)
            return phrase("You won't get any more emails about new comments on that page.")
        comment = next(iter(comments.of_ids([number])), None)
        if comment is not None:
            threads.lock(comments.thread_ids_by([comment.author_id]))
            reply_notifications.unsubscribe_author(comment)
            subscriptions.end(comment, now)
        return phrase("You won't get any more emails about replies there.")


def is_for_moderators(token: str) -> bool:
    """Whether a link that ends mails was in a moderator's digest; the signature is not checked."""
    return "-watch-" in token


def _check_no_factor_needed(comment: Comment) -> None:
    """Raise Conflict where the site requires a second factor: a link in a mail cannot show one."""
    if comment.site.policy.second_factor_required:
        sentence = phrase("This site requires two-step verification. Moderate its comments in the dashboard.")
        raise Conflict(sentence, "second")


def _check_unchanged(comment: Comment, mail: ModeratorMail) -> None:
    """Raise Conflict when the comment has another version than the mail shows; it names the moderator who decided."""
    if comment.version == mail.version:
        return
    last = decisions.newest(comment.id)
    sentence = phrase("The comment has changed since this email was sent. Nothing was decided; check it again.")
    if last.by_account is not None:
        sentence = phrase("%(name)s has already decided. Nothing was changed.", name=last.by_account.name)
    raise Conflict(sentence, "changed-since")


def _mac(secret: str, purpose: str, number: int, what: str) -> str:
    return tokens.keyed(secret, f"mail {purpose}", str(number), what).hex()[:40]


def _read(token: str, secret: str, purpose: str) -> tuple[int, str]:
    """The number and the word of a link with a valid signature; raises NotFound for any other."""
    written, what, mac = [*token.split("-"), "", ""][:3]
    number = find_number(written)
    expected = "" if number is None else _mac(secret, purpose, number, what)
    if number is None or not hmac.compare_digest(expected.encode(), mac.encode("utf-8", "surrogatepass")):
        raise NotFound(moderator_mails.LOST)
    return number, what
