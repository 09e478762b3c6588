"""The spam filter of a site: what it has learnt, how strict it is, and what it thinks of a text and by which words."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import policy, spam_filter, text
from commentsvc.core.errors import Invalid, Overlap
from commentsvc.core.merge import fingerprint, merge
from commentsvc.core.policy import Policy
from commentsvc.core.rule_kinds import Submission
from commentsvc.core.status import Status
from commentsvc.services import learning, ruling
from commentsvc.services.moderating import Moderator
from commentsvc.store import comments, sites, spam_words
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.web import guard
from commentsvc.web.dashboard import frame
from commentsvc.web.translating import tell_error
from commentsvc.web.wiring import now, settings

pages = Blueprint("spam", __name__, url_prefix="/dashboard")

SHOWN = 20


@pages.get("/<site_key>/spam")
def show(site_key: str) -> str:
    by = guard.dashboard_moderator()
    return _page(by, guard.owned(site_key, by))


@pages.post("/<site_key>/spam")
def change(site_key: str) -> Response | tuple[str, int]:
    by = guard.dashboard_moderator()
    site = guard.owned(site_key, by)
    number = frame.find_number(request.form.get("spam_hold", "").strip())
    changes: dict[str, object] = {"spam_filter": request.form.get("spam_filter") == "yes"}
    changes["spam_hold"] = -1 if number is None else number
    with frame.attempt("Saved; it counts from the next comment on."):
        try:
            ruling.set_policy(site, changes, by.account, now(), guard.client_ip(), frame.shown())
        except Overlap as error:
            db.session.rollback()
            own = merge(frame.shown() or "", changes, sites.policy_json(site)).changes
            return _page(by, site, own=own, problems=frame.overlap_problems(error)), 409
    return redirect(url_for("spam.show", site_key=site_key), 303)


@pages.post("/<site_key>/spam/try")
def test(site_key: str) -> str:
    by = guard.dashboard_moderator()
    site = guard.owned(site_key, by)
    typed = request.form.get("body", "").replace("\0", "")
    try:
        source = text.body(typed, site.policy.body_max)
    except Invalid as error:
        return _page(by, site, typed, tell_error(error))
    submission = Submission(source, text.to_html(source), "", "", "", "")
    return _page(by, site, typed, "", learning.opinion(site, Policy(), submission))


@pages.post("/<site_key>/spam/learn")
def learn(site_key: str) -> Response:
    by = guard.dashboard_moderator()
    site = guard.owned(site_key, by)
    learning.start_imported(site, now())
    frame.say("The filter is learning from what was imported; look again in a minute.")
    return redirect(url_for("spam.show", site_key=site_key), 303)


def _page(
    by: Moderator,
    site: Site,
    typed: str = "",
    problem: str = "",
    opinion: tuple[float | None, tuple[str, ...]] | None = None,
    own: Mapping[str, object] | None = None,
    problems: Mapping[str, str] | None = None,
) -> str:
    """`own` is what somebody entered for the settings, to stand there instead of what is saved."""
    current = {name: sites.policy_json(site)[name] for name in ("spam_filter", "spam_hold")}
    return frame.draw(
        "dashboard/spam.html",
        by,
        site,
        total=spam_words.total(site),
        least=spam_filter.LEARNT_MIN,
        likest=comments.by_spam_score(site, Status.PENDING, SHOWN),
        bounds=policy.BOUNDS["spam_hold"],
        values={**current, **(own or {})},
        shown=fingerprint(current),
        problems=problems or {},
        typed=typed,
        problem=problem,
        opinion=opinion,
        has_service=bool(settings().akismet_key),
    )
