"""The dashboard's pages of judging: rules, spam filter, people, explanations; without scripts, and for whom."""

import re
from datetime import timedelta

import pytest

from commentsvc.core.spam_filter import WordCounts
from commentsvc.services import posting, thread_settings
from commentsvc.services import rules as rules_service
from commentsvc.services.rules import RuleText
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import comments, sanctions, sites, spam_words, threads
from commentsvc.store import rules as stored_rules
from commentsvc.store.db import db
from commentsvc.store.transactions import write
from tests.support.cast import SECRET, set_policy


@pytest.fixture
def post(alices, csrf):
    """Send a form as the page would."""

    def send(path, client=alices, **fields):
        token = csrf(client.get("/dashboard", follow_redirects=True).text)
        answer = client.post(path, data={"csrf_token": token, **fields}, follow_redirects=True)
        db.session.rollback()
        return answer

    return send


@pytest.fixture
def eves(site, now):
    """A comment by Eve."""
    set_policy(site, mode="rules")
    draft = Draft("/post", "", "", None, "Visit the casino <now>", "Eve", "eve@example.org", None)
    return posting.post(
        sites.by_key("blog"), Submission(draft, Sender(None, "192.0.2.1", "", False)), SECRET, now
    ).comment.id


RULE = {"kind": "words", "value": "casino\r\nroulette", "outcome": "hold", "language": ""}


def test_a_rule_is_tried_on_a_text_and_on_the_past_then_added_switched_off_changed_and_removed(
    alices, post, eves, site
):
    tried = post("/dashboard/blog/rules", do="test", **RULE, body="the c a s i n o")
    assert "Match." in tried.text and "c a s i n o" in tried.text and stored_rules.of_site(site) == []
    tested = post("/dashboard/blog/rules", do="backtest", **RULE)
    assert "1 × approved → pending" in tested.text and "&lt;now&gt;" in tested.text

    added = post("/dashboard/blog/rules", do="save", **RULE)
    rule = stored_rules.of_site(site)[0]
    assert "casino, roulette" in added.text and rule.value == "casino\nroulette"
    path = f"/dashboard/blog/rules/{rule.id}"
    post(f"{path}/switch", on="")
    assert not stored_rules.by_id(rule.id).is_on
    post(path, do="save", **{**RULE, "value": "poker"})
    assert (stored_rules.by_id(rule.id).value, stored_rules.by_id(rule.id).is_on) == ("poker", False)
    removed = post(f"{path}/remove")
    assert stored_rules.of_site(site) == []
    entry = re.search(r'name="entry" value="(\d+)"', removed.text)[1]
    assert "Rule change undone." in post("/dashboard/blog/rules/undo", entry=entry).text
    assert stored_rules.by_id(rule.id).value == "poker"
    assert "has changed since" in post("/dashboard/blog/rules/undo", entry=entry).text


def test_a_rule_that_cannot_be_used_comes_back_with_its_trouble(post, site):
    page = post("/dashboard/blog/rules", do="save", kind="ip", value="home", outcome="hold")
    assert "is not an address or network" in page.text and ">home</textarea>" in page.text
    assert stored_rules.of_site(site) == []


def test_the_checks_are_set_and_a_wrong_number_is_refused(post, site):
    fields = {"has": ["links_max", "copies_held", "warn_before_hold"], "links_max": "7", "warn_before_hold": "yes"}
    assert "Saved" in post("/dashboard/blog/checks", **fields).text
    policy = sites.by_key("blog").policy
    assert (policy.links_max, policy.copies_held, policy.warn_before_hold, policy.pace_author) == (7, False, True, 10)
    for wrong in (
        {"has": "links_max", "links_max": "many"},
        {"has": "colour", "colour": "1"},
        {"has": "mode", "mode": "off"},
    ):
        assert 'role="alert"' in post("/dashboard/blog/checks", **wrong).text
    assert sites.by_key("blog").policy.links_max == 7


def test_a_page_gets_a_mode_of_its_own_and_loses_it(post, site):
    assert "/hot" in post("/dashboard/blog/thread-mode", thread="/hot", mode="all").text
    assert threads.find(site, "/hot").mode == "all"
    post("/dashboard/blog/thread-mode", thread="/hot", mode="")
    assert threads.find(site, "/hot").mode is None


