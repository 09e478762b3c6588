"""Verdicts: the checks in their order, their reasons, and the strictest outcome."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from commentsvc.core import policy as policies
from commentsvc.core.phrases import counted, phrase
from commentsvc.core.policy import Mode, Policy
from commentsvc.core.rule_kinds import Outcome, RuleInput, SiteRule
from commentsvc.core.status import Status

STATUS = {
    Outcome.APPROVE: Status.APPROVED,
    Outcome.HOLD: Status.PENDING,
    Outcome.SPAM: Status.SPAM,
    Outcome.REJECT: Status.REJECTED,
}
_STRICTNESS = list(Outcome)
VERSION_LENGTH = 12  # hexadecimal digits


class SanctionEffect(StrEnum):
    """The effect of sanctions on an author."""

    NONE = ""
    TRUSTED = "trusted"  # the mode does not hold them
    HELD = "held"  # everything of theirs waits
    SHADOWED = "shadowed"  # nobody else ever sees it


class Outside(StrEnum):
    """The answer of the external spam service."""

    NOT_ASKED = ""
    HAM = "ham"
    SPAM = "spam"
    BLATANT = "blatant"
    NO_ANSWER = "no answer"


@dataclass(frozen=True)
class Record:
    """The author's history when the comment came; a moderator of the site is trusted."""

    approved: int = 0
    pending: int = 0
    refused: int = 0
    is_moderator: bool = False
    refused_lately: int = 0  # within REFUSALS_DAYS
    age_days: float | None = None  # since the account was made, or the guest first wrote here
    standing: SanctionEffect = SanctionEffect.NONE


@dataclass(frozen=True)
class Moment:
    """Signals measured when the comment came. `…_lately` counts other comments within PACE_S, by author, network …"""

    is_trapped: bool = False  # a field that people do not see was filled in
    elapsed_ms: int | None = None  # from opening the form to sending it, as the page says
    author_lately: int = 0
    network_lately: int = 0
    thread_lately: int = 0
    is_flood: bool = False  # of the whole site
    copies: int = 0  # comments elsewhere that say the same or nearly
    spam_score: float | None = None  # 0 to 1, by the filter; None before it has learnt enough
    spam_words: tuple[str, ...] = ()
    outside: Outside = Outside.NOT_ASKED


@dataclass(frozen=True)
class Facts:
    """All that a verdict rests on besides the text and the settings; kept with the comment, to judge it again."""

    record: Record = field(default_factory=Record)
    moment: Moment = field(default_factory=Moment)


@dataclass(frozen=True)
class Reason:
    """`sentence` is for the author and the moderator; `match` is what was found, for the moderator alone."""

    rule: str
    outcome: Outcome
    sentence: str
    match: str = ""


@dataclass(frozen=True)
class Verdict:
    status: Status
    reasons: tuple[Reason, ...]

    @property
    def decided_by(self) -> str:
        """The first of the rules that asked for what happened."""
        return next(r.rule for r in self.reasons if STATUS[r.outcome] is self.status)

    @property
    def objections(self) -> list[Reason]:
        """The reasons against the comment, without that of the mode."""
        return [r for r in self.reasons if r.outcome is not Outcome.APPROVE and not r.rule.startswith("mode ")]


@dataclass(frozen=True)
class Case:
    """Everything that a check may look at."""

    submission: RuleInput
    policy: Policy
    record: Record
    moment: Moment


Check = Callable[[Case], Reason | None]

REFUSALS_DAYS = 30
PACE_S = 600
NEVER_HOLDS = 100  # per cent: the filter sorts, and holds nothing


def judge(
    submission: RuleInput,
    policy: Policy,
    rules: Sequence[SiteRule],
    record: Record,
    moment: Moment = Moment(),
) -> Verdict:
    """Judge a new or edited comment.

    The strictest outcome wins; every reason is in the verdict, in the order tried. A moderator's own comment is always
    approved, and in the mode `off` every comment, except those of authors whom a sanction holds.
    """
    spoken = [reason for _, reason in explain(submission, policy, rules, record, moment) if reason]
    strictest = max((r.outcome for r in spoken), key=_STRICTNESS.index)
    return Verdict(STATUS[strictest], tuple(spoken))


