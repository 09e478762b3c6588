"""Imports what followed on the comments of an export: decisions, reports and votes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from commentsvc.core.errors import Invalid
from commentsvc.core.networks import NetworkScope, network_of
from commentsvc.core.status import Status
from commentsvc.services.line_fields import Fields
from commentsvc.store import appeals, comments, decisions, reports, threads, uids, votes
from commentsvc.store.comments import Comment
from commentsvc.store.db import UID_MAX, db
from commentsvc.store.decisions import NOTE_MAX, Decision
from commentsvc.store.reports import Report
from commentsvc.store.sites import Site

BY_IMPORT = "import"  # in place of a rule's name, where the person who decided is not in the file


Numbered = tuple[int, dict[str, Any]]
Problem = tuple[int, str]


class _References:
    """Row ids of everything that the lines of a batch name by uid."""

    def __init__(self, site: Site, batch: Sequence[Numbered]) -> None:
        lines = [line for _, line in batch]
        self.comments = uids.numbers(Comment, site, _texts(lines, "comment"))
        self.decisions = uids.numbers(Decision, site, _texts(lines, "uid", "undoes", "decision"))
        self.reports = uids.numbers(Report, site, _texts(lines, "uid"))
        self.accounts = uids.account_ids(site, _texts(lines, "by"))

    def comment_id(self, fields: Fields) -> int:
        """The comment that a line is about; raises Invalid when it is not on the site."""
        number = self.comments.get(fields.text("comment", UID_MAX))
        if number is None:
            raise Invalid("comment", "comment names no comment of the file")
        return number


def _texts(lines: Sequence[dict[str, Any]], *names: str) -> list[str | None]:
    return [value for line in lines for name in names if isinstance(value := line.get(name), str)]


def add_decisions(site: Site, batch: Sequence[Numbered]) -> list[Problem]:
    """Add lines of the type decision that are new; gives the wrong ones. The caller commits."""
    known, problems = _References(site, batch), []
    new: dict[str, Decision] = {}
    undone: dict[str, str] = {}
    for number, line in batch:
        fields = Fields(line)
        try:
            uid = fields.text("uid", UID_MAX)
            if uid in known.decisions or uid in new:
                continue
            new[uid] = _decision(site, fields, known)
            undoes = fields.optional_text("undoes", UID_MAX)
        except Invalid as error:
            problems.append((number, f"decision: {error}"))
            continue
        if undoes:
            undone[uid] = undoes
    decisions.add_imported(list(new.values()))
    numbers = known.decisions | {uid: decision.id for uid, decision in new.items()}
    decisions.set_undone({numbers[uid]: numbers[old] for uid, old in undone.items() if old in numbers})
    return problems


def _decision(site: Site, fields: Fields, known: _References) -> Decision:
    account_id = known.accounts.get(fields.optional_text("by", UID_MAX))
    return Decision(
        site_id=site.id,
        comment_id=known.comment_id(fields),
        batch=fields.text("batch", 32),
        action=fields.text("action", 16),
        status_before=_status(fields, "status_before"),
        status_after=_status(fields, "status_after") or Status.PENDING,
        by_account_id=account_id,
        by_rule=fields.optional_text("by_rule", 64) or (BY_IMPORT if account_id is None else None),
        note=fields.text("note", NOTE_MAX, required=False),
        message=fields.text("message", NOTE_MAX, required=False),
        reasons=fields.list("reasons"),
        settings_version=fields.optional_text("settings_version", 12),
        created_at=fields.time("created_at"),
        uid=fields.text("uid", UID_MAX),
    )


def add_reports(site: Site, batch: Sequence[Numbered]) -> list[Problem]:
    """Add lines of the type report that are new, and count the open reports of their comments anew."""
    known, problems = _References(site, batch), []
    found = _locked_comments(known)
    for number, line in batch:
        fields = Fields(line)
        try:
            _add_report(site, fields, known, found)
        except Invalid as error:
            problems.append((number, f"report: {error}"))
    return problems


def _add_report(site: Site, fields: Fields, known: _References, found: Mapping[int, Comment]) -> None:
    uid, comment = fields.text("uid", UID_MAX), found[known.comment_id(fields)]
    account_id = known.accounts.get(fields.optional_text("by", UID_MAX))
    guest_hash = None if account_id else fields.digest("guest_key")
    if account_id is None and guest_hash is None:
        raise Invalid("by", "by names no account of the file, and guest_key is missing")
    if uid in known.reports or reports.is_made(comment, account_id, guest_hash):
        return
    ip = fields.text("ip", 45, required=False)
    report = Report(
        site_id=site.id,
        comment_id=comment.id,
        account_id=account_id,
        guest_hash=guest_hash,
        reason=fields.text("reason", 16),
        text=fields.text("text", reports.TEXT_MAX, required=False),
        ip=ip,
        network=network_of(ip, NetworkScope.NEIGHBOURHOOD),
        created_at=fields.time("created_at"),
        handled_at=fields.optional_time("handled_at"),
        decision_id=known.decisions.get(fields.text("decision", UID_MAX, required=False)),
        uid=uid,
    )
    db.session.add(report)
    db.session.flush()
    if report.handled_at is None:
        reports.open_in(comment, 1)


def add_votes(site: Site, batch: Sequence[Numbered]) -> list[Problem]:
    """Add votes of accounts that have not voted on the comment; scores grow by them."""
    known, problems = _References(site, batch), []
    found = _locked_comments(known)
    cast = votes.cast_on(list(found))
    new: dict[tuple[int, int], dict[str, Any]] = {}
    for number, line in batch:
        fields = Fields(line)
        try:
            row = _vote(fields, known, found)
        except Invalid as error:
            problems.append((number, f"vote: {error}"))
            continue
        key = (row["comment_id"], row["account_id"])
        if key not in cast:
            new.setdefault(key, row)
    votes.add_imported(list(new.values()))
    threads.touch_all(dict.fromkeys({row["thread_id"] for row in new.values()}, 0))
    return problems


def _vote(fields: Fields, known: _References, found: Mapping[int, Comment]) -> dict[str, Any]:
    account_id = known.accounts.get(fields.text("by", UID_MAX))
    if account_id is None:
        raise Invalid("by", "by names no account of the file")
    value, comment = fields.number("value"), found[known.comment_id(fields)]
    if value not in (-1, 0, 1):
        raise Invalid("value", "value is none of -1, 0 and 1")
    ids = {"comment_id": comment.id, "account_id": account_id, "thread_id": comment.thread_id}
    return {
        **ids,
        "value": value,
        "changes": max(0, fields.number("changes", 1)),
        "changed_at": fields.time("changed_at"),
    }


def answer_appeals(site: Site, answers: Mapping[str, str]) -> None:
    """Set the decisions that answered appeals; both by uid."""
    found = uids.numbers(Comment, site, answers)
    made = uids.numbers(Decision, site, answers.values())
    appeals.answer_imported(
        {found[uid]: made[answer] for uid, answer in answers.items() if uid in found and answer in made}
    )


def _locked_comments(known: _References) -> dict[int, Comment]:
    """The comments that the lines name, read after their threads are locked."""
    threads.lock(comments.thread_ids_of(known.comments.values()))
    return {comment.id: comment for comment in comments.of_ids(known.comments.values())}


def _status(fields: Fields, name: str) -> Status | None:
    value = fields.optional_text(name, 16)
    if value is not None and value not in tuple(Status):
        raise Invalid(name, f"{name} is none of {', '.join(Status)}")
    return Status(value) if value else None
