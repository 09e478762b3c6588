"""The settings of a thread and undoing their changes: pins, whether it is open, its mode."""

import pytest
from sqlalchemy import select

from commentsvc.core.errors import Conflict, NotAllowed, NotFound
from commentsvc.core.status import Action
from commentsvc.services import moderation, thread_settings
from commentsvc.services.moderation import Moderator
from commentsvc.store import audit_log, memberships
from commentsvc.store.db import db
from commentsvc.store.threads import Thread
from tests.support.invariants import check_kept_numbers

LONG_KEY = "/" + "long/" * 60


def thread(key="/post"):
    db.session.rollback()
    return db.session.scalars(select(Thread).where(Thread.key == key)).one()


@pytest.mark.parametrize("key", ["/post", LONG_KEY])
@pytest.mark.parametrize(("name", "value"), [("is_open", False), ("mode", "off"), ("pinned_id", "the comment")])
def test_a_change_is_undone_and_the_undoing_too(site, alice, make_comment, now, key, name, value):
    comment_id = make_comment(key)
    make_comment(key + "other")
    value = comment_id if name == "pinned_id" else value
    before = getattr(thread(key), name)
    by = Moderator(alice)
    tended = thread_settings.tend(site, key, {name: value}, alice, "", now)
    version = thread(key).version

    undone = thread_settings.undo(thread_settings.find_entry(tended.undo), by, "", now)
    assert (getattr(thread(key), name), thread(key).version) == (before, version + 1)
    redone = thread_settings.undo(thread_settings.find_entry(undone.undo), by, "", now)
    assert getattr(thread(key), name) == value
    with pytest.raises(Conflict) as caught:
        thread_settings.undo(thread_settings.find_entry(undone.undo), by, "", now)
    assert caught.value.slug == "changed-since"
    db.session.rollback()
    entries, _ = audit_log.of_site(site, ["thread"], None, 10)
    assert [e.undoes_id for e in entries] == [entries[1].id, entries[2].id, None]
    assert thread_settings.undo_of(entries[0]) == redone.undo


def test_nothing_is_undone_that_was_changed_again_since(site, alice, now):
    closed = thread_settings.tend(site, "/post", {"is_open": False}, alice, "", now)
    thread_settings.tend(site, "/post", {"is_open": True}, alice, "", now)
    with pytest.raises(Conflict):
        thread_settings.undo(thread_settings.find_entry(closed.undo), Moderator(alice), "", now)
    db.session.rollback()
    assert thread().is_open
    assert thread_settings.tend(site, "/post", {"is_open": True}, alice, "", now).undo is None, "nothing to undo"


def test_another_setting_changed_since_is_left_as_it_is(site, alice, now):
    closed = thread_settings.tend(site, "/post", {"is_open": False}, alice, "", now)
    thread_settings.tend(site, "/post", {"mode": "all"}, alice, "", now)
    thread_settings.undo(thread_settings.find_entry(closed.undo), Moderator(alice), "", now)
    assert (thread().is_open, thread().mode) == (True, "all")


def test_only_who_may_change_it_may_undo_it(site, other_site, alice, bob, mallory, now):
    closed = thread_settings.tend(site, "/post", {"is_open": False}, alice, "", now)
    moded = thread_settings.tend(site, "/post", {"mode": "off"}, alice, "", now)
    with pytest.raises(NotFound):
        thread_settings.undo(thread_settings.find_entry(closed.undo), Moderator(mallory), "", now)
    db.session.rollback()
    memberships.set_role(alice, other_site, memberships.Role.OWNER)
    db.session.commit()
    with pytest.raises(NotFound):
        thread_settings.undo(thread_settings.find_entry(closed.undo), Moderator(alice, other_site.id), "", now)
    db.session.rollback()
    with pytest.raises(NotAllowed):
        thread_settings.undo(thread_settings.find_entry(moded.undo), Moderator(bob), "", now)
    db.session.rollback()
    thread_settings.undo(thread_settings.find_entry(closed.undo), Moderator(bob), "", now)
    assert (thread().is_open, thread().mode) == (True, "off")


def test_what_is_no_change_of_a_thread_is_not_undone_here(site, alice, now):
    entry = audit_log.add(
        "setting", now, site=site, by=alice, subject="name", before={"name": "a"}, after={"name": "b"}
    )
    db.session.commit()
    for entry_id in (entry.id, entry.id + 1000, 0):
        with pytest.raises(NotFound):
            thread_settings.undo(entry_id, Moderator(alice), "", now)
        db.session.rollback()


def test_a_pin_does_not_come_back_to_a_comment_that_was_withdrawn_meanwhile(site, alice, make_comment, now):
    first, second = make_comment(body="first"), make_comment(body="second")
    thread_settings.tend(site, "/post", {"pinned_id": first}, alice, "", now)
    moved = thread_settings.tend(site, "/post", {"pinned_id": second}, alice, "", now)
    moderation.decide([first], Action.REJECT, Moderator(alice), "", now)
    with pytest.raises(Conflict):
        thread_settings.undo(thread_settings.find_entry(moved.undo), Moderator(alice), "", now)
    db.session.rollback()
    assert thread().pinned_id == second


def test_undoing_a_withdrawal_pins_the_comment_again(site, alice, make_comment, now):
    comment_id = make_comment()
    by = Moderator(alice)
    thread_settings.tend(site, "/post", {"pinned_id": comment_id}, alice, "", now)
    rejected = moderation.decide([comment_id], Action.REJECT, by, "", now)
    assert thread().pinned_id is None

    undone = moderation.undo(rejected.undo, by, now)
    assert thread().pinned_id == comment_id
    moderation.undo(undone.undo, by, now)
    assert thread().pinned_id is None
    check_kept_numbers()


def test_undoing_a_withdrawal_leaves_a_pin_that_was_chosen_since(site, alice, make_comment, now):
    first, second = make_comment(body="first"), make_comment(body="second")
    by = Moderator(alice)
    thread_settings.tend(site, "/post", {"pinned_id": first}, alice, "", now)
    rejected = moderation.decide([first], Action.REJECT, by, "", now)
    thread_settings.tend(site, "/post", {"pinned_id": second}, alice, "", now)
    moderation.undo(rejected.undo, by, now)
    assert thread().pinned_id == second


def test_undoing_a_decision_does_not_pin_what_was_unpinned_before_it(site, alice, make_comment, now):
    comment_id = make_comment()
    by = Moderator(alice)
    thread_settings.tend(site, "/post", {"pinned_id": comment_id}, alice, "", now)
    thread_settings.tend(site, "/post", {"pinned_id": None}, alice, "", now)
    spam = moderation.decide([comment_id], Action.SPAM, by, "", now)
    moderation.undo(spam.undo, by, now)
    assert thread().pinned_id is None
