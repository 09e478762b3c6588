"""A verdict as it is kept and as its author reads it: the reasons as JSON, the message to the author."""

from __future__ import annotations

from typing import Any

from commentsvc.core import excerpts, phrases, sanitizer
from commentsvc.core import verdict as core_verdict
from commentsvc.core.errors import Invalid
from commentsvc.core.phrases import phrase
from commentsvc.core.rule_kinds import Outcome
from commentsvc.core.status import Status
from commentsvc.core.verdict import Reason, Verdict
from commentsvc.services.submissions import Posted
from commentsvc.store import (
    memberships,
)
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.sites import Site


def reasons_json(verdict: Verdict) -> list[dict[str, Any]]:
    return [{**vars(reason), **phrases.to_json(reason.sentence)} for reason in verdict.reasons]


def reason_json(kept: dict[str, Any]) -> Reason:
    """A reason as `reasons_json` keeps it."""
    return Reason(kept["rule"], Outcome(kept["outcome"]), phrases.from_json(kept), kept["match"])


def rendered(source: str) -> str:
    """The HTML of a comment's Markdown; raises Invalid("body", …) when a reader would see nothing of it."""
    html = sanitizer.to_html(source)
    if not excerpts.plain(html, 10).strip():
        raise Invalid("body", phrase("This would show no text. Please write some words."))
    return html


def role_of(site: Site, account: Account | None) -> str | None:
    return memberships.role_on(account, site) if account else None


def message_to_author(comment: Comment, verdict: Verdict) -> Posted:
    """The status and reason for the author; a shadow-banned author is told that the comment is published."""
    return Posted(comment, comment.status_for_author, None if comment.is_shadowed else plain_reason(verdict))


def plain_reason(verdict: Verdict) -> str | None:
    """The reason why the comment is not published, as a sentence for its author."""
    if verdict.status is Status.APPROVED:
        return None
    return next(r.sentence for r in verdict.reasons if core_verdict.STATUS[r.outcome] is verdict.status)
