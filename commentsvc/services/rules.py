"""Keeps a site's rules, and tries changed ones on the comments of the past before they bite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from commentsvc.core import policy, rule_kinds, text_input
from commentsvc.core import sanitizer as core_text
from commentsvc.core import verdict as core_verdict
from commentsvc.core.errors import Conflict, NotFound, Overlap
from commentsvc.core.form_merge import merge
from commentsvc.core.policy import Policy
from commentsvc.core.rule_kinds import Outcome, RuleInput, RuleKind, SiteRule
from commentsvc.core.status import Status
from commentsvc.core.verdict import Facts, Reason, Verdict
from commentsvc.store import audit_log, decisions, rules, sites
from commentsvc.store.accounts import Account
from commentsvc.store.audit_log import Actor
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.process_cache import Section
from commentsvc.store.rules import Rule
from commentsvc.store.sites import Site
from commentsvc.store.transactions import retried, write

EXAMPLES_MAX = 20
BACKTEST_MAX = 10_000
RULEBOOKS_MAX = 500  # sites whose rules a process keeps ready


@dataclass(frozen=True)
class Rulebook:
    """A site's rules that are on, made ready; `digest` names them."""

    rules: tuple[SiteRule, ...]
    digest: str


# The version of a site's rules, and the rules.
_rulebooks: Section[int, tuple[int, Rulebook]] = Section(RULEBOOKS_MAX)


def rulebook(site: Site) -> Rulebook:
    """The site's rules, read and made ready once for each version of them."""
    found = _rulebooks.get(site.id)
    if found is None or found[0] != site.rules_version:
        ready = tuple(site_rule(rule) for rule in rules.of_site(site) if rule.is_on)
        found = _rulebooks.put(site.id, (site.rules_version, Rulebook(ready, core_verdict.digest(ready))))
    return found[1]


def site_rule(rule: Rule) -> SiteRule:
    return SiteRule(f"rule {rule.id}", RuleKind(rule.kind), rule.value, Outcome(rule.outcome), rule.language)


# Changing them


@dataclass(frozen=True)
class RuleText:
    """A rule as typed, not yet checked."""

    kind: str
    value: str
    outcome: str
    language: str = ""
    is_on: bool = True

    def check(self) -> None:
        """Raise Invalid when it could not be used as it is."""
        rule_kinds.check_rule(self.kind, self.value, self.outcome, self.language)

    def ready(self, name: str) -> SiteRule:
        """Checked and ready to be tried; raises Invalid."""
        self.check()
        return SiteRule(name, RuleKind(self.kind), self.value, Outcome(self.outcome), self.language)


@retried
def add(site: Site, text: RuleText, by: Account, now: datetime) -> Rule:
    """A new rule; raises Invalid when it could not be used as it is."""
    text.check()

    with write(keep_loaded=True):
        sites.lock(site)
        rule = Rule(site_id=site.id, created_at=now)
        _write(rule, text)
        db.session.add(rule)
        db.session.flush()
        _changed(site, rule.id, by, now, {}, _written(rule))
    return rule


def add_imported(site: Site, rule: Rule, by: Actor, now: datetime) -> None:
    """Add a rule of an import, which has been checked; the caller has locked the site and commits."""
    db.session.add(rule)
    db.session.flush()
    _changed(site, rule.id, by, now, {}, _written(rule))


@retried
def change(rule_id: int, changes: dict[str, Any], by: Account, now: datetime, shown: str | None = None) -> Rule:
    """Change a rule's value, outcome, language or is_on; raises Invalid when the rule would be unusable.

    `shown` is the fingerprint of the form's values: with it, only the fields that this person changed are saved. Raises
    Overlap when others have changed the same fields since.
    """
    with write(keep_loaded=True):
        rule = rules.locked(rule_id)
        before = _written(rule)
        if shown is not None:
            merged = merge(shown, changes, before)
            changes = merged.changes
            if merged.overlaps:
                who = audit_log.last_actor_name(rule.site, "rule", "value", str(rule.id))
                raise Overlap({name: (before[name], who) for name in merged.overlaps})
        text = replace(_text(rule), **changes)
        text.check()

        _write(rule, text)
        _changed(rule.site, rule.id, by, now, before, _written(rule))
    return rule


@retried
def remove(rule_id: int, by: Account, now: datetime) -> None:
    with write():
        rule = rules.locked(rule_id)

        _changed(rule.site, rule.id, by, now, _written(rule), {})
        db.session.delete(rule)


@retried
def undo(entry_id: int, site: Site, by: Account, now: datetime) -> None:
    """Undo a change of a rule by its entry in the audit log; raises Conflict when the rule was changed since."""
    with write():
        sites.lock(site)
        entry = audit_log.by_id(entry_id)
        if entry.site_id != site.id or entry.kind != "rule":
            raise NotFound("There is no such rule change.")
        rule = db.session.get(Rule, int(entry.subject))
        current = _written(rule) if rule else {}
        if current != entry.after:
            raise Conflict("This rule has changed since. Check its current version.", "changed-since")

        if rule and not entry.before:
            db.session.delete(rule)
        elif entry.before:
            rule = rule or Rule(id=int(entry.subject), site_id=site.id, created_at=now)
            _write(rule, RuleText(**entry.before))
            db.session.add(rule)
        _changed(site, int(entry.subject), by, now, current, dict(entry.before), entry)


