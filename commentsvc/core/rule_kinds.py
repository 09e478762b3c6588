"""The kinds of rules that an owner can create: what each matches, the form of its value, and its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from commentsvc.core import domains, language_guess, networks, word_list
from commentsvc.core.errors import Invalid
from commentsvc.core.networks import Networks
from commentsvc.core.phrases import counted, phrase
from commentsvc.core.word_list import Substrings, Text, WordList

VALUE_MAX = 4_000_000  # characters; some 300,000 words


class Outcome(StrEnum):
    """Mildest first: the strictest that any rule asks for wins."""

    APPROVE = "approve"
    HOLD = "hold"
    SPAM = "spam"
    REJECT = "reject"


class RuleKind(StrEnum):
    WORDS = "words"  # one word or phrase a line
    LINKS = "links"  # more links than this number
    DOMAINS = "domains"  # links to these domains, one a line
    OTHER_DOMAINS = "other-domains"  # links to any domain but these
    EMAIL = "email"  # an address, or @domain, a line
    NAME = "name"  # a word or phrase in the name, a line
    WEBSITE = "website"  # a domain, or the beginning of an address, a line
    IP = "ip"  # an address or network a line
    AGENT = "agent"  # one part of a User-Agent per line
    LANGUAGE = "language"  # written in another language than these codes


MEANS = {
    RuleKind.WORDS: "Words and phrases",
    RuleKind.LINKS: "More links than",
    RuleKind.DOMAINS: "Links to these domains",
    RuleKind.OTHER_DOMAINS: "Links to domains other than",
    RuleKind.EMAIL: "Email addresses and @domains",
    RuleKind.NAME: "Commenter’s name",
    RuleKind.WEBSITE: "Commenter’s website",
    RuleKind.IP: "IP addresses and networks",
    RuleKind.AGENT: "Browser (user agent)",
    RuleKind.LANGUAGE: "Languages other than",
}
# Kinds about the text itself: only these may be named to the author before the comment is held.
ABOUT_THE_TEXT = frozenset({RuleKind.WORDS, RuleKind.LINKS, RuleKind.DOMAINS, RuleKind.OTHER_DOMAINS})


@dataclass(frozen=True)
class RuleInput:
    """The input of rules: the text as typed, its cleaned HTML, and the author's own data."""

    source: str
    html: str
    name: str
    email: str
    website: str
    ip: str
    user_agent: str = ""

    @property
    def links(self) -> int:
        return link_count(self.html)

    @cached_property
    def link_hosts(self) -> list[str]:
        return domains.link_hosts(self.html)

    @cached_property
    def texts(self) -> list[Text]:
        """The text in which words are looked up."""
        return [Text(text) for text in (self.source, self.name, self.email, self.website) if text]

    @cached_property
    def known(self) -> dict[SiteRule, RuleMatch | None]:
        """Cached matches by rule: a backtest judges each comment twice with mostly the same rules."""
        return {}

    @cached_property
    def language(self) -> str | None:
        return language_guess.guess(self.source)


def link_count(html: str) -> int:
    """Links in cleaned HTML, where every link begins in this one way."""
    return html.count("<a href=")


@dataclass(frozen=True)
class RuleMatch:
    """A match of a rule: a sentence that the author may see, and the matched text for moderators."""

    sentence: str
    match: str


@dataclass(frozen=True)
class SiteRule:
    name: str  # `rule 7`, as decisions name it
    kind: RuleKind
    value: str
    outcome: Outcome
    language: str = ""  # of words: they count only in texts of this language, or of one that cannot be told

    def find(self, submission: RuleInput) -> RuleMatch | None:
        """The match of this rule in the comment, or None."""
        return _FINDERS[self.kind](submission, self)

    @cached_property
    def words(self) -> WordList:
        return WordList(self.value)

    @cached_property
    def networks(self) -> Networks:
        return Networks(self.value.split())

    @cached_property
    def tokens(self) -> dict[str, str]:
        """The lines in the way they are compared: of addresses, domains, language codes."""
        if self.kind is RuleKind.EMAIL:
            return {line: line for line in self.value.lower().split()}
        return {_beginning(line) if "/" in line else domains.domain(line): line for line in self.value.split()}

    @cached_property
    def parts(self) -> Substrings:
        parts = Substrings()
        for line in self.value.splitlines():
            if line.strip():
                parts.add(line.strip().lower(), line.strip())
        return parts


def _words(submission: RuleInput, rule: SiteRule) -> RuleMatch | None:
    if rule.language and submission.language not in (None, rule.language):
        return None
    for text in submission.texts:
        if found := rule.words.find(text):
            return RuleMatch(phrase("It contains words that this blog's moderators review."), found.text)
    return None


def _links(submission: RuleInput, rule: SiteRule) -> RuleMatch | None:
    links = submission.links
    return (
        RuleMatch(counted("It has one link.", "It has %(num)s links.", links), f"{links} links")
        if links > int(rule.value)
        else None
    )


def _domains(submission: RuleInput, rule: SiteRule) -> RuleMatch | None:
    website = domains.host_of(submission.website)
    for host in (*submission.link_hosts, *([website] if website else [])):
        if _listed(host, rule):
            return RuleMatch(phrase("It links to a site that this blog's moderators review."), host)
    return None


