"""How a comment starts its life: each mode, each kind of rule, and all reasons kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core import judging
from commentsvc.core.errors import Invalid
from commentsvc.core.judging import Outcome, Record, RuleKind, SiteRule, Submission, judge
from commentsvc.core.policy import Mode, Policy
from commentsvc.core.status import Status

LINK = '<a href="https://a.example" rel="nofollow ugc noopener">x</a>'


def said(source="Hello", html="<p>Hello</p>", name="Carol", email="carol@example.org", website="", ip="192.0.2.7"):
    return Submission(source, html, name, email, website, ip)


def rule(kind, value, outcome="hold", name="rule 1"):
    return SiteRule(name, RuleKind(kind), value, Outcome(outcome))


@pytest.mark.parametrize(
    ("mode", "approved", "needed", "want"),
    [
        ("all", 0, 1, "pending"),
        ("all", 99, 1, "pending"),
        ("new", 0, 1, "pending"),
        ("new", 1, 1, "approved"),
        ("new", 2, 3, "pending"),
        ("new", 3, 3, "approved"),
        ("rules", 0, 1, "approved"),
        ("off", 0, 1, "approved"),
    ],
)
def test_each_mode_holds_whom_it_says(mode, approved, needed, want):
    verdict = judge(said(), Policy(mode=Mode(mode), approved_needed=needed), [], Record(approved=approved))
    assert verdict.status == want
    assert verdict.reasons[0].rule == f"mode {mode}" == verdict.decided_by
    assert verdict.reasons[0].sentence.endswith(".")


@pytest.mark.parametrize(
    ("kind", "value", "submission", "matched"),
    [
        ("words", "ass", said("a first class answer"), None),
        ("words", "ass", said("An ASS."), "ASS"),
        ("words", "buy now\nfree", said("please BUY\n  now"), "BUY\n  now"),
        ("words", "free", said("free-range"), "free"),
        ("words", "gratuit", said("prix gratuité"), None),
        ("words", "c++", said("I like c++!"), "c++"),
        ("words", ".*", said("anything"), None),
        ("words", "casino", said(name="Casino King"), "Casino"),
        ("words", "casino.example", said(website="https://casino.example/"), "casino.example"),
        ("links", "1", said(html=LINK * 2), "2 links"),
        ("links", "2", said(html=LINK * 2), None),
        ("email", "@example.org", said(), "@example.org"),
        ("email", "CAROL@example.org", said(), "carol@example.org"),
        ("email", "@ample.org", said(), None),
        ("email", "example.org", said(), None),
        ("email", "@example.org", said(email=""), None),
        ("ip", "192.0.2.0/24", said(), "192.0.2.0/24"),
        ("ip", "192.0.3.0/24\n192.0.2.7", said(), "192.0.2.7"),
        ("ip", "2001:db8::/32", said(ip="2001:db8::1"), "2001:db8::/32"),
        ("ip", "2001:db8::/32", said(), None),
        ("ip", "0.0.0.0/0", said(ip=""), None),
    ],
)
def test_each_kind_of_rule_finds_what_it_is_for(kind, value, submission, matched):
    judging.check_rule(kind, value, "hold")
    found = judging.tried(submission, rule(kind, value))
    assert (found.match if found else None) == matched


def test_the_strictest_rule_wins_and_every_reason_is_kept_in_order():
    rules = [rule("words", "hello", "hold", "rule 1"), rule("ip", "192.0.2.7", "reject", "rule 2"),
             rule("email", "@example.org", "spam", "rule 3"), rule("words", "absent", "reject", "rule 4")]  # fmt: skip
    verdict = judge(said(), Policy(mode=Mode.RULES), rules, Record())
    assert verdict.status is Status.REJECTED
    assert [r.rule for r in verdict.reasons] == ["mode rules", "rule 1", "rule 2", "rule 3"]
    assert verdict.decided_by == "rule 2"


def test_more_links_than_the_site_allows_wait():
    policy = Policy(mode=Mode.RULES, links_max=1)
    assert judge(said(html=LINK), policy, [], Record()).status is Status.APPROVED
    held = judge(said(html=LINK * 2), policy, [], Record())
    assert (held.status, held.decided_by) == (Status.PENDING, "links")


@pytest.mark.parametrize("mode", Mode)
def test_a_moderators_own_comment_is_published(mode):
    rules = [rule("words", "hello", "reject")]
    assert judge(said(), Policy(mode=mode), rules, Record(is_moderator=True)).status is Status.APPROVED


texts = st.text(alphabet="ab <>\n.", max_size=20)
some_rules = st.lists(
    st.builds(
        rule,
        st.just("words"),
        st.text(alphabet="ab", min_size=1, max_size=3),
        st.sampled_from(["hold", "spam", "reject"]),
    ),
    max_size=4,
)


@given(texts, some_rules, st.integers(0, 3))
def test_a_stricter_mode_never_publishes_more(source, rules, approved):
    record = Record(approved=approved)
    published = [judge(said(source), Policy(mode=m), rules, record).status is Status.APPROVED for m in Mode]
    assert published == sorted(published), "all, new, rules, off: from strict to lenient"
    assert not published[0]
    assert judge(said(source), Policy(), rules, record) == judge(said(source), Policy(), rules, record)


@pytest.mark.parametrize(
    ("kind", "value", "outcome", "field"),
    [
        ("colour", "x", "hold", "kind"),
        ("words", "x", "approve", "outcome"),
        ("words", "x", "nothing", "outcome"),
        ("words", " \n", "hold", "value"),
        ("links", "many", "hold", "value"),
        ("links", "-1", "hold", "value"),
        ("links", "1000", "hold", "value"),
        ("ip", "192.0.2.0/33", "hold", "value"),
        ("ip", "192.0.2.1\nhome", "hold", "value"),
    ],
)
def test_a_rule_that_could_not_be_used_is_refused(kind, value, outcome, field):
    with pytest.raises(Invalid) as caught:
        judging.check_rule(kind, value, outcome)
    assert caught.value.problems[0][0] == field
