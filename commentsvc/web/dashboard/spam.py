"""The spam filter of a site: its training, its threshold, and a test of a text."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import policy, routes, sanitizer, spam_filter, text_input
from commentsvc.core.errors import Invalid, Overlap
from commentsvc.core.form_merge import fingerprint, merge
from commentsvc.core.policy import Policy
from commentsvc.core.rule_kinds import RuleInput
from commentsvc.core.status import Status
from commentsvc.core.whole_numbers import find_number
from commentsvc.services import rules, spam_training
from commentsvc.services.moderation import Moderator
from commentsvc.store import comments, sites, spam_words
from commentsvc.store.sites import Site
from commentsvc.web.dashboard import layout
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import now, settings
from commentsvc.web.http.i18n import tell_error
from commentsvc.web.http.refusals import attempt, say

pages = Blueprint("spam", __name__)

SHOWN = 20


@pages.get(routes.SPAM)
def show(site_key: str) -> str:
    by = access.require_dashboard_moderator()
    return _page(by, access.require_owned_site(site_key, by))


@pages.post(routes.SPAM)
def change(site_key: str) -> Response | tuple[str, int]:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    number = find_number(request.form.get("spam_hold", "").strip())
    changes: dict[str, object] = {"spam_filter": request.form.get("spam_filter") == "yes"}
    changes["spam_hold"] = -1 if number is None else number
    with attempt("Saved. It applies to new comments."):
        try:
            rules.set_policy(site, changes, by.account, now(), access.client_ip(), layout.shown())
        except Overlap as error:
            own = merge(layout.shown() or "", changes, sites.policy_json(site)).changes
            return _page(by, site, own=own, problems=layout.overlap_problems(error)), 409
    return redirect(url_for("spam.show", site_key=site_key), 303)


@pages.post(routes.SPAM_TRY)
def test(site_key: str) -> str:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    typed = request.form.get("body", "").replace("\0", "")
    try:
        source = text_input.body(typed, site.policy.body_max)
    except Invalid as error:
        return _page(by, site, typed, tell_error(error))
    submission = RuleInput(source, sanitizer.to_html(source), "", "", "", "")
    return _page(by, site, typed, "", spam_training.opinion(site, Policy(), submission))


@pages.post(routes.SPAM_LEARN)
def learn(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    spam_training.start_imported(site, now())
    say("The filter is learning from imported comments. Check again in a minute.")
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
    """`own` are entered settings that are shown instead of the saved ones."""
    current = {name: sites.policy_json(site)[name] for name in ("spam_filter", "spam_hold")}
    return layout.draw(
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
