"""The log of a site: every decision, by whom or by which rule, why, and the way to undo it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, request

from commentsvc.core.pages import PAGE_SIZE
from commentsvc.store import decisions
from commentsvc.store.decisions import EDIT, Decision
from commentsvc.web import guard
from commentsvc.web.dashboard import frame

pages = Blueprint("log", __name__, url_prefix="/dashboard")


@dataclass(frozen=True)
class Entry:
    """A decision, who made it, on how many comments together, and whether it can still be undone.

    Only one after which nothing holds can, and the whole act goes with it.
    """

    decision: Decision
    who: str
    together: int
    can_undo: bool


@pages.get("/<site_key>/log")
def show(site_key: str) -> str:
    by = guard.dashboard_moderator()
    site = guard.moderated(site_key, by)
    comment_id = frame.find_number(request.args.get("comment", ""))
    before_id = frame.find_number(request.args.get("before", ""))
    found, following = decisions.log(site, comment_id, before_id, PAGE_SIZE)
    can_undo = decisions.undoable({d.comment_id for d in found})
    sizes = decisions.sizes_of({d.batch for d in found})
    entries = [Entry(d, d.who, sizes[d.batch], _moved(d) and d.id in can_undo) for d in found]
    return frame.draw(
        "dashboard/log.html",
        by,
        site,
        entries=entries,
        following=following,
        comment_id=comment_id,
        is_first_page=before_id is None,
    )


def _moved(decision: Decision) -> bool:
    return decision.action == EDIT or decision.status_before not in (None, decision.status_after)
