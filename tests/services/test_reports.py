"""Reports of comments: when they hold, what a decision and its undoing do to them, and many at once."""

from datetime import timedelta

import pytest
from sqlalchemy import event, text

from commentsvc.core.errors import TooMany
from commentsvc.core.pagination import Sort
from commentsvc.core.policy import Mode
from commentsvc.core.status import Action, Status
from commentsvc.services import edits, moderation
from commentsvc.services import reports as reports_service
from commentsvc.services.moderation import Moderator
from commentsvc.services.submissions import Sender
from commentsvc.store import accounts, comment_search, comments, decisions, sites
from commentsvc.store import reports as stored_reports
from commentsvc.store.comment_search import Wanted
from commentsvc.store.db import db, is_postgres
from commentsvc.store.transactions import _begin_write, write
from tests.support.cast import SECRET, set_policy
from tests.support.invariants import check_kept_numbers


def guest(number):
    return Sender(None, f"192.0.2.{number}", "Firefox", limited=False)


def report(comment_id, *numbers, at):
    return [reports_service.flag(comment_id, "abuse", "", guest(n), SECRET, at) for n in numbers][-1]


def state(comment_id):
    db.session.rollback()
    comment = comments.by_id(comment_id)
    return comment.status, comment.flag_count, len(stored_reports.open_of([comment_id]).get(comment_id, []))


@pytest.fixture
def held(make_comment, now):
    """A comment that three readers brought back to the queue."""
    comment_id = make_comment()
    assert report(comment_id, 1, 2, 3, at=now).is_held
    assert state(comment_id) == ("pending", 3, 3)
    return comment_id


@pytest.mark.parametrize("action", [Action.APPROVE, Action.REJECT, Action.SPAM, Action.DELETE])
def test_a_decision_answers_the_reports_and_its_undoing_opens_them_again(held, alice, now, action):
    by = Moderator(alice)
    decided = moderation.decide([held], action, by, "", now)
    assert state(held)[1:] == (0, 0)
    undone = moderation.undo(decided.undo, by, now)
    assert state(held) == ("pending", 3, 3)
    again = moderation.undo(undone.undo, by, now)
    assert state(held)[1:] == (0, 0), "done once more, it answers them once more"
    moderation.undo(again.undo, by, now)
    assert state(held) == ("pending", 3, 3)
    check_kept_numbers()


def test_who_undoes_the_hold_has_answered_the_reports(held, alice, now):
    rows, _ = decisions.log(sites.by_key("blog"), held, None, 1)
    assert rows[0].by_rule == "flags"
    undone = moderation.undo(rows[0].batch, Moderator(alice), now)
    assert state(held) == ("approved", 0, 0)
    report(held, 1, 2, 3, at=now)
    assert state(held) == ("approved", 0, 0), "the same people do not hold it again"
    moderation.undo(undone.undo, Moderator(alice), now)
    assert state(held) == ("pending", 3, 3)
    check_kept_numbers()


def test_only_new_people_hold_it_again_after_an_approval(held, alice, now):
    moderation.decide([held], Action.APPROVE, Moderator(alice), "", now)
    assert not report(held, 1, 2, 3, 4, 5, at=now).is_held
    assert state(held) == ("approved", 2, 2)
    assert report(held, 6, at=now).is_held
    reasons = comments.by_id(held).reasons
    assert [r["sentence"] for r in reasons if r["rule"] == "flags"] == ["3 readers reported it."]
    check_kept_numbers()


def test_what_was_edited_since_may_be_reported_again(site, alice, held, now):
    moderation.decide([held], Action.APPROVE, Moderator(alice), "", now)
    set_policy(site, mode=Mode.OFF, edit_window_s=7 * 24 * 3600)
    edits.edit(held, "Something worse", None, now + timedelta(minutes=1))
    later = now + timedelta(minutes=2)
    first = report(held, 1, at=later)
    assert (first.is_new, first.is_answered) == (False, False)
    assert state(held) == ("approved", 1, 1)
    assert report(held, 2, 3, at=later).is_held
    check_kept_numbers()


def test_an_edit_does_not_lead_around_the_readers_who_had_it_held(site, alice, held, now):
    set_policy(site, mode=Mode.OFF, edit_window_s=7 * 24 * 3600)
    posted = edits.edit(held, "Just as bad", None, now)
    assert (posted.status, posted.reason) == (Status.PENDING, "3 readers reported it.")
    assert state(held) == ("pending", 3, 3)
    moderation.decide([held], Action.APPROVE, Moderator(alice), "", now)
    report(held, 4, at=now)
    assert edits.edit(held, "Better", None, now).status is Status.APPROVED, "what was answered no longer holds it"
    check_kept_numbers()