def test_a_flood_is_told_on_every_page_and_ended_by_one_click(alices, post, site):
    set_policy(site, mode="all", flood_from="rules")
    for path in ("", "/log", "/rules"):
        assert "Traffic spike" in alices.get(f"/dashboard/blog{path}").text
    ended = post("/dashboard/blog/end-flood")
    assert "Traffic spike" not in ended.text
    assert sites.by_key("blog").policy.mode == "rules"


def test_the_spam_page_tells_what_it_knows_and_why(alices, post, site):
    assert "Starts working after" in alices.get("/dashboard/blog/spam").text
    with write():
        from commentsvc.core import spam_filter
        from commentsvc.core.rule_kinds import RuleInput

        words = spam_filter.features(RuleInput("cheap watches", "", "", "", "", ""))
        spam_words.learn(site.id, WordCounts(30, 30), {word: WordCounts(0, 30) for word in words})
    page = post("/dashboard/blog/spam/try", body="cheap watches today")
    assert "likely spam." in page.text and "<bdi>cheap watches</bdi>" in page.text
    post("/dashboard/blog/spam", spam_hold="80")
    policy = sites.by_key("blog").policy
    assert (policy.spam_hold, policy.spam_filter) == (80, False)
    assert 'role="alert"' in post("/dashboard/blog/spam", spam_hold="20").text


def subject_named(page, words):
    return re.search(rf'<option value="([0-9a-f]+)">{words}</option>', page)[1]


def test_a_moderator_acts_on_a_person_without_seeing_where_they_write_from(
    client, bob, sign_in, csrf, eves, site, alice
):
    rules_service.add(site, RuleText("email", "@example.org", "hold"), alice, site.created_at)
    draft = Draft("/post2", "", "", None, "Another word", "Eve", "eve@example.org", None)
    posting.post(sites.by_key("blog"), Submission(draft, Sender(None, "192.0.2.1", "", False)), SECRET, site.created_at)
    held = comments.newest_of_author(comments.by_id(eves).author_id, 1)[0].id
    sign_in(client, bob)
    person = f"/dashboard/blog/people/{comments.by_id(eves).author_id}"
    page = client.get(person).text
    form = {"csrf_token": csrf(page), "kind": "hold", "subject": subject_named(page, "their email"), "reject_days": "0"}
    done = client.post(f"{person}/sanction", data=form, follow_redirects=True)
    assert "Done." in done.text
    db.session.rollback()
    assert [s.subject for s in sanctions.of_site(site, None, 9)[0]] == ["email:eve@example.org"]
    pages = (person, f"/dashboard/blog/judgement/{held}", "/dashboard/blog", "/dashboard/blog/log")
    for path in pages:
        seen = client.get(path).text
        assert [word for word in ("example.org", "192.0.2") if word in seen] == [], path
    set_policy(site, moderators_see_addresses=True)
    assert "eve@example.org" in client.get(person).text
    assert "@example.org" in client.get(f"/dashboard/blog/judgement/{held}").text


def test_a_person_is_sanctioned_noted_and_forgiven_on_their_page(alices, post, eves, site):
    path = f"/dashboard/blog/people/{comments.by_id(eves).author_id}"
    page = alices.get(path).text
    assert "Eve" in page and "eve@example.org" in page and "Visit the casino" in page
    subject = subject_named(page, "email eve@example.org")
    done = post(f"{path}/sanction", kind="ban", subject=subject, reason="Enough", reject_days="3")
    assert "Enough" in done.text and comments.by_id(eves).status == "rejected"
    sanction_id = re.search(r'name="sanction" value="(\d+)"', done.text)[1]
    post(f"{path}/lift", sanction=sanction_id)
    assert comments.by_id(eves).status == "approved" and sanctions.by_id(int(sanction_id)).lifted_at
    assert "Came back" in post(f"{path}/note", note="Came back <twice>").text
    for wrong in ({"kind": "suspend"}, {"kind": "ban", "until": "soon"}, {"kind": "ban", "reject_days": "x"}):
        refused = post(f"{path}/sanction", **{"subject": subject, **wrong})
        assert 'role="alert"' in refused.text


def test_an_explanation_shows_each_check_then_and_now(alices, post, eves):
    post("/dashboard/blog/rules", do="save", **RULE)
    page = alices.get(f"/dashboard/blog/judgement/{eves}").text
    assert "Why comment" in page and "The settings have changed since" in page
    assert page.count('<th scope="row">') >= 10 and "<bdi>casino</bdi>" in page