def _other_domains(submission: RuleInput, rule: SiteRule) -> RuleMatch | None:
    for host in submission.link_hosts:
        if not _listed(host, rule):
            return RuleMatch(phrase("It links to a site that this blog's moderators review."), host)
    return None


def _listed(host: str, rule: SiteRule) -> bool:
    return any(name in rule.tokens for name in domains.with_parents(host))


def _email(submission: RuleInput, rule: SiteRule) -> RuleMatch | None:
    address = submission.email.lower()
    for key in (address, "@" + address.rpartition("@")[2]) if address else ():
        if (line := rule.tokens.get(key)) is not None:
            return RuleMatch(phrase("This blog's moderators review comments from this address."), line)
    return None


def _name(submission: RuleInput, rule: SiteRule) -> RuleMatch | None:
    found = rule.words.find(Text(submission.name))
    return RuleMatch(phrase("This blog's moderators review comments like this one."), found.text) if found else None


def _website(submission: RuleInput, rule: SiteRule) -> RuleMatch | None:
    address, host = _beginning(submission.website), domains.host_of(submission.website)
    for name in (*domains.with_parents(host), *(address[:end] for end in range(1, len(address) + 1))):
        if name and (line := rule.tokens.get(name)) is not None:
            return RuleMatch(phrase("This blog's moderators review comments like this one."), line)
    return None


def _beginning(url: str) -> str:
    """An address as far as it tells where it leads: without scheme and `www.`."""
    return url.strip().rpartition("://")[2].lower().removeprefix("www.")


def _ip(submission: RuleInput, rule: SiteRule) -> RuleMatch | None:
    line = rule.networks.find(submission.ip)
    return RuleMatch(phrase("This blog's moderators review comments from this network."), line) if line else None


def _agent(submission: RuleInput, rule: SiteRule) -> RuleMatch | None:
    line = rule.parts.find(submission.user_agent.lower())
    return RuleMatch(phrase("This blog's moderators review comments like this one."), line) if line else None


def _language(submission: RuleInput, rule: SiteRule) -> RuleMatch | None:
    written = submission.language
    if written is None or written in rule.value.lower().split():
        return None
    return RuleMatch(phrase("This blog's moderators review comments in this language."), written)


_FINDERS: dict[RuleKind, Callable[[RuleInput, SiteRule], RuleMatch | None]] = {
    RuleKind.WORDS: _words,
    RuleKind.LINKS: _links,
    RuleKind.DOMAINS: _domains,
    RuleKind.OTHER_DOMAINS: _other_domains,
    RuleKind.EMAIL: _email,
    RuleKind.NAME: _name,
    RuleKind.WEBSITE: _website,
    RuleKind.IP: _ip,
    RuleKind.AGENT: _agent,
    RuleKind.LANGUAGE: _language,
}


def check_rule(kind: str, value: str, outcome: str, of_language: str = "") -> None:
    """Raise Invalid naming the field when a rule could not be used as it is."""
    if kind not in set(RuleKind):
        raise Invalid("kind", f"kind is one of {', '.join(RuleKind)}.")
    if outcome not in set(Outcome) - {Outcome.APPROVE}:
        raise Invalid("outcome", "outcome is one of hold, spam, reject.")
    if not value.strip():
        raise Invalid("value", "Enter at least one value.")
    if len(value) > VALUE_MAX or "\0" in value:
        raise Invalid("value", f"Values can have at most {VALUE_MAX:,} characters and no NUL. Use two rules.")
    if of_language and (kind != RuleKind.WORDS or of_language not in language_guess.LANGUAGES):
        known = ", ".join(sorted(language_guess.LANGUAGES))
        raise Invalid("language", f"Only word rules can have a language, and it must be one of {known}.")
    if kind == RuleKind.LINKS and not (value.isascii() and value.isdigit() and len(value) <= 3):
        raise Invalid("value", "Enter a number of links from 0 to 999.")
    for line in value.split() if kind in _LINE_CHECKS else ():
        is_sound, wanted = _LINE_CHECKS[RuleKind(kind)]
        if not is_sound(line):
            raise Invalid("value", f"“{line[:80]}” is not {wanted}.")
    if kind in (RuleKind.WORDS, RuleKind.NAME):
        for line in value.splitlines():
            if len(line) > word_list.ENTRY_MAX or len(line.split()) > word_list.ENTRY_WORDS_MAX:
                raise Invalid(
                    "value", f"“{line[:80]}…” is too long: at most {word_list.ENTRY_WORDS_MAX} words per line."
                )


_LINE_CHECKS: dict[RuleKind, tuple[Callable[[str], bool], str]] = {
    RuleKind.IP: (lambda line: networks.network(line) is not None, "an address or network such as 192.0.2.0/24"),
    RuleKind.DOMAINS: (domains.is_domain, "a domain such as example.org"),
    RuleKind.OTHER_DOMAINS: (domains.is_domain, "a domain such as example.org"),
    RuleKind.LANGUAGE: (
        lambda line: line.lower() in language_guess.LANGUAGES,
        f"a language we can detect: {', '.join(sorted(language_guess.LANGUAGES))}",
    ),
}
