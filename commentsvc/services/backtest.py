"""Tries a site's changed rules on its past comments before they are saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from commentsvc.core import policy
from commentsvc.core import verdict as core_verdict
from commentsvc.core.policy import Policy
from commentsvc.core.rule_kinds import SiteRule
from commentsvc.core.status import Status
from commentsvc.core.verdict import Verdict
from commentsvc.services.rules import BACKTEST_MAX, EXAMPLES_MAX, RuleText, match_of, past_verdict, rulebook
from commentsvc.store import backtest as stored_backtest
from commentsvc.store import decisions
from commentsvc.store.sites import Site


@dataclass(frozen=True)
class Proposal:
    """Changed settings to try: other rules, another policy, or both; None leaves them as they are."""

    rules: Sequence[SiteRule]
    policy: Policy
    about: str = ""  # the rule that the question is about


@dataclass(frozen=True)
class Example:
    """A comment with another verdict: today's, and that of the changed settings."""

    comment_id: int
    today: Verdict
    then: Verdict
    match: str


@dataclass
class Agreement:
    """How the settings alone would have judged the comments that moderators decided on."""

    alike: int = 0
    otherwise: int = 0  # published what was refused, or refused what was published
    left: int = 0  # to the moderators

    def count(self, verdict: Status, decided: Status) -> None:
        if verdict is Status.PENDING:
            self.left += 1
        elif (verdict is Status.APPROVED) == (decided is Status.APPROVED):
            self.alike += 1
        else:
            self.otherwise += 1


@dataclass
class Backtest:
    """Verdicts of changed settings on the newest comments, and their agreement with moderators' decisions."""

    tested: int = 0
    caught: int = 0  # by the rule in question
    caught_examples: list[tuple[int, str]] = field(default_factory=list)  # comments, and what was found in them
    changes: Counter[tuple[Status, Status]] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)
    decided: int = 0  # by moderators
    today: Agreement = field(default_factory=Agreement)
    then: Agreement = field(default_factory=Agreement)

    @property
    def changed(self) -> int:
        return self.changes.total()

    @property
    def example_ids(self) -> set[int]:
        return {number for number, _ in self.caught_examples} | {example.comment_id for example in self.examples}


def proposal(
    site: Site, added: RuleText | None, rule_id: int | None, all_rules: list[RuleText] | None, changes: dict[str, Any]
) -> Proposal:
    """The change to try: a new rule, a replaced rule or a whole new set, with other settings or today's.

    Raises Invalid for a rule or setting that could not be saved.
    """
    changed = policy.changed(site.policy, changes) if changes else site.policy
    if all_rules is not None:
        ready = [text.ready(f"rule {number}") for number, text in enumerate(all_rules, 1) if text.is_on]
        return Proposal(ready, changed)
    ready = list(rulebook(site).rules)
    if added is None:
        return Proposal(ready, changed)
    about = "this rule" if rule_id is None else f"rule {rule_id}"
    rule = added.ready(about)
    others = [other for other in ready if other.name != about]
    return Proposal([*others, rule] if added.is_on else others, changed, about)


def backtest(site: Site, proposed: Proposal, limit: int) -> Backtest:
    """Judge the newest comments twice, with the settings of today and with the changed ones, on what was known then."""
    today_rules, today_policy = rulebook(site).rules, site.policy
    past = stored_backtest.newest(site, min(limit, BACKTEST_MAX))
    decided = decisions.decided_by_people(site, min((c.id for c in past), default=0))
    found = Backtest(tested=len(past))
    for comment in past:
        submission, facts = comment.submission, core_verdict.facts(comment.facts)
        today = past_verdict(submission, today_policy, today_rules, facts, comment.mode)
        then = past_verdict(submission, proposed.policy, proposed.rules, facts, comment.mode)
        spoke = next((r for r in then.reasons if r.rule == proposed.about), None)
        if spoke:
            found.caught += 1
            if len(found.caught_examples) < EXAMPLES_MAX:
                found.caught_examples.append((comment.id, spoke.match))
        if today.status is not then.status:
            found.changes[today.status, then.status] += 1
            if len(found.examples) < EXAMPLES_MAX:
                found.examples.append(Example(comment.id, today, then, match_of(spoke, then)))
        status = Status(comment.status)
        if status is not Status.PENDING and (comment.id in decided or comment.is_imported):
            found.decided += 1
            found.today.count(today.status, status)
            found.then.count(then.status, status)
    return found
