"""The verdict of a comment: every check with its result then, and with today's settings."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint

from commentsvc.core import routes
from commentsvc.core.errors import NotFound
from commentsvc.core.verdict import Reason
from commentsvc.services import rules
from commentsvc.services.rules import VerdictComparison
from commentsvc.store import comments
from commentsvc.web.dashboard import layout
from commentsvc.web.http import access

pages = Blueprint("explanation", __name__)


@dataclass(frozen=True)
class VerdictLine:
    """One check: its stored reason, and today's; None for no match."""

    name: str
    then: dict[str, str] | None
    now: Reason | None


@pages.get(routes.VERDICT)
def show(site_key: str, comment_id: int) -> str:
    by = access.require_dashboard_moderator()
    site = access.require_moderated_site(site_key, by)
    comment = comments.by_id(comment_id)
    if comment.site_id != site.id:
        raise NotFound("There is no comment with this number here.")
    found = rules.judgement(comment)
    return layout.draw("dashboard/explanation.html", by, site, comment=comment, found=found, lines=_lines(found))


def _lines(found: VerdictComparison) -> list[VerdictLine]:
    """Today's checks in their order, then former checks and rules with a stored reason."""
    then = {_name(reason["rule"]): reason for reason in found.then_reasons}
    lines = [VerdictLine(name, then.pop(_name(name), None), reason) for name, reason in found.now_checks]
    return [*lines, *(VerdictLine(name, reason, None) for name, reason in then.items())]


def _name(rule: str) -> str:
    """The mode's reason names the mode it was."""
    return "mode" if rule.startswith("mode ") else rule
