"""Rows as JSON: for all readers, for their author, and for moderators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from commentsvc.core import redaction
from commentsvc.core.policy import Votes
from commentsvc.core.sanction_kinds import SubjectKind
from commentsvc.core.status import Status
from commentsvc.core.verdict import Reason, Verdict
from commentsvc.services.backtest import Backtest
from commentsvc.services.reports import ReportOutcome
from commentsvc.services.rules import VerdictComparison
from commentsvc.services.submissions import Posted
from commentsvc.services.thread_pages import ThreadPage
from commentsvc.store import decisions, memberships
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.decisions import Decision
from commentsvc.store.reports import Report
from commentsvc.store.rules import Rule
from commentsvc.store.sanctions import Sanction
from commentsvc.store.sites import Site
from commentsvc.web.http.app_setup import machine_time
from commentsvc.web.http.i18n import gettext, tell, tell_kept
from commentsvc.web.http.urls import avatar, permalink


def comment_json(comment: Comment) -> dict[str, Any]:
    """A comment for all readers; one that is not approved keeps its place without text and author."""
    return _comment(comment, comment.status == Status.APPROVED)


def own_comment_json(comment: Comment) -> dict[str, Any]:
    """A comment as its author sees it, whatever became of it, with what the moderator wants to tell them."""
    messages = (
        {}
        if comment.status_for_author in (Status.PENDING, Status.APPROVED)
        else decisions.messages_to_authors([comment.id])
    )
    own = {"status": comment.status_for_author, "body": comment.source, "told": messages.get(comment.id)}
    return {**_comment(comment, True), **own}


def moderated_json(comment: Comment, with_addresses: bool, reported: Sequence[Report] = ()) -> dict[str, Any]:
    """A comment as a moderator sees it, with its open reports; addresses are null for who may not see them."""
    thread = comment.thread
    return {
        **_comment(comment, True),
        "body": comment.source,
        "kind": comment.kind,
        "email": comment.author_email if with_addresses else None,
        "ip": comment.ip if with_addresses else None,
        "user_agent": comment.user_agent,
        "reasons": _reasons(comment.reasons, with_addresses, comment),
        "version": comment.version,
        "flag_count": comment.flag_count,
        "flags": [_flag_json(flag) for flag in reported],
        "site": comment.site.key,
        "thread": thread.key,
        "thread_title": thread.title,
        "thread_url": thread.url,
        "given_title": comment.page_title,
        "given_url": comment.page_url,
    }


def _flag_json(flag: Report) -> dict[str, Any]:
    return {
        "reason": flag.reason,
        "text": flag.text,
        "by": flag.account.name if flag.account else None,  # None: a guest
        "created_at": machine_time(flag.created_at),
    }


def flagged_json(flagged: ReportOutcome) -> dict[str, Any]:
    if flagged.is_held:
        message = gettext("Thank you. The comment is hidden until a moderator has reviewed it.")
    elif flagged.is_answered:
        message = gettext("Thank you. A moderator has already reviewed this comment and kept it.")
    else:
        message = gettext("Thank you. This blog's moderators will review the comment.")
    return {"message": message, "hidden": flagged.is_held}


def posted_json(posted: Posted, edit_token: str | None) -> dict[str, Any]:
    answer = {
        **own_comment_json(posted.comment),
        "status": posted.status,
        "reason": posted.reason and tell(posted.reason),
    }
    return {**answer, "edit_token": edit_token} if edit_token else answer


def viewer_json(
    account: Account,
    provider: str | None,
    site: Site,
    pending: Sequence[Comment],
    own: Sequence[int],
    votes: Mapping[int, int],
    sanctions: Sequence[dict[str, object]] = (),
) -> dict[str, Any]:
    """The viewer on a site: role, pending and editable comments in a thread, votes, …"""
    role = memberships.role_on(account, site)
    return {
        "account": {
            "name": account.name,
            "website": account.website,
            "avatar": avatar(account.picture),
            "provider": provider,
            "role": role,
            "has_email": bool(account.email),
        },
        "pending": [own_comment_json(comment) for comment in pending],
        "own": list(own),
        "votes": {str(comment_id): value for comment_id, value in votes.items()},
        "sanctions": list(sanctions),
        "rights": {
            "comment": not sanctions,
            "vote": site.policy.votes is not Votes.OFF,
            "moderate": role is not None and provider is None,
        },
    }


def _comment(comment: Comment, is_visible: bool) -> dict[str, Any]:
    author = {
        "name": comment.author_name if is_visible else "",
        "website": comment.author_website if is_visible else None,
        "avatar": avatar(comment.author_picture) if is_visible else None,
        "provider": comment.author_provider if is_visible else None,
        "role": comment.author_role if is_visible else None,
    }
    return {
        "id": comment.id,
        "parent_id": comment.parent_id,
        "depth": comment.depth,
        "author": author,
        "html": comment.html if is_visible else "",
        "created_at": machine_time(comment.created_at),
        "edited_at": machine_time(comment.edited_at) if comment.edited_at and is_visible else None,
        "score": comment.score,
        "status": comment.status,
        "permalink": permalink(comment),
    }


def _reasons(kept: Sequence[dict[str, Any]], with_addresses: bool, comment: Comment) -> list[dict[str, Any]]:
    """The stored reasons in the viewer's language, with addresses only for viewers who may see them."""
    return [
        {
            "rule": reason["rule"],
            "outcome": reason["outcome"],
            "match": _match(reason["match"], reason["rule"], with_addresses, comment),
            "sentence": tell_kept(reason),
        }
        for reason in kept
    ]


