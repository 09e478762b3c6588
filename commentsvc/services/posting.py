"""Takes a comment in: checks it against its thread, has it judged, keeps it with what must follow, in one commit."""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError

from commentsvc.core import judging, phrases, text, tokens
from commentsvc.core.errors import Conflict, Invalid, NotAllowed, TooMany
from commentsvc.core.judging import Outcome, Reason, Record, RuleKind, SiteRule, Submission, Verdict
from commentsvc.core.phrases import counted, phrase
from commentsvc.core.status import Action, Status
from commentsvc.services import publishing
from commentsvc.store import answers, comments, decisions, people, revisions, rules, threads, watches
from commentsvc.store.comments import Comment
from commentsvc.store.db import begin_write, commit_and_keep, db
from commentsvc.store.flags import HOLD_RULE
from commentsvc.store.people import Account, Author
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread


@dataclass(frozen=True)
class Draft:
    """A comment as its author sent it, already cleaned of what no field may hold."""

    thread_key: str
    url: str
    title: str
    parent_id: int | None
    source: str
    name: str
    email: str
    website: str | None
    notify: bool = False


@dataclass(frozen=True)
class Sender:
    """Who sends it; a guest has no account. `limited` is false where flood limits are switched off.

    `provider` is how somebody with an account signed in on the blog.
    """

    account: Account | None
    ip: str
    user_agent: str
    limited: bool = True
    provider: str | None = None


@dataclass(frozen=True)
class Posted:
    """`status` and `reason` are those of the first answer, also when a retry gets it again."""

    comment: Comment
    status: Status
    reason: str | None


def post(site: Site, draft: Draft, sender: Sender, idempotency_key: str | None, secret: str, now: datetime) -> Posted:
    """Take the comment in and say what became of it.

    Raises Invalid, NotAllowed (closed), Conflict (duplicate) or TooMany; then nothing is kept. With an
    idempotency key the same request again gets the first answer, and never makes a second comment.
    """
    html = _rendered(draft.source)

    begin_write(site)
    # The thread's lock makes retries wait for each other, so that the second finds the answer of the first.
    thread = threads.get_or_add(site, draft.thread_key, draft.url, draft.title, now)
    key_hash = _key_hash(secret, idempotency_key, draft, sender) if idempotency_key else None
    if key_hash and (earlier := answers.find(site, key_hash)):
        return _again(earlier, draft)
    if sender.account is None:
        _check_guest(site, draft.email)
    parent = _parent(site, thread, draft)
    author = people.get_or_add_author(site, sender.account, draft.name, draft.email, sender.ip, now)
    record = _record(site, author, sender)
    text_hash = hashlib.sha256(draft.source.encode()).digest()
    if comments.has_duplicate(thread, draft.parent_id, author.id, text_hash):
        raise Conflict(phrase("You have said exactly this here already; no need to say it twice."), "duplicate")
    if sender.limited and not record.is_moderator:
        _check_pace(site, author, sender, now)

    verdict = judging.judge(_submission(draft, html, sender), site.policy, site_rules(site), record)
    comment = Comment(
        site=site,
        thread=thread,
        parent_id=parent.id if parent else None,
        root_id=(parent.root_id or parent.id) if parent else None,
        depth=parent.depth + 1 if parent else 0,
        author_id=author.id,
        author_name=draft.name,
        author_email=draft.email or None,
        author_website=draft.website,
        author_role=_role(site, sender.account),
        author_provider=sender.provider,
        author_picture=sender.account.picture if sender.account else None,
        ip=sender.ip,
        user_agent=sender.user_agent,
        source=draft.source,
        html=html,
        renderer=text.RENDERER,
        text_hash=text_hash,
        status=verdict.status,
        is_shown=verdict.status is Status.APPROVED,
        reasons=reasons_json(verdict),
        notify=draft.notify,
        created_at=now,
    )

    db.session.add(comment)
    db.session.flush()
    _record_verdict(comment, None, verdict, now)
    publishing.moved([(comment, None)])
    publishing.tell_who_waits([(comment, None)], now)
    watches.announce(comment, now)
    posted = Posted(comment, verdict.status, _plain_reason(verdict))
    if key_hash:
        _keep_answer(site, key_hash, draft, posted, now)
    commit_and_keep()
    return posted


