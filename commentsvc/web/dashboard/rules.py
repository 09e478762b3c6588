"""The rules of a site: matches, tests on a text and on past comments, changes and undo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import language_guess, policy, routes, rule_kinds
from commentsvc.core.errors import Invalid, NotFound, Overlap
from commentsvc.core.form_merge import fingerprint, merge
from commentsvc.core.policy import Policy
from commentsvc.core.rule_kinds import Outcome, RuleKind
from commentsvc.core.verdict import Reason
from commentsvc.core.whole_numbers import find_number
from commentsvc.services import backtest as backtest_service
from commentsvc.services import rules as rules_service
from commentsvc.services import thread_settings
from commentsvc.services.backtest import Backtest
from commentsvc.services.moderation import Moderator
from commentsvc.services.rules import RuleText
from commentsvc.store import audit_log, comments, rule_hits, sites, threads
from commentsvc.store import rules as stored_rules
from commentsvc.store.comments import Comment
from commentsvc.store.rules import Rule
from commentsvc.store.sites import Site
from commentsvc.web.api import schemas
from commentsvc.web.dashboard import layout
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import now, settings
from commentsvc.web.http.i18n import tell_error
from commentsvc.web.http.refusals import attempt, refused, say

pages = Blueprint("rules", __name__)

COUNTED = timedelta(days=30)
BACKTEST = 2_000  # comments that the page tries a rule on; the API goes up to 10,000
CHANGES_SHOWN = 10
SHOWN = 60  # characters of a rule's value in the list
THREADS_SHOWN = 50


@dataclass(frozen=True)
class Check:
    """A built-in check: its name in verdicts, its description, and its settings."""

    name: str
    does: str
    settings: tuple[str, ...]


CHECKS = (
    Check("trap", "Marks comments as spam when a hidden form field is filled in.", ()),
    Check(
        "haste",
        "Holds comments sent within this many seconds of opening the form. 0 turns this off.",
        ("min_compose_s",),
    ),
    Check("links", "Holds comments with more links than this.", ("links_max",)),
    Check("copies", "Holds comments that nearly repeat another comment from the last 7 days.", ("copies_held",)),
    Check(
        "pace",
        "Comments allowed in 10 minutes per person, network (/24, /48) or page; more are held. "
        "Above the limit of the whole site, all new comments are held. 0 turns a limit off.",
        ("pace_author", "pace_network", "pace_thread", "pace_site"),
    ),
    Check("refusals", "Holds authors with this many rejections in 30 days. 0 turns this off.", ("refusals_max",)),
    Check("spam filter", "Holds comments that resemble earlier spam; see “Spam filter” above.", ()),
    Check("outside check", "Marks comments as spam when the external spam service says so.", ("external_spam_check",)),
)
OTHER_SETTINGS = {
    "new_account_days": "Treat accounts younger than … days as new (0 turns this off)",
    "close_after_days": "Close comments after … days (0 turns this off)",
    "challenge_after": "Ask new visitors' browsers for a short proof of work "
    "after … comments from one network in 10 minutes (0 turns this off)",
    "names_protected": "Block guests from using moderators' names",
    "warn_before_hold": "Let authors revise before a rule on words or links holds their comment",
}
LABELS = {
    "min_compose_s": "Seconds",
    "links_max": "Links",
    "copies_held": "On",
    "pace_author": "Per person",
    "pace_network": "Per network",
    "pace_thread": "Per page",
    "pace_site": "Whole site",
    "refusals_max": "Rejections",
    "external_spam_check": "On",
    **OTHER_SETTINGS,
}
FORM = ("kind", "value", "outcome", "language")
SHOWN_OF_RULE = ("value", "outcome", "language")
SAMPLE = ("body", "name", "email", "website", "ip", "user_agent")


@dataclass(frozen=True)
class Trial:
    """The result of trying a rule on the text of the form or on past comments."""

    problem: str = ""
    is_tried: bool = False
    found: Reason | None = None
    backtest: Backtest | None = None
    shown: dict[int, Comment] | None = None


@pages.get(routes.RULES)
def show(site_key: str) -> str:
    by = access.require_dashboard_moderator()
    return _page(by, access.require_owned_site(site_key, by))


@pages.get(routes.RULE)
def show_one(site_key: str, rule_id: int) -> str:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    rule = _of(site, rule_id)
    return _rule_page(by, site, rule, _filled(rule), Trial())


@pages.post(routes.RULES)
def add(site_key: str) -> Response | str:
    return _act(site_key, None)


@pages.post(routes.RULE)
def change(site_key: str, rule_id: int) -> Response | str:
    return _act(site_key, rule_id)


def _act(site_key: str, rule_id: int | None) -> Response | str:
    """Save the rule of the form, or only try it; a rule that cannot be used comes back with its trouble."""
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    rule = _of(site, rule_id) if rule_id is not None else None
    form = {name: request.form.get(name, "").replace("\0", "") for name in (*FORM, *SAMPLE)}
    form["value"] = form["value"].replace("\r\n", "\n")
    is_on = rule.is_on if rule else True
    text = RuleText(form["kind"], form["value"], form["outcome"], form["language"], is_on)
    try:
        if request.form.get("do") == "save":
            _save(site, rule, text, by)
            return redirect(url_for("rules.show", site_key=site_key), 303)
        trial = _try(site, rule, text, form)
    except Overlap as error:
        assert rule is not None  # a new rule overlaps nothing
        problems = layout.overlap_problems(error)
        written = _filled(rule)
        current = {name: written[name] for name in SHOWN_OF_RULE}
        own = merge(layout.shown() or "", {name: form[name] for name in SHOWN_OF_RULE}, current).changes
        return refused(error, _rule_page(by, site, rule, {**form, **current, **own}, Trial(), problems))
    except Invalid as error:
        trial = Trial(problem=tell_error(error))
    return _rule_page(by, site, rule, form, trial) if rule else _page(by, site, form, trial)


def _save(site: Site, rule: Rule | None, text: RuleText, by: Moderator) -> None:
    if rule is None:
        rules_service.add(site, text, by.account, now())
        say("Rule added. It applies to new comments.")
        return
    changes = {"value": text.value, "outcome": text.outcome, "language": text.language}
    rules_service.change(rule.id, changes, by.account, now(), layout.shown())
    say("Rule saved. It applies to new comments.")


def _try(site: Site, rule: Rule | None, text: RuleText, form: dict[str, str]) -> Trial:
    if request.form.get("do") == "backtest":
        proposed = backtest_service.proposal(site, text, rule.id if rule else None, None, {})
        found = backtest_service.backtest(site, proposed, BACKTEST)
        return Trial(backtest=found, shown={c.id: c for c in comments.of_ids(found.example_ids)})
    sample = (form["body"], form["name"], form["email"], form["website"], form["ip"], form["user_agent"])
    return Trial(is_tried=True, found=rules_service.tried(text, *sample, site.policy.body_max))


@pages.post(routes.RULE_SWITCH)
def switch(site_key: str, rule_id: int) -> Response:
    by = access.require_dashboard_moderator()
    rule = _of(access.require_owned_site(site_key, by), rule_id)
    rules_service.change(rule.id, {"is_on": request.form.get("on") == "yes"}, by.account, now())
    return redirect(url_for("rules.show", site_key=site_key), 303)


@pages.post(routes.RULE_REMOVE)
def remove(site_key: str, rule_id: int) -> Response:
    by = access.require_dashboard_moderator()
    rule = _of(access.require_owned_site(site_key, by), rule_id)
    rules_service.remove(rule.id, by.account, now())
    say("Rule deleted. You can undo this below, under “Recent rule changes”.")
    return redirect(url_for("rules.show", site_key=site_key), 303)


@pages.post(routes.RULES_UNDO)
def undo(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    with attempt("Rule change undone."):
        rules_service.undo(find_number(request.form.get("entry", "")) or 0, site, by.account, now())
    return redirect(url_for("rules.show", site_key=site_key), 303)


@pages.post(routes.CHECKS)
def set_checks(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    with attempt("Saved. It applies to new comments."):
        sent = _settings_of_form(site.policy)
        try:
            rules_service.set_policy(site, sent, by.account, now(), access.client_ip(), layout.shown())
        except Overlap as error:
            own = merge(layout.shown() or "", sent, sites.policy_json(site)).changes
            return refused(error, _page(by, site, own=own, problems=layout.overlap_problems(error)))
    return redirect(url_for("rules.show", site_key=site_key) + "#checks", 303)


@pages.post(routes.THREAD_MODE)
def set_thread_mode(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    with attempt():
        key = schemas.page_key(request.form.get("thread", ""), site)
        changes = {"mode": request.form.get("mode") or None}
        tended = thread_settings.tend(site, key, changes, by.account, access.client_ip(), now())
        say("Saved. It applies to new comments on that page.", tended.undo or "")
    return redirect(url_for("rules.show", site_key=site_key) + "#pages", 303)


@pages.post(routes.END_FLOOD)
def end_flood(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    if rules_service.end_flood(site, by.account, now(), access.client_ip()):
        say("Hold ended. New comments are handled as before the traffic spike.")
    return redirect(url_for("rules.show", site_key=site_key), 303)


def _of(site: Site, rule_id: int) -> Rule:
    rule = stored_rules.by_id(rule_id)
    if rule.site_id != site.id:
        raise NotFound("There is no rule with this number here.")
    return rule


def _filled(rule: Rule | None) -> dict[str, str]:
    blank = dict.fromkeys((*FORM, *SAMPLE), "") | {"kind": RuleKind.WORDS, "outcome": Outcome.HOLD}
    if rule is None:
        return blank
    return blank | {"kind": rule.kind, "value": rule.value, "outcome": rule.outcome, "language": rule.language}


def _settings_of_form(current: Policy) -> dict[str, object]:
    """The settings that the form names with `has`; a box that is not ticked is not sent."""
    changes: dict[str, object] = {}
    for name in request.form.getlist("has"):
        if name not in LABELS:
            raise Invalid(name, f"There is no setting “{name[:40]}” on this page.")
        typed = request.form.get(name, "")
        if isinstance(getattr(current, name), bool):
            changes[name] = typed == "yes"
        else:
            number = find_number(typed.strip())
            changes[name] = -1 if number is None else number
    return changes


def _shared(site: Site, form: dict[str, str], trial: Trial) -> dict[str, Any]:
    return {
        "form": form,
        "trial": trial,
        "kinds": rule_kinds.MEANS,
        "outcomes": [outcome for outcome in Outcome if outcome is not Outcome.APPROVE],
        "languages": sorted(language_guess.LANGUAGES),
        "tested_max": BACKTEST,
    }


def _page(
    by: Moderator,
    site: Site,
    form: dict[str, str] | None = None,
    trial: Trial = Trial(),
    own: Mapping[str, object] | None = None,
    problems: Mapping[str, str] | None = None,
) -> str:
    """`own` are entered values of the checks that are shown instead of the saved ones."""
    current = sites.policy_json(site)
    changed, _ = audit_log.of_site(site, ["rule"], None, CHANGES_SHOWN)
    return layout.draw(
        "dashboard/rules.html",
        by,
        site,
        rules=stored_rules.of_site(site),
        summary=_summary,
        spoke=rule_hits.counts(site, now() - COUNTED),
        checks=CHECKS,
        others=OTHER_SETTINGS,
        labels=LABELS,
        bounds=policy.BOUNDS,
        has_service=bool(settings().akismet_key),
        changes=changed,
        values={**current, **(own or {})},
        shown=fingerprint(current),
        problems=problems or {},
        own_modes=threads.with_mode(site, THREADS_SHOWN),
        **_shared(site, form or _filled(None), trial),
    )


def _rule_page(
    by: Moderator,
    site: Site,
    rule: Rule,
    form: dict[str, str],
    trial: Trial,
    problems: Mapping[str, str] | None = None,
) -> str:
    spoke = rule_hits.counts(site, now() - COUNTED).get(f"rule {rule.id}", 0)
    written = _filled(rule)
    # A rule that was only tried goes on from where its form was opened; one that overlapped from what is there now.
    shown = (None if problems else layout.shown()) or fingerprint({name: written[name] for name in SHOWN_OF_RULE})
    names = {"rule": rule, "spoke": spoke, "shown": shown, "problems": problems or {}}
    return layout.draw("dashboard/rule.html", by, site, **names, **_shared(site, form, trial))


def _summary(value: str) -> str:
    """The beginning of a rule's value, and how much more there is."""
    lines = [line.strip() for line in value[: 4 * SHOWN].splitlines() if line.strip()]
    beginning = ", ".join(lines)[:SHOWN]
    count = sum(1 for line in value.splitlines() if line.strip())
    return f"{beginning}… ({count:,})" if len(value) > SHOWN else beginning
