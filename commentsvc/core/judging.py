"""How a new comment starts its life: the site's mode and rules, and every reason that spoke."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from commentsvc.core.errors import Invalid
from commentsvc.core.phrases import counted, phrase
from commentsvc.core.policy import Mode, Policy
from commentsvc.core.status import Status


class Outcome(StrEnum):
    """Mildest first: the strictest that any rule asks for wins."""

    APPROVE = "approve"
    HOLD = "hold"
    SPAM = "spam"
    REJECT = "reject"


STATUS = {
    Outcome.APPROVE: Status.APPROVED,
    Outcome.HOLD: Status.PENDING,
    Outcome.SPAM: Status.SPAM,
    Outcome.REJECT: Status.REJECTED,
}
_STRICTNESS = list(Outcome)


class RuleKind(StrEnum):
    WORDS = "words"  # one word or phrase a line
    LINKS = "links"  # more links than this number
    EMAIL = "email"  # an address, or @domain, a line
    IP = "ip"  # an address or network a line


@dataclass(frozen=True)
class Submission:
    """What is judged: the text as typed, its cleaned HTML, and who says to have written it from where."""

    source: str
    html: str
    name: str
    email: str
    website: str
    ip: str


@dataclass(frozen=True)
class Record:
    """The author's comments on this site so far, by their status now; a moderator of the site is trusted."""

    approved: int = 0
    pending: int = 0
    refused: int = 0
    is_moderator: bool = False


@dataclass(frozen=True)
class SiteRule:
    name: str  # `rule 7`: what a decision says about who decided
    kind: RuleKind
    value: str
    outcome: Outcome


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


def judge(submission: Submission, policy: Policy, rules: Sequence[SiteRule], record: Record) -> Verdict:
    """Say how a comment starts its life.

    The strictest rule wins; every rule that spoke is in the verdict, in the order tried. A moderator's own comment
    and the mode `off` are approved whatever the rules say.
    """
    if record.is_moderator:
        return Verdict(Status.APPROVED, (Reason("moderator", Outcome.APPROVE, phrase("A moderator wrote it.")),))
    if policy.mode is Mode.OFF:
        return Verdict(Status.APPROVED, (Reason("mode off", Outcome.APPROVE, phrase("Comments appear at once here.")),))
    reasons = [_mode(policy, record), *_links_limit(submission, policy)]
    for rule in rules:
        reasons.extend(_FINDERS[rule.kind](submission, rule))
    strictest = max((r.outcome for r in reasons), key=_STRICTNESS.index)
    return Verdict(STATUS[strictest], tuple(reasons))


def still_held(verdict: Verdict, earlier: Sequence[Reason]) -> Verdict:
    """The verdict on an edited comment to which reasons of before still speak."""
    reasons = (*earlier, *verdict.reasons)
    return Verdict(STATUS[max((r.outcome for r in reasons), key=_STRICTNESS.index)], reasons)


def _mode(policy: Policy, record: Record) -> Reason:
    if policy.mode is Mode.ALL:
        return Reason("mode all", Outcome.HOLD, phrase("A moderator reads every comment here before it appears."))
    if policy.mode is Mode.NEW and record.approved < policy.approved_needed:
        sentence = phrase("A moderator reads the first comments of everyone who is new here.")
        return Reason("mode new", Outcome.HOLD, sentence)
    return Reason(f"mode {policy.mode}", Outcome.APPROVE, phrase("Comments like this one appear at once here."))


def _links_limit(submission: Submission, policy: Policy) -> Iterator[Reason]:
    links = link_count(submission.html)
    if links > policy.links_max:
        sentence = counted(
            "It has one link; a moderator reads comments with more than %(limit)s.",
            "It has %(num)s links; a moderator reads comments with more than %(limit)s.",
            links,
            limit=policy.links_max,
        )
        yield Reason("links", Outcome.HOLD, sentence, f"{links} links")


def link_count(html: str) -> int:
    """Links in cleaned HTML, where every link begins in this one way."""
    return html.count("<a href=")


def _words(submission: Submission, rule: SiteRule) -> Iterator[Reason]:
    pattern = _pattern(rule.value)
    for text in (submission.source, submission.name, submission.email, submission.website):
        if found := pattern.search(text):
            sentence = phrase("It has words that this blog's moderators look at.")
            yield Reason(rule.name, rule.outcome, sentence, found.group())
            return


@lru_cache(maxsize=256)
def _pattern(value: str) -> re.Pattern[str]:
    """Whole words only (“ass” is not in “class”), in any case."""
    phrases = (r"\s+".join(re.escape(word) for word in line.split()) for line in value.splitlines() if line.strip())
    return re.compile(rf"(?<!\w)(?:{'|'.join(sorted(phrases, key=len, reverse=True))})(?!\w)", re.IGNORECASE)


def _links(submission: Submission, rule: SiteRule) -> Iterator[Reason]:
    links = link_count(submission.html)
    if links > int(rule.value):
        yield Reason(
            rule.name, rule.outcome, counted("It has one link.", "It has %(num)s links.", links), f"{links} links"
        )


def _email(submission: Submission, rule: SiteRule) -> Iterator[Reason]:
    address = submission.email.lower()
    for line in rule.value.lower().split():
        if address == line or (line.startswith("@") and address.endswith(line)):
            sentence = phrase("This blog's moderators look at comments from this address.")
            yield Reason(rule.name, rule.outcome, sentence, line)
            return


def _ip(submission: Submission, rule: SiteRule) -> Iterator[Reason]:
    try:
        address = ipaddress.ip_address(submission.ip)
    except ValueError:  # an imported comment without one
        return
    for line in rule.value.split():
        if address in ipaddress.ip_network(line, strict=False):
            sentence = phrase("This blog's moderators look at comments from this network.")
            yield Reason(rule.name, rule.outcome, sentence, line)
            return


_FINDERS: dict[RuleKind, Callable[[Submission, SiteRule], Iterator[Reason]]] = {
    RuleKind.WORDS: _words,
    RuleKind.LINKS: _links,
    RuleKind.EMAIL: _email,
    RuleKind.IP: _ip,
}


def tried(submission: Submission, rule: SiteRule) -> Reason | None:
    """What one rule says of a comment, by itself."""
    return next(_FINDERS[rule.kind](submission, rule), None)


def check_rule(kind: str, value: str, outcome: str) -> None:
    """Raise Invalid naming the field when a rule could not be used as it is."""
    if kind not in set(RuleKind):
        raise Invalid("kind", f"kind is one of {', '.join(RuleKind)}.")
    if outcome not in set(Outcome) - {Outcome.APPROVE}:
        raise Invalid("outcome", "outcome is one of hold, spam, reject.")
    if not value.strip():
        raise Invalid("value", "A rule needs a value: words, a number of links, addresses or networks.")
    if kind == RuleKind.LINKS and not (value.isascii() and value.isdigit() and len(value) <= 3):
        raise Invalid("value", "For links the value is a number from 0 to 999.")
    if kind == RuleKind.IP:
        for line in value.split():
            try:
                ipaddress.ip_network(line, strict=False)
            except ValueError:
                raise Invalid("value", f"“{line}” is no address or network such as 192.0.2.0/24.") from None