def edit(comment_id: int, source: str, by: Account | None, now: datetime) -> Posted:
    """Replace the text within the site's edit window; the new text is judged like a new comment."""
    html = _rendered(source)

    begin_write()
    comment = _own(comment_id, now)
    before = Status(comment.status)
    record = _record(comment.site, comment.author, Sender(by, comment.ip, comment.user_agent))
    submission = Submission(
        source, html, comment.author_name, comment.author_email or "", comment.author_website or "", comment.ip
    )
    verdict = judging.judge(submission, comment.site.policy, site_rules(comment.site), _without(record, before))
    if before is Status.PENDING and comment.flag_count:
        # Readers had it held and no moderator has answered them: its author can't.
        reported = [_reason(kept) for kept in comment.reasons if kept["rule"] == HOLD_RULE]
        verdict = judging.still_held(verdict, reported)

    revisions.add(comment, now)
    comment.version += 1
    comment.source, comment.html, comment.renderer = source, html, text.RENDERER
    comment.text_hash = hashlib.sha256(source.encode()).digest()
    comment.edited_at = now
    comment.status = verdict.status
    comment.reasons = reasons_json(verdict)
    _record_verdict(comment, before, verdict, now)
    publishing.moved([(comment, before)])
    watches.announce(comment, now)
    db.session.commit()
    return Posted(comment, verdict.status, _plain_reason(verdict))


def withdraw(comment_id: int, now: datetime) -> None:
    """The author takes the comment back, within the site's edit window."""
    begin_write()
    comment = _own(comment_id, now)
    before = Status(comment.status)

    comment.status = Status.DELETED
    comment.version += 1
    decisions.add(comment, Action.DELETE, before, secrets.token_hex(16), now, rule="author")
    publishing.moved([(comment, before)])
    db.session.commit()


def site_rules(site: Site) -> list[SiteRule]:
    return [
        SiteRule(f"rule {rule.id}", RuleKind(rule.kind), rule.value, Outcome(rule.outcome))
        for rule in rules.of_site(site)
        if rule.is_on
    ]


def reasons_json(verdict: Verdict) -> list[dict[str, Any]]:
    return [{**asdict(reason), **phrases.to_json(reason.sentence)} for reason in verdict.reasons]


def _reason(kept: dict[str, Any]) -> Reason:
    """A reason as `reasons_json` keeps it."""
    return Reason(kept["rule"], Outcome(kept["outcome"]), phrases.from_json(kept), kept["match"])


def _rendered(source: str) -> str:
    html = text.to_html(source)
    if not text.plain(html, 10).strip():
        raise Invalid("body", phrase("Nothing of this would be visible; please write some words."))
    return html


def _check_guest(site: Site, email: str) -> None:
    """A guest may not speak here at all, or not under an address that somebody has proved to be theirs."""
    if site.policy.signin_required:
        raise NotAllowed(phrase("Please sign in to comment here."))
    if email and people.find_account(email) is not None:
        sentence = phrase("This address belongs to an account here. Sign in to use it, or give another.")
        raise Invalid("author.email", sentence)


def _parent(site: Site, thread: Thread, draft: Draft) -> Comment | None:
    """The comment answered; one that is not published is, for a reader, not there."""
    if not (site.policy.is_open and thread.is_open):
        raise NotAllowed(phrase("Comments are closed."))
    if draft.parent_id is None:
        return None
    parent = comments.find_parent(thread, draft.parent_id)
    if parent is None or parent.status != Status.APPROVED:
        raise Invalid(
            "parent_id",
            phrase("The comment you answer is no longer here. You can still post this as a comment of its own."),
        )
    if parent.depth + 1 >= site.policy.depth_max:
        raise Invalid("parent_id", phrase("Replies go no deeper here. Please answer a comment further up."))
    return parent


def _role(site: Site, account: Account | None) -> str | None:
    return people.role_on(account, site) if account else None


def _record(site: Site, author: Author, sender: Sender) -> Record:
    is_moderator = _role(site, sender.account) is not None
    return Record(author.approved, author.pending, author.refused, is_moderator)


