"""Each kind of rule: matches, non-matches, and refused values."""

import pytest

from commentsvc.core import rule_kinds, verdict
from commentsvc.core.errors import Invalid
from commentsvc.core.rule_kinds import Outcome, RuleInput, RuleKind, SiteRule


def said(
    source="Hello",
    html="<p>Hello</p>",
    name="Carol",
    email="carol@example.org",
    website="",
    ip="192.0.2.7",
    user_agent="Mozilla/5.0 (X11; Linux) Firefox/150",
):
    return RuleInput(source, html, name, email, website, ip, user_agent)


def rule(kind, value, outcome="hold", name="rule 1", language=""):
    return SiteRule(name, RuleKind(kind), value, Outcome(outcome), language)


def linked(*urls):
    return said(html="".join(f'<a href="{url}" rel="nofollow ugc noopener">x</a>' for url in urls))


GERMAN = "Das ist nicht gut, und ich mag es nicht: die Kinder"


@pytest.mark.parametrize(
    ("kind", "value", "submission", "matched"),
    [
        ("words", "ass", said("a first class answer"), None),
        ("words", "ass", said("An ASS."), "ASS"),
        ("words", "casino", said(name="Casino King"), "Casino"),
        ("words", "casino.example", said(website="https://casino.example/"), "casino.example"),
        ("words", "spammer", said(email="spammer@example.org"), "spammer"),
        ("links", "1", linked("https://a.example", "https://b.example"), "2 links"),
        ("links", "2", linked("https://a.example", "https://b.example"), None),
        ("links", "0", said(), None),
        ("domains", "casino.example", linked("https://www.Casino.example/win"), "casino.example"),
        ("domains", "casino.example", linked("https://play.casino.example./"), "play.casino.example"),
        ("domains", "casino.example", linked("https://mycasino.example/"), None),
        ("domains", "casino.example", linked("https://x.example/?u=casino.example"), None),
        ("domains", "casino.example", linked("mailto:win@casino.example?subject=x"), "casino.example"),
        ("domains", "casino.example", said(website="https://casino.example"), "casino.example"),
        ("domains", "bücher.example", linked("https://xn--bcher-kva.example/"), "xn--bcher-kva.example"),
        ("domains", "bücher.example", linked("https://b%C3%BCcher.example/"), "xn--bcher-kva.example"),
        ("other-domains", "good.example", linked("https://good.example/a", "https://sub.good.example/"), None),
        ("other-domains", "good.example", linked("https://good.example/", "https://bad.example/"), "bad.example"),
        ("other-domains", "good.example", said(), None),
        ("email", "@example.org", said(), "@example.org"),
        ("email", "CAROL@example.org", said(), "carol@example.org"),
        ("email", "@ample.org", said(), None),
        ("email", "example.org", said(), None),
        ("email", "@example.org", said(email=""), None),
        ("name", "casino", said(name="The CASINO"), "CASINO"),
        ("name", "casino", said("casino"), None),
        ("name", "admin", said(name="аdmin"), "аdmin"),
        ("website", "casino.example", said(website="https://www.casino.example/x"), "casino.example"),
        ("website", "casino.example", said(website="https://a.casino.example"), "casino.example"),
        ("website", "blog.example/spam", said(website="https://blog.example/spam/1"), "blog.example/spam"),
        ("website", "https://blog.example/spam", said(website="http://blog.example/spam"), "https://blog.example/spam"),
        ("website", "blog.example/spam", said(website="https://blog.example/ham"), None),
        ("website", "casino.example", said(), None),
        ("ip", "192.0.2.0/24", said(), "192.0.2.0/24"),
        ("ip", "192.0.3.0/24\n192.0.2.7", said(), "192.0.2.7"),
        ("ip", "2001:db8::/32", said(ip="2001:db8::1"), "2001:db8::/32"),
        ("ip", "2001:db8::/32", said(), None),
        ("ip", "0.0.0.0/0", said(ip=""), None),
        ("ip", "::/0", said(), None),
        ("agent", "python-requests\ncurl/", said(user_agent="curl/8.0"), "curl/"),
        ("agent", "curl/", said(), None),
        ("agent", "curl/", said(user_agent=""), None),
        ("language", "en\nde", said(GERMAN), None),
        ("language", "en", said(GERMAN), "de"),
        ("language", "en", said("日本語でコメントします"), "ja"),
        ("language", "en", said("Nice!"), None),
    ],
)
def test_each_kind_of_rule_finds_what_it_is_for(kind, value, submission, matched):
    rule_kinds.check_rule(kind, value, "hold")
    found = verdict.tried(submission, rule(kind, value))
    assert (found.match if found else None) == matched
    assert found is None or (found.sentence.endswith(".") and found.rule == "rule 1")


def test_a_list_of_one_language_speaks_in_texts_of_that_language_and_where_it_cannot_be_told():
    english = rule("words", "die", language="en")
    assert verdict.tried(said("I hope that you will die of it, and this is not a joke"), english)
    assert verdict.tried(said("die!"), english)
    assert verdict.tried(said(GERMAN), english) is None
    assert verdict.tried(said(GERMAN), rule("words", "die", language="de"))


def test_long_lists_of_addresses_and_networks_are_looked_up_and_not_walked_through():
    ranges = rule("ip", "\n".join(f"10.{a}.{b}.0/24" for a in range(100) for b in range(256)))
    assert verdict.tried(said(ip="10.99.255.1"), ranges).match == "10.99.255.0/24"
    assert len(ranges.networks._sizes) == 1, "as many look-ups as there are sizes of networks"
    assert verdict.tried(said(ip="11.0.0.1"), ranges) is None


@pytest.mark.parametrize(
    ("kind", "value", "outcome", "language", "field"),
    [
        ("colour", "x", "hold", "", "kind"),
        ("words", "x", "approve", "", "outcome"),
        ("words", "x", "nothing", "", "outcome"),
        ("words", " \n", "hold", "", "value"),
        ("words", "a\0b", "hold", "", "value"),
        ("words", "x" * 201, "hold", "", "value"),
        ("words", "a " * 13, "hold", "", "value"),
        ("words", "x", "hold", "klingon", "language"),
        ("ip", "192.0.2.1", "hold", "de", "language"),
        ("links", "many", "hold", "", "value"),
        ("links", "-1", "hold", "", "value"),
        ("links", "1000", "hold", "", "value"),
        ("ip", "192.0.2.0/33", "hold", "", "value"),
        ("ip", "192.0.2.1\nhome", "hold", "", "value"),
        ("domains", "https://a.example", "hold", "", "value"),
        ("other-domains", "nodot", "hold", "", "value"),
        ("language", "english", "hold", "", "value"),
    ],
)
def test_a_rule_that_could_not_be_used_is_refused(kind, value, outcome, language, field):
    with pytest.raises(Invalid) as caught:
        rule_kinds.check_rule(kind, value, outcome, language)
    assert caught.value.problems[0][0] == field