def test_only_the_owner_sees_rules_and_only_moderators_see_people(
    client, bob, mallory, sign_in, eves, site, other_site
):
    sign_in(client, bob)
    assert client.get("/dashboard/blog/rules").status_code == 403
    assert client.get("/dashboard/blog/spam").status_code == 403
    person = f"/dashboard/blog/people/{comments.by_id(eves).author_id}"
    seen = client.get(person)
    assert seen.status_code == 200 and ">Rules<" not in seen.text
    assert client.get(f"/dashboard/blog/judgement/{eves}").status_code == 200

    stranger = client.application.test_client()
    sign_in(stranger, mallory)
    paths = ("rules", "spam", f"judgement/{eves}", f"people/{comments.by_id(eves).author_id}")
    for path in paths:
        assert stranger.get(f"/dashboard/blog/{path}").status_code == 404
    for path in paths[2:]:
        assert stranger.get(f"/dashboard/other/{path}").status_code == 404


def test_another_sites_rule_and_sanction_are_not_there(
    client, alice, mallory, sign_in, csrf, post, site, other_site, eves
):
    post("/dashboard/blog/rules", do="save", **RULE)
    rule = stored_rules.of_site(site)[0]
    stranger = client.application.test_client()
    sign_in(stranger, mallory)
    assert stranger.get(f"/dashboard/other/rules/{rule.id}").status_code == 404
    answer = post(f"/dashboard/other/rules/{rule.id}/remove", client=stranger)
    assert answer.status_code == 404 and stored_rules.by_id(rule.id)


def test_a_trap_on_the_hosted_page_is_not_seen_and_is_heard(client, site, csrf):
    set_policy(site, mode="rules")
    page = client.get("/t/blog?thread=/post").text
    assert 'class="trap" aria-hidden="true"' in page
    form = {"body": "Buy", "name": "Eve", "email": "eve@example.org", "website": ""}
    client.post("/t/blog?thread=/post", data={**form, "subject": "filled"})
    other = client.application.test_client()
    other.post("/t/blog?thread=/post", data={**form, "body": "Hello", "subject": ""})
    db.session.rollback()
    assert [comments.by_id(n).status for n in (1, 2)] == ["spam", "approved"]


def test_a_page_s_mode_is_undone_by_the_button_beside_the_message_and_from_the_log(alices, post, site):
    said = post("/dashboard/blog/thread-mode", thread="/post", mode="off").text
    (named,) = re.findall(r'name="undo" value="(thread-\d+)"', said)
    assert "Undone." in post("/dashboard/blog/undo", undo=named, back="/dashboard/blog/rules").text
    assert threads.find(site, "/post").mode is None
    assert "have changed since" in post("/dashboard/blog/undo", undo=named).text

    log = alices.get("/dashboard/blog/log").text
    newest, oldest = re.findall(r'name="undo" value="(thread-\d+)"', log)
    assert oldest == named and "held for review: None" in log and "undo" in log
    post("/dashboard/blog/undo", undo=newest)
    assert threads.find(site, "/post").mode == "off"
    changes = alices.get("/dashboard/blog/changes").text
    entries = re.findall(r'name="entry" value="(\d+)"', changes)
    post("/dashboard/blog/changes/undo", entry=entries[0])
    assert threads.find(site, "/post").mode is None


def test_a_moderator_sees_changes_of_pages_in_the_log_and_undoes_those_they_may(
    app, alices, alice, bob, sign_in, post, site, now
):
    thread_settings.tend(site, "/post", {"mode": "off"}, alice, "", now)
    closed = thread_settings.tend(site, "/post", {"is_open": False}, alice, "", now)
    bobs = app.test_client()
    sign_in(bobs, bob)
    log = bobs.get("/dashboard/blog/log").text
    assert "held for review: None" in log and re.findall(r'name="undo" value="([^"]+)"', log) == [closed.undo]


def test_changes_of_pages_are_in_the_log_on_the_page_of_their_time(alices, alice, site, make_comment, now):
    for n in range(60):
        make_comment(body=f"{n}")
    for days, key in ((0, "/today"), (2, "/before")):
        thread_settings.tend(site, key, {"is_open": False}, alice, "", now - timedelta(days=days))
    first = alices.get("/dashboard/blog/log").text
    older = alices.get(re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")).text
    assert ("/today" in first, "/before" in first) == (True, False)
    while "/before" not in older:
        assert "/today" not in older
        older = alices.get(re.search(r'rel="next" href="([^"]+)"', older)[1].replace("&amp;", "&")).text
    assert "/today" not in older
