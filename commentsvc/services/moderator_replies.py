"""Answers: a moderator replies to a comment and, in the same act, approves what is answered."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import datetime

from commentsvc.core import excerpts, phrases, sanitizer, text_input, tokens
from commentsvc.core.errors import Conflict, Invalid
from commentsvc.core.phrases import phrase
from commentsvc.core.rule_kinds import Outcome
from commentsvc.core.status import Action, Status
from commentsvc.core.verdict import Reason
from commentsvc.services import moderation, transitions
from commentsvc.services.moderation import DecisionOutcome, DecisionText, Moderator
from commentsvc.store import authors, memberships, signals
from commentsvc.store.comments import Comment, CommentKind
from commentsvc.store.db import db
from commentsvc.store.signals import DuplicateKey
from commentsvc.store.transactions import retried, write


@retried
def answer(comment_id: int, source: str, by: Moderator, seen: int | None, now: datetime) -> DecisionOutcome:
    """Publish the moderator's reply below a comment, and the comment with it when it is not yet.

    One act: undoing it takes back the reply and puts the comment back. Raises NotFound for a comment that is not the
    moderator's, Conflict when somebody was faster, Invalid for a reply that is empty or where none can stand.
    """
    with write():
        (comment,) = moderation.locked([comment_id], by)
        moderation.check_unchanged([comment], {} if seen is None else {comment_id: seen})
        return publish(comment, source, by, now)


def publish(comment: Comment, source: str, by: Moderator, now: datetime) -> DecisionOutcome:
    """As answer(), for a comment that the caller has locked; the caller commits."""
    policy = comment.site.policy
    source = text_input.body(source, policy.body_max)
    html = sanitizer.to_html(source)
    if not excerpts.plain(html, 10).strip():
        raise Invalid("body", phrase("This would show no text. Please write some words."))
    if moderation.is_erased(comment):
        raise Conflict("The author has deleted this comment.", "erased")
    if comment.kind != CommentKind.COMMENT or comment.depth + 1 >= policy.depth_max:
        raise Invalid("body", phrase("You can't reply to this comment: replies can't be nested any deeper."))
    reply = _reply(comment, source, html, by, now)
    if signals.duplicates([DuplicateKey(comment.thread_id, comment.id, reply.author_id, reply.text_hash)]):
        raise Conflict(phrase("You've already posted this reply."), "duplicate")
    batch = tokens.new_batch()
    made = moderation.apply([comment], Action.APPROVE, by, DecisionText(), batch, now)

    db.session.add(reply)
    db.session.flush()
    made.append(transitions.add_reply(reply, by.account, batch, now))
    return DecisionOutcome(made, batch)


def _reply(comment: Comment, source: str, html: str, by: Moderator, now: datetime) -> Comment:
    account, site = by.account, comment.site
    reason = Reason("moderator", Outcome.APPROVE, phrase("Written by a moderator."))
    author = authors.get_or_add_author(site, account, account.name, account.email or "", "", now)
    return Comment(
        site_id=site.id,
        thread_id=comment.thread_id,
        parent_id=comment.id,
        root_id=comment.root_id or comment.id,
        depth=comment.depth + 1,
        author_id=author.id,
        author_name=account.name,
        author_email=account.email,
        author_website=account.website,
        author_role=memberships.role_on(account, site),
        author_picture=account.picture,
        source=source,
        html=html,
        renderer=sanitizer.RENDERER,
        text_hash=hashlib.sha256(source.encode()).digest(),
        status=Status.APPROVED,
        reasons=[{**asdict(reason), **phrases.to_json(reason.sentence)}],
        created_at=now,
    )