def _match(match: str, rule: str, with_addresses: bool, comment: Comment) -> str:
    return match if with_addresses else redaction.redacted_match(match, rule, comment.author_email)


def thread_json(page: ThreadPage) -> dict[str, Any]:
    thread = page.thread
    return {
        "key": page.key,
        "title": thread.title if thread else "",
        "url": thread.url if thread else "",
        "open": page.is_open,
        "count": page.count,
        "version": page.version,
        "pinned": thread.pinned_id if thread else None,
        "votes": page.site.policy.votes,
    }


def decision_json(decision: Decision, with_addresses: bool) -> dict[str, Any]:
    by = decision.by_account
    return {
        "id": decision.id,
        "comment_id": decision.comment_id,
        "action": decision.action,
        "from": decision.status_before,
        "to": decision.status_after,
        "by": by.name if by else None,
        "rule": decision.by_rule,
        "note": decision.note,
        "told": decision.message,
        # A person's decision has none, and its comment is not read after the commit.
        "reasons": _reasons(decision.reasons, with_addresses, decision.comment) if decision.reasons else [],
        "undoes": decision.undoes_id,
        "undo": decision.batch if decision.status_before else None,
        "created_at": machine_time(decision.created_at),
    }


def rule_json(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "kind": rule.kind,
        "value": rule.value,
        "outcome": rule.outcome,
        "language": rule.language,
        "is_on": rule.is_on,
        "created_at": machine_time(rule.created_at),
    }


def reason_json(reason: Reason) -> dict[str, Any]:
    found = (reason.rule, reason.outcome, tell(reason.sentence), reason.match)
    return dict(zip(("rule", "outcome", "sentence", "match"), found, strict=True))


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    return {"status": verdict.status, "reasons": [reason_json(reason) for reason in verdict.reasons]}


def backtest_json(found: Backtest, shown: dict[int, Comment]) -> dict[str, Any]:
    """`shown` are the comments that stand as examples, by number."""
    caught = [
        {**moderated_json(shown[number], with_addresses=True), "match": match}
        for number, match in found.caught_examples
    ]
    changed = [
        {
            **moderated_json(shown[example.comment_id], with_addresses=True),
            "match": example.match,
            "today": verdict_json(example.today),
            "then": verdict_json(example.then),
        }
        for example in found.examples
    ]
    return {
        "tested": found.tested,
        "caught": found.caught,
        "examples": caught,
        "changed": found.changed,
        "changes": [{"from": a, "to": b, "count": count} for (a, b), count in sorted(found.changes.items())],
        "changed_examples": changed,
        "agreement": {"decided": found.decided, "today": asdict(found.today), "then": asdict(found.then)},
    }


def judgement_json(comment: Comment, found: VerdictComparison, with_addresses: bool) -> dict[str, Any]:
    checks = [
        {
            "rule": name,
            "outcome": r.outcome if r else None,
            "sentence": tell(r.sentence) if r else "",
            "match": _match(r.match, r.rule, with_addresses, comment) if r else "",
        }
        for name, r in found.now_checks
    ]
    then = {
        "at": machine_time(found.then_at) if found.then_at else None,
        "status": found.then_status,
        "settings": found.then_version,
        "reasons": _reasons(found.then_reasons, with_addresses, comment),
    }
    now = {"status": found.now_status, "settings": found.now_version, "checks": checks}
    return {"comment_id": comment.id, "status": comment.status, "then": then, "now": now}


def sanction_json(sanction: Sanction, at: datetime, with_addresses: bool) -> dict[str, Any]:
    """A sanction for moderators; its subject is null for those who may not see addresses."""
    kind, _, value = sanction.subject.partition(":")
    return {
        "id": sanction.id,
        "kind": sanction.kind,
        "subject_kind": kind,
        "subject": value if with_addresses or kind == SubjectKind.ACCOUNT else None,
        "everywhere": sanction.site_id is None,
        "reason": sanction.reason,
        "note": sanction.note,
        "by": sanction.by_account.name if sanction.by_account else None,
        "created_at": machine_time(sanction.created_at),
        "until": machine_time(sanction.until_at) if sanction.until_at else None,
        "acknowledged_at": machine_time(sanction.acknowledged_at) if sanction.acknowledged_at else None,
        "lifted_at": machine_time(sanction.lifted_at) if sanction.lifted_at else None,
        "is_active": sanction.is_active(at),
    }