def explain(
    submission: RuleInput,
    policy: Policy,
    rules: Sequence[SiteRule],
    record: Record,
    moment: Moment = Moment(),
) -> list[tuple[str, Reason | None]]:
    """The reason of each check, in the order tried; None for a check that does not match."""
    case = Case(submission, policy, record, moment)
    if record.is_moderator:
        return [("moderator", Reason("moderator", Outcome.APPROVE, phrase("Written by a moderator.")))]
    said: list[tuple[str, Reason | None]] = [("person", _person(case)), ("mode", _mode(case))]
    if policy.mode is Mode.OFF:
        return said
    said += [(name, check(case)) for name, check in FORM_CHECKS.items()]
    said += [(rule.name, tried(submission, rule)) for rule in rules]
    said += [(name, check(case)) for name, check in PATTERN_CHECKS.items()]
    return said


def still_held(verdict: Verdict, earlier: Sequence[Reason]) -> Verdict:
    """The verdict on an edited comment for which earlier reasons still hold."""
    reasons = (*earlier, *verdict.reasons)
    return Verdict(STATUS[max((r.outcome for r in reasons), key=_STRICTNESS.index)], reasons)


def too_many(match: str) -> Reason:
    """The reason to hold a comment when too many arrive; `match` names their source."""
    sentence = phrase(
        "Many comments are coming in right now, so a moderator will review this comment before it appears."
    )
    return Reason("pace", Outcome.HOLD, sentence, match)


def tried(submission: RuleInput, rule: SiteRule) -> Reason | None:
    """The reason of one rule of the site, or None."""
    if rule not in submission.known:
        submission.known[rule] = rule.find(submission)
    found = submission.known[rule]
    return Reason(rule.name, rule.outcome, found.sentence, found.match) if found else None


def _person(case: Case) -> Reason | None:
    standing = case.record.standing
    if standing is SanctionEffect.HELD:
        return Reason("person", Outcome.HOLD, phrase("A moderator reviews all your comments here before they appear."))
    if standing is SanctionEffect.SHADOWED:
        return Reason("person", Outcome.REJECT, phrase("A moderator decided that only its author can see it."))
    if standing is SanctionEffect.TRUSTED:
        return Reason("person", Outcome.APPROVE, phrase("A moderator trusts its author."))
    return None


def _mode(case: Case) -> Reason:
    policy, record = case.policy, case.record
    name = f"mode {policy.mode}"
    if policy.mode is Mode.OFF:
        return Reason(name, Outcome.APPROVE, phrase("Comments appear immediately here."))
    if record.standing is SanctionEffect.TRUSTED:
        return Reason(name, Outcome.APPROVE, phrase("Comments like this one appear immediately here."))
    if policy.mode is Mode.ALL:
        return Reason(name, Outcome.HOLD, phrase("A moderator reviews every comment here before it appears."))
    if policy.mode is Mode.NEW:
        if record.approved < policy.approved_needed:
            return Reason(name, Outcome.HOLD, phrase("A moderator reviews the first comments of new commenters."))
        if record.age_days is not None and record.age_days < policy.new_account_days:
            days = policy.new_account_days
            sentence = counted(
                "A moderator reviews comments from accounts younger than one day.",
                "A moderator reviews comments from accounts younger than %(num)s days.",
                days,
            )
            return Reason(name, Outcome.HOLD, sentence, f"{days} days")
    return Reason(name, Outcome.APPROVE, phrase("Comments like this one appear immediately here."))


def _trap(case: Case) -> Reason | None:
    if not case.moment.is_trapped:
        return None
    return Reason("trap", Outcome.SPAM, phrase("A hidden form field was filled in."))


def _haste(case: Case) -> Reason | None:
    elapsed_ms, least_s = case.moment.elapsed_ms, case.policy.min_compose_s
    # Known authors may well write "Thanks!" in two seconds.
    if elapsed_ms is None or elapsed_ms >= least_s * 1000 or case.record.approved:
        return None
    sentence = phrase("It was sent too soon after the form was opened.")
    return Reason("haste", Outcome.HOLD, sentence, f"{elapsed_ms / 1000:.1f} s")


def _links(case: Case) -> Reason | None:
    links, most = case.submission.links, case.policy.links_max
    if links <= most:
        return None
    sentence = counted(
        "It has one link; a moderator reviews comments with more than %(limit)s.",
        "It has %(num)s links; a moderator reviews comments with more than %(limit)s.",
        links,
        limit=most,
    )
    return Reason("links", Outcome.HOLD, sentence, f"{links} links")


