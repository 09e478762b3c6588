"""The log of a site: every decision, by whom or by which rule, why, and the way to undo it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, request

from commentsvc.core import routes
from commentsvc.core.pagination import PAGE_SIZE
from commentsvc.core.policy import Mode
from commentsvc.core.whole_numbers import find_number
from commentsvc.services import thread_settings
from commentsvc.services.moderation import Moderator
from commentsvc.store import audit_log, decisions, memberships
from commentsvc.store.audit_log import AuditEntry
from commentsvc.store.decisions import EDIT, Decision
from commentsvc.store.memberships import Role
from commentsvc.store.sites import Site
from commentsvc.web.dashboard import cards, layout
from commentsvc.web.http import access

CHANGES_MAX = 200  # of threads on one page; they are rare

SAID = {"title": "title", "url": "address"}

pages = Blueprint("log", __name__)


@dataclass(frozen=True)
class LogLine:
    """A decision, who made it, on how many comments together, and whether it can still be undone.

    Only one after which nothing holds can, and the whole act goes with it.
    """

    decision: Decision
    who: str
    together: int
    can_undo: bool

    @property
    def at(self) -> datetime:
        return self.decision.created_at


@dataclass(frozen=True)
class ThreadChangeLine:
    """A change of a thread's settings, and what undoes it; None when it is not for this moderator to undo."""

    change: AuditEntry
    undo: str | None

    @property
    def at(self) -> datetime:
        return self.change.created_at


@pages.get(routes.LOG)
def show(site_key: str) -> str:
    by = access.require_dashboard_moderator()
    site = access.require_moderated_site(site_key, by)
    comment_id = find_number(request.args.get("comment", ""))
    before_id = find_number(request.args.get("before", ""))
    found, following = decisions.log(site, comment_id, before_id, PAGE_SIZE)
    can_undo = decisions.undoable({d.comment_id for d in found})
    sizes = decisions.sizes_of({d.batch for d in found})
    entries = [LogLine(d, d.who, sizes[d.batch], _moved(d) and d.id in can_undo) for d in found]
    changes = [] if comment_id else _changes(site, by, found, before_id, following is not None)
    listed: list[LogLine | ThreadChangeLine] = [*entries, *changes]
    listed.sort(key=lambda entry: entry.at, reverse=True)
    return layout.draw(
        "dashboard/log.html",
        by,
        site,
        listed=listed,
        following=following,
        setting_of=_setting,
        sentence_of=_sentence,
        comment_id=comment_id,
        is_first_page=before_id is None,
    )


def _setting(name: str, value: object) -> str:
    """A thread's setting in words."""
    if name in SAID:
        return f"{SAID[name]} “{value}”" if value else f"no {SAID[name]}"
    if name == "pinned_id":
        return "no pinned comment" if value is None else f"comment {value} pinned"
    if name == "is_open":
        return "open" if value else "closed"
    return f"held for review: {cards.MODE_NAMES[Mode(str(value))]}" if value else "held for review: site default"


def _changes(
    site: Site, by: Moderator, found: Sequence[Decision], before_id: int | None, has_more: bool
) -> list[ThreadChangeLine]:
    """The changes of threads between the decisions of this page: newer than its oldest, older than the page before."""
    since = found[-1].created_at if has_more else None
    before = decisions.made_at(site, before_id) if before_id is not None else None
    is_owner = memberships.role_on(by.account, site) is Role.OWNER
    entries = audit_log.of_threads(site, since, before, CHANGES_MAX)
    return [ThreadChangeLine(e, thread_settings.undo_of(e) if _may_undo(e, is_owner) else None) for e in entries]


def _may_undo(change: AuditEntry, is_owner: bool) -> bool:
    if change.kind in (audit_log.THREAD_MERGE, audit_log.THREAD_DELETE):
        return is_owner and change.undoes_id is None
    return is_owner or "mode" not in change.after


def _sentence(change: AuditEntry) -> str:
    """What a move, a merge or a deletion did."""
    old, new = change.before.get("key", change.subject), change.after.get("key", "")
    if change.kind == audit_log.THREAD_MOVE:
        return f"Page moved to {new}."
    if change.kind == audit_log.THREAD_MERGE and change.undoes_id is not None:
        return f"Comments separated again from {old}."
    if change.kind == audit_log.THREAD_MERGE:
        return f"Comments merged into {new}."
    return "Comments restored." if change.undoes_id is not None else "All comments deleted and the page closed."


def _moved(decision: Decision) -> bool:
    return decision.action == EDIT or decision.status_before not in (None, decision.status_after)
