"""Rules: stored, in the audit log, undone; tried on past comments; explained."""

import pytest

from commentsvc.core.errors import Conflict, Invalid, NotFound
from commentsvc.core.policy import Mode
from commentsvc.core.status import Action, Status
from commentsvc.services import backtest, moderation, posting, thread_settings
from commentsvc.services import rules as rules_service
from commentsvc.services.backtest import Agreement
from commentsvc.services.moderation import Moderator
from commentsvc.services.rules import RuleText
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import audit_log, authors, comments, rule_hits, sites
from commentsvc.store import rules as stored_rules
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.transactions import write
from tests.support import imports as file_imports
from tests.support.cast import SECRET, data, set_policy


def write_as(name, body, site, now, thread="/post"):
    draft = Draft(thread, "", "", None, body, name, f"{name.lower()}@example.org", None)
    return posting.post(
        sites.by_key(site.key), Submission(draft, Sender(None, "192.0.2.1", "test", False)), SECRET, now
    )


def entries(site, kind="rule"):
    found, _ = audit_log.of_site(site, [kind], None, 50)
    return found


def test_a_change_of_a_rule_is_in_the_audit_log_and_can_be_undone_step_by_step(site, alice, now):
    rule = rules_service.add(site, RuleText("words", "casino", "hold"), alice, now)
    rule_id = rule.id
    rules_service.change(rule_id, {"value": "casino\nroulette", "is_on": False}, alice, now)
    rules_service.remove(rule_id, alice, now)
    removed, changed, added = entries(site)
    assert (added.before, added.after["value"]) == ({}, "casino")
    assert (changed.before["value"], changed.after["is_on"]) == ("casino", False)
    assert removed.after == {} and removed.by_account_id == alice.id

    rules_service.undo(removed.id, site, alice, now)
    assert stored_rules.by_id(rule_id).value == "casino\nroulette"
    rules_service.undo(changed.id, site, alice, now)
    assert (stored_rules.by_id(rule_id).value, stored_rules.by_id(rule_id).is_on) == ("casino", True)
    rules_service.undo(added.id, site, alice, now)
    with pytest.raises(NotFound):
        stored_rules.by_id(rule_id)
    assert len(entries(site)) == 6 and entries(site)[0].undoes_id == added.id


def test_what_was_changed_since_is_not_taken_back(site, other_site, alice, mallory, now):
    rule = rules_service.add(site, RuleText("words", "casino", "hold"), alice, now)
    rules_service.change(rule.id, {"value": "roulette"}, alice, now)
    first = entries(site)[-1]
    with pytest.raises(Conflict):
        rules_service.undo(first.id, site, alice, now)
    with pytest.raises(NotFound):
        rules_service.undo(first.id, other_site, mallory, now)


def test_a_changed_rule_counts_from_the_next_comment_on(site, alice, now):
    set_policy(site, mode="rules")
    rule = rules_service.add(site, RuleText("words", "casino", "hold"), alice, now)
    assert write_as("Carol", "a casino", site, now).status == "pending"
    rules_service.change(rule.id, {"value": "roulette"}, alice, now)
    assert write_as("Carol", "a casino!", site, now).status == "approved"
    rules_service.remove(rule.id, alice, now)
    assert write_as("Carol", "a roulette", site, now).status == "approved"


def test_two_sites_do_not_share_rules(site, other_site, alice, now):
    set_policy(site, mode="rules")
    set_policy(other_site, mode="rules")
    rules_service.add(site, RuleText("words", "casino", "hold"), alice, now)
    assert write_as("Carol", "a casino", site, now).status == "pending"
    assert write_as("Carol", "a casino", other_site, now).status == "approved"


def test_changes_of_moderation_settings_are_in_the_audit_log_by_name(site, alice, now):
    rules_service.set_policy(site, {"mode": "rules", "links_max": 5, "spam_hold": 90}, alice, now)
    entry = entries(site, "setting")[0]
    assert entry.before == {"mode": "all", "links_max": 2} and entry.after == {"mode": "rules", "links_max": 5}
    with pytest.raises(Invalid):
        rules_service.set_policy(site, {"links_max": -1}, alice, now)


def test_a_mode_of_a_thread_gets_an_entry_in_the_audit_log(site, alice, now):
    assert thread_settings.tend(site, "/hot", {"mode": "all"}, alice, "", now).thread.mode == "all"
    assert [e.after for e in entries(site, "thread")] == [{"mode": "all"}]
    with pytest.raises(Invalid):
        thread_settings.tend(site, "/hot", {"mode": "maybe"}, alice, "", now)


def test_how_often_each_rule_spoke_is_counted(site, alice, now):
    set_policy(site, mode="rules")
    rule = rules_service.add(site, RuleText("words", "casino", "hold"), alice, now)
    for n in range(3):
        write_as("Carol", f"casino {n}", site, now)
    write_as("Carol", "https://a.example https://b.example https://c.example", site, now)
    since = now.replace(year=now.year - 1)
    assert rule_hits.counts(site, since) == {f"rule {rule.id}": 3, "links": 1}


