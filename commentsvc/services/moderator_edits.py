"""Rewrites: a moderator mends a comment's text; the text before is kept, and comes back when the act is undone."""

from __future__ import annotations

import hashlib
from datetime import datetime

from commentsvc.core import excerpts, sanitizer, text_input
from commentsvc.core.errors import Conflict, Invalid
from commentsvc.services import spam_training, transitions
from commentsvc.store import revisions
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.decisions import Decision


def rewrite(comment: Comment, source: str, by: Account, seen: int | None, now: datetime) -> Decision:
    """Replace the text of a comment that the caller has locked, whatever its status; the caller commits.

    Raises Invalid for a text that would show nothing, Conflict when the text is the same or the version another.
    """
    source = text_input.body(source, comment.site.policy.body_max)
    if seen is not None and seen != comment.version:
        raise Conflict(
            "This comment has changed since you opened it. Nothing was changed; look again.", "changed-since"
        )
    if source == comment.source:
        raise Conflict("The text has not changed.", "no-change")

    renderer = sanitizer.current_name(comment.renderer)
    _write(comment, source, _html(source, renderer), renderer, now)
    return transitions.add_edit(comment, by, now)


def restore(comment: Comment, edit: Decision, by: Account, now: datetime) -> None:
    """Bring back the text that an edit replaced; the caller holds the lock and commits."""
    before = revisions.newest(comment.id, edit.created_at)
    renderer = sanitizer.current_name(before.renderer)
    _write(comment, before.source, _html(before.source, renderer), renderer, now)


def _write(comment: Comment, source: str, html: str, renderer: str, now: datetime) -> None:
    revisions.add(comment, now)
    spam_training.forget(comment)  # the worker learns from the new text, by the decision that this makes
    comment.source, comment.html, comment.renderer = source, html, renderer
    comment.text_hash = hashlib.sha256(source.encode()).digest()
    comment.edited_at = now


def _html(source: str, renderer: str) -> str:
    """Comments imported as HTML are edited as HTML."""
    html = sanitizer.render(source, renderer)
    if not excerpts.plain(html, 10).strip():
        raise Invalid("body", "This would show no text. Please write some words.")
    return html
