"""Why a comment is where it is: every check, what it said then, and what it would say with today's settings."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint

from commentsvc.core.errors import NotFound
from commentsvc.core.judging import Reason
from commentsvc.services import ruling
from commentsvc.services.ruling import Judgement
from commentsvc.store import comments
from commentsvc.web import guard
from commentsvc.web.dashboard import frame

pages = Blueprint("explanation", __name__, url_prefix="/dashboard")


@dataclass(frozen=True)
class Line:
    """One check: what it said then (as kept), and what it says today; None for nothing."""

    name: str
    then: dict[str, str] | None
    now: Reason | None


@pages.get("/<site_key>/judgement/<int:comment_id>")
def show(site_key: str, comment_id: int) -> str:
    by = guard.dashboard_moderator()
    site = guard.moderated(site_key, by)
    comment = comments.by_id(comment_id)
    if comment.site_id != site.id:
        raise NotFound("There is no comment with this number here.")
    found = ruling.judgement(comment)
    return frame.draw("dashboard/explanation.html", by, site, comment=comment, found=found, lines=_lines(found))


def _lines(found: Judgement) -> list[Line]:
    """Today's checks in their order, then those that spoke once and are gone."""
    then = {_name(reason["rule"]): reason for reason in found.then_reasons}
    lines = [Line(name, then.pop(_name(name), None), reason) for name, reason in found.now_checks]
    return [*lines, *(Line(name, reason, None) for name, reason in then.items())]


def _name(rule: str) -> str:
    """The mode's reason names the mode it was."""
    return "mode" if rule.startswith("mode ") else rule