def test_a_backtest_says_what_would_change_and_how_moderators_decided(site, alice, now):
    set_policy(site, mode="rules")
    by = Moderator(alice)
    bad = [write_as("Eve", f"casino {n}", site, now).comment.id for n in range(3)]
    good = write_as("Carol", "a casino in a novel", site, now).comment.id
    write_as("Carol", "gardens", site, now)
    moderation.decide(bad, Action.SPAM, by, "", now)
    moderation.decide([good], Action.PENDING, by, "", now)
    moderation.decide([good], Action.APPROVE, by, "", now)

    found = backtest.backtest(site, backtest.proposal(site, RuleText("words", "casino", "spam"), None, None, {}), 100)
    assert (found.tested, found.caught, found.changed) == (5, 4, 4)
    assert found.changes == {(Status.APPROVED, Status.SPAM): 4}
    assert (found.decided, found.today, found.then) == (4, Agreement(1, 3, 0), Agreement(3, 1, 0))
    held = backtest.backtest(site, backtest.proposal(site, RuleText("words", "casino", "hold"), None, None, {}), 100)
    assert held.then == Agreement(0, 0, 4)
    assert {example.match for example in found.examples} == {"casino"}
    assert comments.by_id(good).status == "approved", "nothing was changed"


def test_a_backtest_of_a_rule_in_place_of_another_of_a_whole_set_and_of_settings(site, alice, now):
    set_policy(site, mode="rules")
    rule = rules_service.add(site, RuleText("words", "casino", "hold"), alice, now)
    write_as("Carol", "a casino", site, now)
    write_as("Carol", "a roulette", site, now)

    def changes(*proposal):
        return dict(backtest.backtest(site, backtest.proposal(site, *proposal), 100).changes)

    assert changes(RuleText("words", "roulette", "hold"), rule.id, None, {}) == {
        ("pending", "approved"): 1,
        ("approved", "pending"): 1,
    }
    assert changes(RuleText("words", "casino", "hold", is_on=False), rule.id, None, {}) == {("pending", "approved"): 1}
    assert changes(None, None, [], {}) == {("pending", "approved"): 1}
    assert changes(None, None, None, {"mode": "all"}) == {("approved", "pending"): 1}
    with pytest.raises(Invalid):
        backtest.proposal(site, None, None, None, {"mode": "maybe"})
    with pytest.raises(Invalid):
        backtest.proposal(site, RuleText("ip", "home", "hold"), None, None, {})


def test_a_backtest_judges_on_what_was_known_then(site, now):
    set_policy(site, mode="new")
    first = write_as("Carol", "first", site, now).comment.id
    with write():
        authors.by_id(comments.by_id(first).author_id).approved = 7
    found = backtest.backtest(site, backtest.proposal(site, None, None, None, {"mode": "rules"}), 10)
    assert found.changes == {(Status.PENDING, Status.APPROVED): 1}, "then nothing of Carol's was approved yet"


def test_the_tester_says_what_a_rule_would_say_of_a_text():
    rule = RuleText("domains", "casino.example", "reject")
    found = rules_service.tried(rule, "see https://www.casino.example/x", "", "", "", "", "", 10_000)
    assert (found.outcome, found.match) == ("reject", "casino.example")
    assert rules_service.tried(rule, "nothing", "", "", "", "", "", 10_000) is None
    assert rules_service.tried(RuleText("ip", "192.0.2.0/24", "hold"), "", "", "", "", "192.0.2.9", "", 10_000)
    with pytest.raises(Invalid):
        rules_service.tried(RuleText("ip", "home", "hold"), "x", "", "", "", "", "", 10_000)


def test_a_backtest_reads_ten_thousand_comments(site, alice, now):
    words = "gardens walls roses autumn water stones people think about houses and rivers in the rain".split()
    for n in range(5):
        rules_service.add(site, RuleText("words", "\n".join(f"word{n}x{m}" for m in range(2000)), "hold"), alice, now)
    first = write_as("Carol", "the pattern", site, now).comment
    table = Comment.__table__
    row = dict(db.session.execute(table.select().where(table.c.id == first.id)).mappings().one())
    with write():
        rows = []
        for n in range(10_000):
            body = " ".join(words[(n + m * 7) % len(words)] for m in range(60))
            fresh = {k: v for k, v in row.items() if k != "id"}
            rows.append({**fresh, "source": body, "html": f"<p>{body}</p>", "text_hash": n.to_bytes(32, "big")})
        db.session.execute(table.insert(), rows)
    site = sites.by_key("blog")
    found = backtest.backtest(
        site, backtest.proposal(site, RuleText("words", "rivers", "hold"), None, None, {}), 10_000
    )
    assert found.tested == 10_000 and found.caught > 1_000


def test_a_real_export_is_judged_under_each_mode(site, alice, now):
    file = data("import/themeunittestdata.wordpress.xml")
    file_imports.run(file, site, now)
    rules_service.add(site, RuleText("links", "0", "hold"), alice, now)
    lefts = []
    for mode in Mode:
        found = backtest.backtest(site, backtest.proposal(site, None, None, None, {"mode": mode}), 10_000)
        assert found.tested >= 30 and found.decided > 20
        assert found.then.alike + found.then.otherwise + found.then.left == found.decided
        lefts.append(found.then.left)
    assert lefts == sorted(lefts, reverse=True) and lefts[-1] == 0, "from strict to lenient less is left to moderators"


def test_an_explanation_shows_then_and_now_also_for_what_was_imported(site, make_comment, alice, now):
    set_policy(site, mode="rules")
    posted = write_as("Carol", "a casino", site, now)
    rule = rules_service.add(site, RuleText("words", "casino", "spam"), alice, now)
    found = rules_service.judgement(comments.by_id(posted.comment.id))
    assert (found.then_status, found.now_status) == (Status.APPROVED, Status.SPAM)
    assert found.then_version != found.now_version
    assert [r["rule"] for r in found.then_reasons] == ["mode rules"]
    said = {name: reason.match for name, reason in found.now_checks if reason}
    assert said == {"mode": "", f"rule {rule.id}": "casino"}
    assert Mode.RULES in sites.by_key("blog").policy.mode
