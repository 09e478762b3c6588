"""Verdicts: each mode, each check, all reasons, and properties of any comment."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core import sanitizer, text_input
from commentsvc.core import verdict as core_verdict
from commentsvc.core.errors import Invalid
from commentsvc.core.policy import Mode, Policy
from commentsvc.core.rule_kinds import Outcome, RuleInput, RuleKind, SiteRule
from commentsvc.core.status import Status
from commentsvc.core.verdict import Facts, Moment, Outside, Record, SanctionEffect, judge
from tests.support.cast import data

LINK = '<a href="https://a.example" rel="nofollow ugc noopener">x</a>'
RULES = Policy(mode=Mode.RULES)


def said(source="Hello", html="<p>Hello</p>", name="Carol", email="carol@example.org", website="", ip="192.0.2.7"):
    return RuleInput(source, html, name, email, website, ip)


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
    ("age_days", "want"), [(None, "approved"), (6.9, "pending"), (7, "approved"), (400, "approved")]
)
def test_in_mode_new_a_young_account_waits_however_much_was_approved(age_days, want):
    policy = Policy(mode=Mode.NEW, new_account_days=7)
    assert judge(said(), policy, [], Record(approved=50, age_days=age_days)).status == want
    assert judge(said(), replace(policy, mode=Mode.RULES), [], Record(age_days=0)).status == "approved"


@pytest.mark.parametrize(("new_account_days", "want"), [(1, "younger than one day"), (7, "younger than 7 days")])
def test_the_reason_counts_the_days(new_account_days, want):
    policy = Policy(mode=Mode.NEW, new_account_days=new_account_days)
    assert want in judge(said(), policy, [], Record(approved=50, age_days=0)).reasons[0].sentence


@pytest.mark.parametrize(
    ("standing", "statuses"),
    [
        (SanctionEffect.NONE, ["pending", "pending", "approved", "approved"]),
        (SanctionEffect.TRUSTED, ["approved"] * 4),
        (SanctionEffect.HELD, ["pending"] * 4),
        (SanctionEffect.SHADOWED, ["rejected"] * 4),
    ],
)
def test_what_was_decided_about_a_person_counts_in_every_mode(standing, statuses):
    found = [judge(said(), Policy(mode=mode), [], Record(standing=standing)).status for mode in Mode]
    assert found == statuses


def test_whom_a_moderator_trusts_is_still_held_by_a_rule():
    trusted = Record(standing=SanctionEffect.TRUSTED)
    assert judge(said(), Policy(), [rule("words", "hello")], trusted).status is Status.PENDING


def test_a_thread_may_have_a_mode_of_its_own_but_not_in_a_flood():
    policy = Policy(mode=Mode.RULES)
    assert core_verdict.in_thread(policy, "all").mode is Mode.ALL
    assert core_verdict.in_thread(policy, None) == policy
    flooded = Policy(mode=Mode.ALL, flood_from="rules")
    assert core_verdict.in_thread(flooded, "off") == flooded


def test_the_strictest_rule_wins_and_every_reason_is_kept_in_order():
    rules = [rule("words", "hello", "hold", "rule 1"), rule("ip", "192.0.2.7", "reject", "rule 2"),
             rule("email", "@example.org", "spam", "rule 3"), rule("words", "absent", "reject", "rule 4")]  # fmt: skip
    verdict = judge(said(), RULES, rules, Record())
    assert verdict.status is Status.REJECTED
    assert [r.rule for r in verdict.reasons] == ["mode rules", "rule 1", "rule 2", "rule 3"]
    assert verdict.decided_by == "rule 2"
    assert [r.rule for r in verdict.objections] == ["rule 1", "rule 2", "rule 3"]


@pytest.mark.parametrize(
    ("policy", "submission", "record", "moment", "speaks", "match", "want"),
    [
        ({"links_max": 1}, said(html=LINK), {}, {}, None, "", "approved"),
        ({"links_max": 1}, said(html=LINK * 2), {}, {}, "links", "2 links", "pending"),
        ({}, said(), {}, {"is_trapped": True}, "trap", "", "spam"),
        ({"min_compose_s": 3}, said(), {}, {"elapsed_ms": 2999}, "haste", "3.0 s", "pending"),
        ({"min_compose_s": 60}, said(), {}, {"elapsed_ms": 55_000}, "haste", "55.0 s", "pending"),
        ({"min_compose_s": 3}, said(), {}, {"elapsed_ms": 3000}, None, "", "approved"),
        ({"min_compose_s": 0}, said(), {}, {"elapsed_ms": 0}, None, "", "approved"),
        ({}, said(), {}, {"copies": 2}, "copies", "2 alike", "pending"),
        ({"copies_held": False}, said(), {}, {"copies": 2}, None, "", "approved"),
        ({"pace_author": 5}, said(), {}, {"author_lately": 4}, None, "", "approved"),
        ({"pace_author": 5}, said(), {}, {"author_lately": 5}, "pace", "this person: 5 in 10 minutes", "pending"),
        ({"pace_author": 0}, said(), {}, {"author_lately": 900}, None, "", "approved"),
        ({}, said(), {}, {"network_lately": 20}, "pace", "this network: 20 in 10 minutes", "pending"),
        ({}, said(), {}, {"thread_lately": 100}, "pace", "this page: 100 in 10 minutes", "pending"),
        ({}, said(), {}, {"is_flood": True}, "pace", "the whole site", "pending"),
        ({}, said(), {"refused_lately": 2}, {}, None, "", "approved"),
        ({}, said(), {"refused_lately": 3}, {}, "refusals", "3 in 30 days", "pending"),
        ({"refusals_max": 0}, said(), {"refused_lately": 30}, {}, None, "", "approved"),
        ({"spam_hold": 90}, said(), {}, {"spam_score": 0.89}, None, "", "approved"),
        (
            {"spam_hold": 90},
            said(),
            {},
            {"spam_score": 0.97, "spam_words": ("viagra", "win")},
            "spam filter",
            "97%: viagra, win",
            "pending",
        ),
        ({"spam_filter": False}, said(), {}, {"spam_score": 1.0}, None, "", "approved"),
        ({}, said(), {}, {"outside": Outside.HAM}, None, "", "approved"),
        ({}, said(), {}, {"outside": Outside.SPAM}, "outside check", "spam", "spam"),
        ({}, said(), {}, {"outside": Outside.BLATANT}, "outside check", "blatant", "spam"),
        ({}, said(), {}, {"outside": Outside.NO_ANSWER}, "outside check", "", "pending"),
    ],
)
def test_each_check_of_a_sites_policy(policy, submission, record, moment, speaks, match, want):
    verdict = judge(submission, Policy(mode=Mode.RULES, **policy), [], Record(**record), Moment(**moment))
    assert verdict.status == want
    spoke = [(r.rule, r.match) for r in verdict.objections]
    assert spoke == ([(speaks, match)] if speaks else [])
    off = judge(submission, Policy(mode=Mode.OFF, **policy), [], Record(**record), Moment(**moment))
    assert off.status is Status.APPROVED


def test_an_explanation_names_every_check_also_those_with_nothing_to_say():
    rules = [rule("words", "absent"), rule("words", "hello", name="rule 2")]
    checks = core_verdict.explain(said(), RULES, rules, Record())
    assert [name for name, reason in checks if reason is None] == [
        "person", "trap", "haste", "links", "rule 1", "copies", "pace", "refusals", "spam filter", "outside check"
    ]  # fmt: skip
    spoke = tuple(reason for _, reason in checks if reason)
    assert spoke == judge(said(), RULES, rules, Record()).reasons


@pytest.mark.parametrize("mode", Mode)
def test_a_moderators_own_comment_is_published(mode):
    rules = [rule("words", "hello", "reject")]
    assert judge(said(), Policy(mode=mode), rules, Record(is_moderator=True)).status is Status.APPROVED


def test_the_version_of_the_settings_changes_with_them_and_with_nothing_else():
    rules = [rule("words", "hello")]
    first = core_verdict.version(RULES, core_verdict.digest(rules))
    assert first == core_verdict.version(Policy(mode=Mode.RULES), core_verdict.digest([rule("words", "hello")]))
    others = {
        core_verdict.version(replace(RULES, links_max=3), core_verdict.digest(rules)),
        core_verdict.version(RULES, core_verdict.digest([])),
        core_verdict.version(RULES, core_verdict.digest([rule("words", "hallo")])),
        core_verdict.version(RULES, core_verdict.digest([rule("words", "hello", "spam")])),
    }
    assert len(others | {first}) == 5


outcomes = st.sampled_from(["hold", "spam", "reject"])
texts = st.text(alphabet="ab <>\n.", max_size=20)
some_rules = st.lists(
    st.builds(rule, st.just("words"), st.text(alphabet="ab", min_size=1, max_size=3), outcomes), max_size=4
)
records = st.builds(
    Record,
    approved=st.integers(0, 3),
    refused_lately=st.integers(0, 5),
    age_days=st.none() | st.floats(0, 100),
    standing=st.sampled_from(SanctionEffect),
)
moments = st.builds(
    Moment,
    is_trapped=st.booleans(),
    elapsed_ms=st.none() | st.integers(0, 10_000),
    author_lately=st.integers(0, 30),
    copies=st.integers(0, 2),
    spam_score=st.none() | st.floats(0, 1),
    spam_words=st.just(()) | st.just(("win", "prize")),
    outside=st.sampled_from(Outside),
)
policies = st.builds(Policy, approved_needed=st.integers(1, 3), new_account_days=st.integers(0, 10))


@given(texts, policies, some_rules, records, moments)
def test_a_stricter_mode_never_publishes_more(source, policy, rules, record, moment):
    by_mode = [judge(said(source), replace(policy, mode=m), rules, record, moment).status for m in Mode]
    published = [status is Status.APPROVED for status in by_mode]
    assert published == sorted(published), "all, new, rules, off: from strict to lenient"
    assert not published[0] or record.standing is SanctionEffect.TRUSTED


@given(texts, policies, some_rules, records, moments, outcomes)
def test_one_rule_more_never_publishes_more(source, policy, rules, record, moment, outcome):
    policy = replace(policy, mode=Mode.RULES)
    strictness = [Status.APPROVED, Status.PENDING, Status.SPAM, Status.REJECTED]
    before = judge(said(source), policy, rules, record, moment).status
    after = judge(said(source), policy, [*rules, rule("words", "a", outcome)], record, moment).status
    assert strictness.index(after) >= strictness.index(before)


@given(texts, policies, some_rules, records, moments)
def test_the_same_again_gives_the_same_verdict_also_from_what_was_kept(source, policy, rules, record, moment):
    policy = replace(policy, mode=Mode.NEW)
    verdict = judge(said(source), policy, rules, record, moment)
    assert judge(said(source), policy, rules, record, moment) == verdict
    kept = json.loads(json.dumps(core_verdict.facts_json(Facts(record, moment))))
    facts = core_verdict.facts({**kept, "from the future": 1})
    assert facts == Facts(record, moment)
    assert judge(said(source), policy, rules, facts.record, facts.moment) == verdict


@given(st.lists(texts, max_size=8), some_rules, st.randoms(use_true_random=False))
def test_the_order_of_a_batch_does_not_matter(sources, rules, chance):
    def judged(batch):
        return {source: judge(said(source), RULES, rules, Record()) for source in batch}

    assert judged(sources) == judged(chance.sample(sources, len(sources)))


def test_an_older_comment_without_kept_facts_can_be_judged_again():
    assert core_verdict.facts({}) == Facts()


@pytest.mark.parametrize("name", ["spam/sms_a.json", "spam/youtube_01-03.json", "comments/civil_comments_a.json"])
def test_real_comments_under_each_mode(name):
    """The labelled corpora: from strict to lenient more is published, and the rules hold more spam than ham."""
    rows = json.loads(data(name).read_text())
    rows = random.Random(1).sample(rows, 400)
    rules = [rule("words", data("words/ldnoobw_en.txt").read_text()), rule("words", "subscribe\nfree\nwin", "spam")]
    published = dict.fromkeys(Mode, 0)
    held = {0: 0, 1: 0}
    for row in rows:
        source, label = (row["text"], row["spam"]) if isinstance(row, dict) else (row, 0)
        try:
            submission = said(source, sanitizer.to_html(text_input.body(source, 10_000)))
        except Invalid:
            continue
        for mode in Mode:
            verdict = judge(submission, Policy(mode=mode), rules, Record())
            published[mode] += verdict.status is Status.APPROVED
            assert verdict.reasons
            if mode is Mode.RULES:
                held[label] += verdict.status is not Status.APPROVED
    counts = list(published.values())
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] >= 390
    spam = sum(row["spam"] for row in rows if isinstance(row, dict))
    if spam:
        assert held[1] / spam > held[0] / (len(rows) - spam)


def test_objections_are_the_reasons_against_a_comment_that_are_not_the_mode():
    rules = [rule("words", "hello", "hold", "rule 1"), rule("words", "absent", "hold", "rule 2")]
    verdict = judge(said(), Policy(mode=Mode.ALL), rules, Record())
    assert "mode all" in {reason.rule for reason in verdict.reasons}
    assert [reason.rule for reason in verdict.objections] == ["rule 1"]
    trusting = judge(said(), Policy(mode=Mode.OFF), [], Record())
    assert trusting.reasons
    assert trusting.objections == []


def test_a_new_author_has_no_rejections():
    verdict = judge(said(), replace(RULES, refusals_max=1), [], Record())
    assert "refusals" not in {reason.rule for reason in verdict.reasons}