def _without(record: Record, status: Status) -> Record:
    """The record but for the comment being edited: it must not vouch for itself."""
    return Record(record.approved - (status is Status.APPROVED), record.pending, record.refused, record.is_moderator)


def _submission(draft: Draft, html: str, sender: Sender) -> Submission:
    return Submission(draft.source, html, draft.name, draft.email, draft.website or "", sender.ip)


def _check_pace(site: Site, author: Author, sender: Sender, now: datetime) -> None:
    window = timedelta(seconds=site.policy.flood_s)
    last_at = comments.last_written_at(site, author, sender.ip, now - window, now)
    if last_at is not None:
        wait_s = max(1, math.ceil((last_at + window - now).total_seconds()))
        sentence = counted(
            "You are writing quickly. Please wait one second and send it again.",
            "You are writing quickly. Please wait %(num)s seconds and send it again.",
            wait_s,
        )
        raise TooMany(sentence, wait_s)


def _record_verdict(comment: Comment, before: Status | None, verdict: Verdict, now: datetime) -> None:
    action = next(action for action, status in _ACTION_TO.items() if status is verdict.status)
    reasons = reasons_json(verdict)
    decisions.add(comment, action, before, secrets.token_hex(16), now, rule=verdict.decided_by, reasons=reasons)


_ACTION_TO = {
    Action.APPROVE: Status.APPROVED,
    Action.PENDING: Status.PENDING,
    Action.SPAM: Status.SPAM,
    Action.REJECT: Status.REJECTED,
}


def _plain_reason(verdict: Verdict) -> str | None:
    """Why it is not published, in one sentence for its author."""
    if verdict.status is Status.APPROVED:
        return None
    return next(r.sentence for r in verdict.reasons if judging.STATUS[r.outcome] is verdict.status)


def _own(comment_id: int, now: datetime) -> Comment:
    """The author's comment, with its thread locked, while it can still be changed."""
    comment = comments.by_id(comment_id)
    threads.lock([comment.thread_id])
    comment = comments.of_ids([comment_id])[0]
    if comment.status not in (Status.APPROVED, Status.PENDING):
        raise Conflict(phrase("A moderator has removed this comment; it can no longer be changed."), "removed")
    age_s = (now - comment.created_at).total_seconds()
    if age_s > comment.site.policy.edit_window_s:
        minutes = comment.site.policy.edit_window_s // 60
        sentence = counted(
            "A comment can be changed for one minute here; that time has passed.",
            "A comment can be changed for %(num)s minutes here; that time has passed.",
            minutes,
        )
        raise NotAllowed(sentence)
    return comment


def _key_hash(secret: str, idempotency_key: str, draft: Draft, sender: Sender) -> bytes:
    who = f"account {sender.account.id}" if sender.account else f"guest {draft.email} {draft.name.casefold()}"
    return tokens.keyed(secret, "idempotency", idempotency_key, who)


def _request_hash(draft: Draft) -> bytes:
    return hashlib.sha256(json.dumps(asdict(draft), sort_keys=True).encode()).digest()


def _keep_answer(site: Site, key_hash: bytes, draft: Draft, posted: Posted, now: datetime) -> None:
    reason = None if posted.reason is None else phrases.to_json(posted.reason)
    answer = {"status": posted.status, "reason": reason}
    try:
        answers.add(site, key_hash, _request_hash(draft), posted.comment.id, answer, now)
    except IntegrityError:  # at the same moment, under the same key, in another thread
        raise _used_for_another() from None


def _used_for_another() -> Invalid:
    return Invalid("Idempotency-Key", phrase("This Idempotency-Key was used for another comment; send a new one."))


def _again(earlier: answers.Answer, draft: Draft) -> Posted:
    if earlier.request_hash != _request_hash(draft) or earlier.comment_id is None:
        raise _used_for_another()
    comment = comments.by_id(earlier.comment_id)
    reason = earlier.answer["reason"]
    if isinstance(reason, dict):  # an answer of before sentences kept their templates has only the English
        reason = phrases.from_json(reason)
    return Posted(comment, Status(earlier.answer["status"]), reason)