@retried
def set_policy(
    site: Site,
    changes: Mapping[str, object],
    by: Account,
    now: datetime,
    ip: str = "",
    shown: str | None = None,
) -> None:
    """Change settings of judging; raises Invalid naming one that is out of bounds. `shown` is as in change()."""
    with write():
        sites.lock(site)
        before = policy.to_json(site.policy)
        if shown is not None:
            merged = merge(shown, changes, before)
            changes = merged.changes
            if merged.overlaps:
                raise Overlap(
                    {name: (before[name], audit_log.last_actor_name(site, "setting", name)) for name in merged.overlaps}
                )
        sites.change_policy(site, changes)
        after = policy.to_json(site.policy)
        moved = [name for name in after if before[name] != after[name]]
        if moved:
            was, now_is = {name: before[name] for name in moved}, {name: after[name] for name in moved}
            audit_log.add("setting", now, site=site, by=by, subject=", ".join(moved), before=was, after=now_is, ip=ip)


@retried
def end_flood(site: Site, by: Account, now: datetime, ip: str = "") -> bool:
    """Restore the mode of before the flood; False when a person has set a mode since."""
    with write():
        sites.lock(site)
        before = site.policy
        if before.flood_from:
            sites.change_policy(site, {"mode": before.flood_from})
            after = site.policy
            was = {"mode": before.mode, "flood_from": before.flood_from}
            now_is = {"mode": after.mode, "flood_from": after.flood_from}
            audit_log.add("setting", now, site=site, by=by, subject="mode", before=was, after=now_is, ip=ip)
    return bool(before.flood_from)


def _write(rule: Rule, text: RuleText) -> None:
    rule.kind, rule.value, rule.outcome = text.kind, text.value, text.outcome
    rule.language, rule.is_on = text.language, text.is_on


def _text(rule: Rule) -> RuleText:
    return RuleText(rule.kind, rule.value, rule.outcome, rule.language, rule.is_on)


def _written(rule: Rule) -> dict[str, Any]:
    """The rule as the audit log stores it."""
    return {
        "kind": rule.kind,
        "value": rule.value,
        "outcome": rule.outcome,
        "language": rule.language,
        "is_on": rule.is_on,
    }


def _changed(
    site: Site,
    rule_id: int,
    by: Actor,
    now: datetime,
    before: dict[str, Any],
    after: dict[str, Any],
    undoes: audit_log.AuditEntry | None = None,
) -> None:
    rules.increase_version(site)
    audit_log.add("rule", now, site=site, by=by, subject=str(rule_id), before=before, after=after, undoes=undoes)


# Trying them


def tried(
    text: RuleText, body: str, name: str, email: str, website: str, ip: str, user_agent: str, body_max: int
) -> Reason | None:
    """The reason of an unsaved rule for a text of the tester; raises Invalid."""
    rule = text.ready("this rule")
    source = text_input.body(body, body_max) if body.strip() else ""
    html = core_text.to_html(source) if source else ""
    return core_verdict.tried(RuleInput(source, html, name, email.strip().lower(), website, ip, user_agent), rule)


def match_of(spoke: Reason | None, then: Verdict) -> str:
    if spoke:
        return spoke.match
    return next((r.match for r in then.reasons if r.rule == then.decided_by), "")


def past_verdict(
    submission: RuleInput, of_policy: Policy, of_rules: Sequence[SiteRule], facts: Facts, mode: str | None
) -> Verdict:
    in_thread = core_verdict.in_thread(of_policy, mode)
    return core_verdict.judge(submission, in_thread, of_rules, facts.record, facts.moment)


@dataclass(frozen=True)
class VerdictComparison:
    """A comment's whole judgement: then, as it was kept; and today, check by check."""

    then_reasons: list[dict[str, Any]]
    then_status: Status | None
    then_version: str | None
    then_at: datetime | None
    now_checks: list[tuple[str, Reason | None]]
    now_status: Status
    now_version: str


def judgement(comment: Comment) -> VerdictComparison:
    """Explain a comment; today's settings are tried on what was known when it came."""
    site = comment.site
    book = rulebook(site)
    in_thread = core_verdict.in_thread(site.policy, comment.thread.mode)
    submission = comment.submission
    facts = core_verdict.facts(comment.facts)
    first = decisions.first_of(comment.id)
    return VerdictComparison(
        then_reasons=list(first.reasons if first else comment.reasons),
        then_status=Status(first.status_after) if first else None,
        then_version=first.settings_version if first else None,
        then_at=first.created_at if first else None,
        now_checks=core_verdict.explain(submission, in_thread, book.rules, facts.record, facts.moment),
        now_status=core_verdict.judge(submission, in_thread, book.rules, facts.record, facts.moment).status,
        now_version=core_verdict.version(in_thread, book.digest),
    )
