"""Keeps a site's rules, and tries one on the comments of the past before it bites."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from commentsvc.core import judging
from commentsvc.core.judging import Outcome, RuleKind, SiteRule, Submission
from commentsvc.store import comments
from commentsvc.store.comments import Comment
from commentsvc.store.db import begin_write, db
from commentsvc.store.rules import Rule
from commentsvc.store.sites import Site

EXAMPLES_MAX = 20


@dataclass(frozen=True)
class Caught:
    comment: Comment
    match: str


def add(site: Site, kind: str, value: str, outcome: str, is_on: bool, now: datetime) -> Rule:
    """A new rule; raises Invalid when it could not be used as it is."""
    judging.check_rule(kind, value, outcome)

    begin_write()
    rule = Rule(site_id=site.id, kind=kind, value=value, outcome=outcome, is_on=is_on, created_at=now)
    db.session.add(rule)
    db.session.commit()
    return rule


def change(rule_id: int, value: str | None, outcome: str | None, is_on: bool | None) -> Rule:
    begin_write()
    rule = db.session.get_one(Rule, rule_id)
    judging.check_rule(rule.kind, rule.value if value is None else value, outcome or rule.outcome)

    rule.value = rule.value if value is None else value
    rule.outcome = outcome or rule.outcome
    rule.is_on = rule.is_on if is_on is None else is_on
    db.session.commit()
    return rule


def remove(rule_id: int) -> None:
    begin_write()
    db.session.delete(db.session.get_one(Rule, rule_id))
    db.session.commit()


def backtest(site: Site, kind: str, value: str, outcome: str, limit: int) -> tuple[int, list[Caught]]:
    """How many of the newest comments were tried, and those that the rule would have caught."""
    judging.check_rule(kind, value, outcome)
    rule = SiteRule("backtest", RuleKind(kind), value, Outcome(outcome))
    newest = comments.newest(site, limit)
    caught = []
    for comment in newest:
        submission = Submission(
            comment.source,
            comment.html,
            comment.author_name,
            comment.author_email or "",
            comment.author_website or "",
            comment.ip,
        )
        if reason := judging.tried(submission, rule):
            caught.append(Caught(comment, reason.match))
    return len(newest), caught
