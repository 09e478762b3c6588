"""Tells people by mail: moderators of what waits, at once or in a digest, and authors of answers; each once."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from commentsvc.core import text, tokens
from commentsvc.core.errors import Conflict, NotFound
from commentsvc.core.pages import Sort
from commentsvc.core.status import Action, Status
from commentsvc.gateways import letters
from commentsvc.services import answering, moderating
from commentsvc.services.moderating import Decided, Moderator, Words
from commentsvc.store import comments, finding, jobs, notices, people, tallies, watches
from commentsvc.store.comments import Comment
from commentsvc.store.db import begin_write, db
from commentsvc.store.finding import Wanted
from commentsvc.store.notices import Notice
from commentsvc.store.people import Account
from commentsvc.store.sites import Site
from commentsvc.store.watches import Pace, Watch

LINK_LIFE = timedelta(days=7)
DIGEST_MAX = 10  # comments shown in one digest; the rest is counted
EXCERPT_MAX = 1_500  # characters of a comment in a mail
OFFERED = (Action.APPROVE, Action.REJECT, Action.SPAM)


@dataclass(frozen=True)
class Sender:
    """What links in mails are made of: where the service is, and the key that signs them."""

    base_url: str
    secret: str

    def act_link(self, notice_id: int, action: Action) -> str:
        return f"{self.base_url}/m/{notice_id}-{action}-{_mac(self.secret, 'act', notice_id, action)}"

    def stop_link(self, kind: str, number: int) -> str:
        return f"{self.base_url}/m/stop/{number}-{kind}-{_mac(self.secret, 'stop', number, kind)}"


NOBODY = Sender("", "")  # where no mail with links is written


@dataclass(frozen=True)
class Shown:
    """A comment as a mail shows it."""

    comment: Comment
    words: str
    parent_words: str
    links: dict[Action, str]


def tell_at_once(comment_id: int, sender: Sender, now: datetime) -> None:
    """Mail whoever wants it at once about a comment that still waits."""
    begin_write()
    comment = _find(comment_id)
    if comment is not None and comment.status == Status.PENDING:
        for watch in watches.at_once(comment.site_id):
            if _may_be_told(watch):
                _send(watch, [comment], 1, sender, now)
    db.session.commit()


def send_digests(sender: Sender, now: datetime) -> int:
    """Mail the digests that are due and have something new to tell; gives how many. Each worker may call it."""
    begin_write()
    watches.begin_for_members(now)
    db.session.commit()
    sent = 0
    for pace in watches.EVERY:
        for watch_id in [watch.id for watch in watches.due(pace, now)]:
            begin_write()
            watch = db.session.get_one(Watch, watch_id)
            sent += _digest(watch, sender, now)
            db.session.commit()
    return sent


def tell_answered(comment_id: int, sender: Sender, now: datetime) -> None:
    """Mail the author who asked to be told that somebody has answered, while both are published."""
    begin_write()
    comment = _find(comment_id)
    parent = comment.parent if comment else None
    if comment is None or parent is None or not _wants_to_know(parent, comment):
        return db.session.commit()
    if notices.add_answer(comment, now):
        stop = sender.stop_link("answers", parent.id)
        page = comment.thread.url or f"{sender.base_url}/t/{comment.site.key}"
        names = {"comment": comment, "parent": parent, "site": comment.site, "thread": comment.thread, "stop": stop}
        words = text.plain(comment.html, EXCERPT_MAX)
        written = letters.write("answered", words=words, page=f"{page}#comment-{comment.id}", **names)
        _queue(parent.author_email or "", written, stop, now)
    db.session.commit()


def notice_of(token: str, secret: str, now: datetime) -> tuple[Notice, Action]:
    """What a link in a mail is for; raises NotFound for one that is not ours or too old."""
    number, action = _read(token, secret, "act")
    if action not in set(Action):
        raise NotFound("This link is not one of ours.")
    notice = notices.by_id(number)
    if now >= notice.created_at + LINK_LIFE:
        raise NotFound("This link is more than 7 days old. Look into the dashboard: what still waits is there.")
    return notice, Action(action)


def act(token: str, secret: str, reply: str, now: datetime) -> Decided:
    """Do what the link is for, once; with a reply it is published below the comment, in the same act.

    Raises NotFound as notice_of, and when its owner moderates here no longer; Conflict when the link was used, or
    somebody has decided since.
    """
    notice, action = notice_of(token, secret, now)
    number = notice.id

    begin_write()
    notice = notices.locked(number)
    if notice.used_at is not None:
        raise Conflict("This mail was used already. You can change what you decided in the dashboard.", "used")
    by = Moderator(notice.account)
    (comment,) = moderating.locked([notice.comment_id], by)
    if comment.site.policy.second_factor_required:
        raise Conflict("This site asks for a second factor, so its comments are decided in the dashboard.", "second")
    moderating.check_unchanged([comment], {comment.id: notice.version})
    if reply.strip() and action is Action.APPROVE:
        decided = answering.publish(comment, reply, by, now)
    else:
        made = moderating.apply([comment], action, by, Words(note="by mail"), tokens.new_batch(), now)
        decided = Decided(made, made[0].batch)
    notice.used_at, notice.batch = now, decided.undo
    db.session.commit()
    return decided


def undo(token: str, secret: str, now: datetime) -> None:
    """Take back what a link in a mail has done; raises NotFound when it has done nothing."""
    notice, _ = notice_of(token, secret, now)
    if notice.batch is None:
        raise NotFound("There is no such act to undo.")
    moderating.undo(notice.batch, Moderator(notice.account), now)


def stop(token: str, secret: str) -> str:
    """End the mails that a link in one of them is for; says which they were."""
    number, kind = _read(token, secret, "stop")
    begin_write()
    if kind == "watch":
        watch = db.session.get(Watch, number)
        if watch is not None:
            watch.pace = Pace.OFF
        said = "You get no more mail about what waits there. The dashboard can switch it on again."
    else:
        comment = _find(number)
        if comment is not None:
            comments.stop_telling(comment)
        said = "You get no more mail about answers there."
    db.session.commit()
    return said


def _wants_to_know(parent: Comment, reply: Comment) -> bool:
    published = parent.status == reply.status == Status.APPROVED
    return published and parent.notify and bool(parent.author_email) and parent.author_id != reply.author_id


def _digest(watch: Watch, sender: Sender, now: datetime) -> bool:
    if not _may_be_told(watch):
        return False
    site = watch.site
    new = finding.arrived_since([site], Status.PENDING, watch.told_id, 1)
    if not new or not watches.tell(watch, finding.newest_id([site]), now):
        return False
    page = finding.page(Wanted([site], Status.PENDING, Sort.NEWEST), None, DIGEST_MAX)
    return _send(watch, page.comments, tallies.of_site(site)[Status.PENDING], sender, now)


def _send(watch: Watch, waiting: Sequence[Comment], count: int, sender: Sender, now: datetime) -> bool:
    shown = []
    for comment in waiting:
        notice_id = notices.add(watch.account, comment, now)
        if notice_id is not None:
            offered = () if watch.site.policy.second_factor_required else OFFERED
            links = {action: sender.act_link(notice_id, action) for action in offered}
            shown.append(_shown(comment, links))
    if not shown:
        return False
    stop = sender.stop_link("watch", watch.id)
    queue = f"{sender.base_url}/dashboard/{watch.site.key}"
    names = {"account": watch.account, "site": watch.site, "count": count, "queue": queue, "stop": stop}
    sees_addresses = Moderator(watch.account).sees_addresses(watch.site)
    _queue(
        watch.account.email or "",
        letters.write("waiting", shown=shown, sees_addresses=sees_addresses, **names),
        stop,
        now,
    )
    return True


def _shown(comment: Comment, links: dict[Action, str]) -> Shown:
    parent_words = text.plain(comment.parent.html, 300) if comment.parent else ""
    return Shown(comment, text.plain(comment.html, EXCERPT_MAX), parent_words, links)


def _queue(to: str, written: letters.Written, stop: str, now: datetime) -> None:
    headers = {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    mail = {"to": to, "subject": written.subject, "text": written.text, "html": written.html, "headers": headers}
    jobs.add("mail", mail, now)


def _may_be_told(watch: Watch) -> bool:
    return watch.account.email is not None and _moderates(watch.account, watch.site)


def _moderates(account: Account, site: Site) -> bool:
    return people.role_on(account, site) is not None


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
        raise NotFound("This link is not one of ours, or a part of it was lost. Copy the whole link from the mail.")
    return int(number), what