def _copies(case: Case) -> Reason | None:
    if not case.policy.copies_held or not case.moment.copies:
        return None
    count = case.moment.copies
    return Reason("copies", Outcome.HOLD, phrase("It nearly repeats another recent comment here."), f"{count} alike")


def _pace(case: Case) -> Reason | None:
    moment, policy = case.moment, case.policy
    for whose, count, most in (
        ("this person", moment.author_lately, policy.pace_author),
        ("this network", moment.network_lately, policy.pace_network),
        ("this page", moment.thread_lately, policy.pace_thread),
    ):
        if most and count >= most:
            return too_many(f"{whose}: {count} in {PACE_S // 60} minutes")
    return too_many("the whole site") if moment.is_flood else None


def _refusals(case: Case) -> Reason | None:
    count, most = case.record.refused_lately, case.policy.refusals_max
    if not most or count < most:
        return None
    sentence = phrase(
        "Several of your comments here were rejected recently, "
        "so a moderator will review this comment before it appears."
    )
    return Reason("refusals", Outcome.HOLD, sentence, f"{count} in {REFUSALS_DAYS} days")


def _spam_filter(case: Case) -> Reason | None:
    score, policy = case.moment.spam_score, case.policy
    if not policy.spam_filter or score is None or score * 100 < policy.spam_hold or policy.spam_hold == NEVER_HOLDS:
        return None
    words = ", ".join(case.moment.spam_words)
    sentence = phrase("It resembles earlier spam here, so a moderator will review it.")
    return Reason("spam filter", Outcome.HOLD, sentence, f"{score:.0%}: {words}" if words else f"{score:.0%}")


def _outside(case: Case) -> Reason | None:
    answer = case.moment.outside
    if answer is Outside.NO_ANSWER:
        sentence = phrase(
            "Our spam check could not be reached, so a moderator will review this comment before it appears."
        )
        return Reason("outside check", Outcome.HOLD, sentence)
    if answer in (Outside.SPAM, Outside.BLATANT):
        return Reason("outside check", Outcome.SPAM, phrase("A spam service considers it spam."), answer)
    return None


# In the order tried; the site's own rules stand between the two.
FORM_CHECKS: dict[str, Check] = {"trap": _trap, "haste": _haste, "links": _links}
PATTERN_CHECKS: dict[str, Check] = {
    "copies": _copies,
    "pace": _pace,
    "refusals": _refusals,
    "spam filter": _spam_filter,
    "outside check": _outside,
}


def digest(rules: Sequence[SiteRule]) -> str:
    """A digest of a set of rules. Lists may be long: callers that judge often cache it."""
    listed = [[rule.name, rule.kind, rule.value, rule.outcome, rule.language] for rule in rules]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


@lru_cache(maxsize=512)
def version(policy: Policy, rules_digest: str) -> str:
    """Names the settings that a verdict was made with: the same settings, the same name."""
    text = json.dumps([policies.to_json(policy), rules_digest], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:VERSION_LENGTH]


def in_thread(policy: Policy, mode: str | None) -> Policy:
    """The policy as it is for a thread that has a mode of its own; in a flood none has."""
    return replace(policy, mode=Mode(mode)) if mode and not policy.flood_from else policy


def facts_json(facts: Facts) -> dict[str, Any]:
    """Facts as JSON for the database; default values are left out."""
    return {
        name: {k: v for k, v in vars(part).items() if v != usual[k]}
        for name, part, usual in (("record", facts.record, _RECORD), ("moment", facts.moment, _MOMENT))
    }


def facts(kept: Mapping[str, Any]) -> Facts:
    """Facts from stored JSON; unknown names of newer versions are ignored, and missing ones are defaults."""
    record = {k: v for k, v in kept.get("record", {}).items() if k in _RECORD}
    moment = {k: v for k, v in kept.get("moment", {}).items() if k in _MOMENT}
    if "standing" in record:
        record["standing"] = SanctionEffect(record["standing"])
    if "outside" in moment:
        moment["outside"] = Outside(moment["outside"])
    if "spam_words" in moment:
        moment["spam_words"] = tuple(moment["spam_words"])
    return Facts(Record(**record), Moment(**moment))


_RECORD, _MOMENT = vars(Record()), vars(Moment())  # the defaults: a new author, and no other comments