def test_one_reader_is_spoken_of_as_one(site, make_comment, now):
    set_policy(site, flags_hold=1)
    comment_id = make_comment()
    report(comment_id, 1, at=now)
    assert comments.by_id(comment_id).reasons[0]["sentence"] == "One reader reported it."


def test_many_readers_at_once_are_each_counted_and_hold_once(app, site, make_comment, at_once, now):
    comment_id = make_comment()

    def each(number):
        def work():
            with app.app_context():
                try:
                    reports_service.flag(comment_id, "spam", "", guest(number), SECRET, now)
                finally:
                    db.session.remove()

        return work

    results = at_once(*[each(n // 2) for n in range(12)])
    refused = [r for r in results if r is not None]
    assert {type(r).__name__ for r in refused} <= {"NotFound"}, "who came after the hold found no comment"
    assert state(comment_id) == ("pending", 3, 3)
    rows, _ = decisions.log(sites.by_key("blog"), comment_id, None, 10)
    assert [r.by_rule for r in rows].count("flags") == 1
    check_kept_numbers()


def test_the_reported_comments_of_a_site_are_found_by_their_index(site, make_comment, now):
    for n in range(30):
        make_comment(body=f"Text {n}")
    report(make_comment(body="Bad"), 1, at=now)
    asked = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: asked.append(args[2:4]))
    found = comment_search.page(Wanted([sites.by_key("blog")], Status.APPROVED, Sort.OLDEST, is_flagged=True), None, 50)
    assert ([c.source for c in found.comments], found.following) == (["Bad"], None)

    statement, parameters = next(a for a in asked if "flag_count > 0" in a[0])
    _begin_write()
    if is_postgres():
        db.session.execute(text("ANALYZE"))
        db.session.execute(text("SET LOCAL enable_seqscan = off"))  # thirty rows fit into one page
    explain = "EXPLAIN " if is_postgres() else "EXPLAIN QUERY PLAN "
    plan = [str(row) for row in db.session.connection().exec_driver_sql(explain + statement, parameters)]
    db.session.rollback()
    assert any("ix_comment_flagged" in line for line in plan), plan
    assert not any("sort" in line.lower() or "TEMP B-TREE" in line for line in plan), plan


@pytest.mark.parametrize("network", ["2001:db8:7:7::{}", "2001:db8:7:{}::1", "2002:c000:201:{}::1", "::ffff:192.0.2.1"])
def test_the_many_addresses_of_one_customer_hide_no_comment(site, make_comment, now, network):
    comment_id = make_comment()
    refused = 0
    for number in range(1, 8):
        reader = Sender(None, network.format(number), f"Browser {number}")
        try:
            reports_service.flag(comment_id, "spam", "", reader, SECRET, now)
        except TooMany:
            refused += 1
    assert (state(comment_id), refused) == (("approved", 2, 2), 5)
    assert report(comment_id, 200, at=now).is_held, "the report of somebody else is the third"


def test_one_reader_with_many_addresses_of_ipv6_is_one_reader(site, make_comment, now):
    comment_id = make_comment()
    for number in range(1, 4):
        reports_service.flag(comment_id, "spam", "", Sender(None, f"2001:db8::{number}", "Firefox"), SECRET, now)
    assert state(comment_id) == ("approved", 1, 1)


@pytest.mark.parametrize(("network", "most"), [("2001:db8:7:7::{}", 10), ("2001:db8:7:{}::1", 30), ("192.0.2.{}", 30)])
def test_a_campaign_of_one_network_is_stopped(site, make_comment, now, network, most):
    set_policy(site, flags_hold=0)
    made = 0
    for number in range(1, most + 5):
        try:
            reports_service.flag(
                make_comment(body=f"Text {number}"), "spam", "", Sender(None, network.format(number), "x"), SECRET, now
            )
            made += 1
        except TooMany:
            pass
    assert made == most


def test_a_report_by_an_account_and_one_by_a_guest_of_the_same_browser_are_two(app, make_comment, now):
    with write():
        carl = accounts.make_account("carl@example.net", "Carl", False, now)
    comment_id = make_comment()
    report(comment_id, 1, at=now)
    reports_service.flag(comment_id, "spam", "", Sender(carl, "192.0.2.1", "Firefox", False), SECRET, now)
    assert state(comment_id)[1:] == (2, 2)
