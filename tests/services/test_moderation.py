"""Moderating: each act and its undoing, all or nothing, and every kept number true afterwards, also two at once."""

import itertools
import random
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from commentsvc.core.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.core.pagination import Sort
from commentsvc.core.policy import Mode
from commentsvc.core.search_query import Search
from commentsvc.core.status import TARGET, Action, Status
from commentsvc.services import accounts as accounts_service
from commentsvc.services import edits, moderation, moderator_replies, posting, votes
from commentsvc.services import reports as reports_service
from commentsvc.services.moderation import DecisionText, Moderator
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import comments, decisions, memberships, sites
from commentsvc.store.comment_search import Wanted
from commentsvc.store.counters import StatusCount
from commentsvc.store.db import db
from commentsvc.store.decisions import Decision
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import write
from tests.support.cast import SECRET, service_config, set_policy
from tests.support.invariants import check_kept_numbers

LEADS_TO = {status: action for action, status in TARGET.items()}


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("action", Action)
def test_every_act_leads_where_it_says_and_undo_leads_back(alice, make_comment, now, before, action):
    comment_id = make_comment(status=before)
    by = Moderator(alice)
    if TARGET[action] is before:
        with pytest.raises(Conflict) as caught:
            moderation.decide([comment_id], action, by, "", now)
        assert caught.value.slug == "no-change"
        db.session.rollback()
        return
    version = db.session.scalar(select(Thread.version))

    decided = moderation.decide([comment_id], action, by, "why not", now)
    assert comments.by_id(comment_id).status == TARGET[action]
    (row,) = decided.decisions
    assert (row.by_account.name, row.note, row.status_before, row.status_after) == (
        "Alice",
        "why not",
        before,
        TARGET[action],
    )
    is_public = Status.APPROVED in (before, TARGET[action])
    assert (db.session.scalar(select(Thread.version)) > version) == is_public
    check_kept_numbers()

    undone = moderation.undo(decided.undo, by, now)
    assert comments.by_id(comment_id).status == before
    check_kept_numbers()
    moderation.undo(undone.undo, by, now)
    assert comments.by_id(comment_id).status == TARGET[action]
    check_kept_numbers()


def test_an_act_on_many_is_all_or_nothing(alice, mallory, other_site, make_comment, now):
    ours = [make_comment(status=Status.PENDING, body=f"{n}") for n in range(3)]
    theirs = make_comment(status=Status.PENDING, on=other_site)

    for foreign in (theirs, 10**6, 2**70, 0, -1):
        with pytest.raises(NotFound):
            moderation.decide([*ours, foreign], Action.APPROVE, Moderator(alice), "", now)
        db.session.rollback()
    assert {comments.by_id(i).status for i in ours} == {"pending"}
    with pytest.raises(NotFound):
        moderation.decide(ours, Action.APPROVE, Moderator(mallory), "", now)
    db.session.rollback()
    check_kept_numbers()


def test_what_is_there_already_is_left_alone_and_the_rest_is_moved(alice, make_comment, now):
    waiting, approved = make_comment(status=Status.PENDING, body="a"), make_comment(body="b")
    decided = moderation.decide([waiting, approved, waiting], Action.APPROVE, Moderator(alice), "", now)
    assert [d.comment_id for d in decided.decisions] == [waiting]


@pytest.mark.parametrize(("ids", "note", "field"), [([], "", "ids"), ([1] * 501, "", "ids"), ([1], "x" * 1001, "note")])
def test_what_is_too_much_or_nothing_is_refused(alice, now, ids, note, field):
    with pytest.raises(Invalid) as caught:
        moderation.decide(ids, Action.APPROVE, Moderator(alice), note, now)
    assert caught.value.problems[0][0] == field


def test_undo_is_refused_after_another_decision_for_another_site_and_for_what_is_no_act(
    alice, mallory, make_comment, now
):
    comment_id = make_comment(status=Status.PENDING)
    by = Moderator(alice)
    first = moderation.decide([comment_id], Action.APPROVE, by, "", now)
    with pytest.raises(NotFound):
        moderation.undo(first.undo, Moderator(mallory), now)
    db.session.rollback()
    moderation.decide([comment_id], Action.SPAM, by, "", now)
    with pytest.raises(Conflict) as caught:
        moderation.undo(first.undo, by, now)
    assert caught.value.slug == "changed-since"
    db.session.rollback()

    written = db.session.scalar(select(Decision.batch).where(Decision.status_before.is_(None)))
    for nothing in ("unknown", "", written):
        with pytest.raises(NotFound):
            moderation.undo(nothing, by, now)
        db.session.rollback()
    assert comments.by_id(comment_id).status == "spam"


def test_a_token_of_one_site_moderates_only_there(site, other_site, alice, make_comment, now):
    memberships.set_role(alice, other_site, memberships.Role.OWNER)
    db.session.commit()
    elsewhere = make_comment(status=Status.PENDING, on=other_site)
    with pytest.raises(NotFound):
        moderation.decide([elsewhere], Action.APPROVE, Moderator(alice, site.id), "", now)
    db.session.rollback()
    moderation.decide([elsewhere], Action.APPROVE, Moderator(alice, other_site.id), "", now)


def test_decisions_are_only_added(alice, make_comment, now):
    comment_id = make_comment(status=Status.PENDING)
    before = db.session.scalar(select(func.count()).select_from(Decision))
    decided = moderation.decide([comment_id], Action.APPROVE, Moderator(alice), "", now)
    undone = moderation.undo(decided.undo, Moderator(alice), now)
    assert db.session.scalar(select(func.count()).select_from(Decision)) == before + 2
    assert undone.decisions[0].undoes_id == decided.decisions[0].id
    rows, _ = decisions.log(sites.by_key("blog"), comment_id, None, 10)
    assert [(r.action, r.status_after) for r in rows][:2] == [("pending", "pending"), ("approve", "approved")]


def test_in_mode_new_who_was_approved_once_is_published_at_once(site, alice, make_comment, now):
    set_policy(site, mode=Mode.NEW)
    first = make_comment(status=Status.PENDING, body="first")
    moderation.decide([first], Action.APPROVE, Moderator(alice), "", now)
    draft = Draft("/post", "", "", None, "second", "Carol", "carol@example.org", None)
    posted = posting.post(sites.by_key("blog"), Submission(draft, Sender(None, "192.0.2.9", "", False)), SECRET, now)
    assert posted.status is Status.APPROVED
    stranger = Draft("/post", "", "", None, "third", "Dave", "carol@example.org", None)
    posted = posting.post(sites.by_key("blog"), Submission(stranger, Sender(None, "192.0.2.9", "", False)), SECRET, now)
    assert posted.status is Status.PENDING, "an address alone proves nothing: somebody may know it"
    check_kept_numbers()


def test_five_hundred_are_decided_in_one_act(alice, make_comment, now):
    ids = [make_comment(f"/post-{n % 7}", Status.PENDING, f"P{n % 31}", f"number {n}") for n in range(500)]
    decided = moderation.decide(ids, Action.APPROVE, Moderator(alice), "", now)
    assert len(decided.decisions) == 500
    check_kept_numbers()
    moderation.undo(decided.undo, Moderator(alice), now)
    check_kept_numbers()


def test_two_moderators_at_once_on_the_same_comments_lose_nothing(app, alice, bob, make_comment, at_once, now):
    ids = [make_comment(f"/post-{n % 4}", Status.PENDING, body=f"number {n}") for n in range(20)]

    def each(name, action):
        def work():
            with app.app_context():
                by = Moderator(stored_accounts.account_by_email(name))
                for comment_id in ids:
                    try:
                        moderation.decide([comment_id], action, by, "", now)
                    except Conflict:
                        db.session.rollback()
                db.session.remove()

        return work

    assert at_once(each("alice@example.org", Action.APPROVE), each("bob@example.org", Action.SPAM)) == [None, None]
    check_kept_numbers()
    for comment_id in ids:
        rows, _ = decisions.log(sites.by_key("blog"), comment_id, None, 10)
        steps = [(r.status_before, r.status_after) for r in reversed(rows)]
        assert all(a[1] == b[0] for a, b in itertools.pairwise(steps)), "each begins where the last ended"
        assert steps[-1][1] == comments.by_id(comment_id).status


def test_opposite_acts_on_different_threads_do_not_wait_for_each_other_for_ever(
    app, alice, bob, make_comment, at_once, now
):
    held = [make_comment("/one", Status.PENDING, "Erin", f"{n}") for n in range(20)]
    shown = [make_comment("/two", Status.APPROVED, "Fay", f"{n}") for n in range(20)]

    def each(name, ids, action):
        def work():
            with app.app_context():
                for comment_id in ids:
                    moderation.decide([comment_id], action, Moderator(stored_accounts.account_by_email(name)), "", now)
                db.session.remove()

        return work

    results = at_once(each("alice@example.org", held, Action.APPROVE), each("bob@example.org", shown, Action.PENDING))
    assert results == [None, None]
    check_kept_numbers()


def test_the_first_comments_of_a_new_site_may_come_at_once(app, site, at_once, now):
    def each(number):
        def work():
            with app.app_context():
                draft = Draft(f"/{number}", "", "", None, "hello", f"P{number}", f"p{number}@example.org", None)
                sender = Sender(None, f"192.0.2.{number}", "", False)
                posting.post(sites.by_key("blog"), Submission(draft, sender), SECRET, now)
                db.session.remove()

        return work

    assert at_once(*[each(n) for n in range(8)]) == [None] * 8
    check_kept_numbers()
    assert db.session.scalar(select(StatusCount.count).where(StatusCount.status == "pending")) == 8


@pytest.mark.parametrize("seed", range(6))
def test_kept_numbers_stay_true_on_a_random_walk(site, alice, make_comment, now, seed):
    chance = random.Random(seed)
    by, ids, undos = Moderator(alice), [], []
    for step in range(60):
        parents = [i for i in ids if comments.by_id(i).status == "approved" and comments.by_id(i).depth < 3]
        acts = [
            "post",
            "reply",
            "decide",
            "decide",
            "decide",
            "undo",
            "undo",
            "edit",
            "withdraw",
            "flag",
            "flag",
            "vote",
        ]
        act = chance.choice(acts)
        at = now + timedelta(seconds=step)
        try:
            if act == "post" or not ids:
                ids.append(
                    make_comment(chance.choice(["/a", "/b"]), chance.choice(list(Status)), f"P{step % 3}", f"{step}")
                )
            elif act == "reply" and parents:
                parent = comments.by_id(chance.choice(parents))
                ids.append(make_comment(parent.thread.key, Status.PENDING, "Reply", f"{step}", parent.id))
            elif act == "decide":
                some = chance.sample(ids, min(len(ids), chance.randint(1, 5)))
                undos.append(moderation.decide(some, chance.choice(list(Action)), by, "", at).undo)
            elif act == "undo" and undos:
                moderation.undo(chance.choice(undos), by, at)
            elif act == "flag":
                reader = Sender(None, "192.0.2.7", f"Browser {chance.randint(1, 4)}", False)
                reports_service.flag(chance.choice(ids), "spam", "", reader, SECRET, at)
            elif act == "vote":
                votes.vote(chance.choice(ids), chance.choice([-1, 0, 1]), alice, False, at)
            elif act == "edit":
                edits.edit(chance.choice(ids), f"edited {step}", None, at)
            elif act == "withdraw":
                edits.withdraw(chance.choice(ids), at)
        except (Conflict, Invalid, NotAllowed, NotFound):
            db.session.rollback()
        check_kept_numbers()


def test_what_went_with_an_erased_account_cannot_be_published_again(site, alice, make_comment, now):
    with write():
        carol = stored_accounts.make_account("carol@example.org", "Carol", False, now)
    draft = Draft("/post", "", "", None, "Mine", "Carol", "carol@example.org", None)
    gone = posting.post(site, Submission(draft, Sender(carol, "192.0.2.1", "", False)), SECRET, now).comment.id
    other = make_comment(status=Status.PENDING, name="Dave", body="Another")
    by = Moderator(alice)
    approved = moderation.decide([gone], Action.APPROVE, by, "", now)
    accounts_service.erase(carol.id, keeps_comments=False, now=now, config=service_config())
    attempts = (
        lambda: moderation.decide([gone, other], Action.APPROVE, by, "", now),
        lambda: moderation.decide([gone], Action.PENDING, by, "", now),
        lambda: moderator_replies.answer(gone, "An answer", by, None, now),
        lambda: moderation.undo(approved.undo, by, now),
    )
    for attempt in attempts:
        with pytest.raises(Conflict):
            attempt()
        db.session.rollback()
    wanted = Wanted([site], Status.DELETED, Sort.NEWEST, Search(), True)
    assert not moderation.decide_matching(wanted, Action.APPROVE, by, DecisionText(), None, now).decisions
    assert comments.by_id(gone).status == "deleted" and comments.by_id(other).status == "pending"
    check_kept_numbers()


def test_each_change_makes_the_next_version_of_the_comment(make_comment, alice, now):
    comment_id = make_comment(status=Status.PENDING)
    first = comments.by_id(comment_id).version
    moderation.decide([comment_id], Action.APPROVE, Moderator(alice), "", now)
    assert comments.by_id(comment_id).version == first + 1
    moderation.edit(comment_id, "Corrected", Moderator(alice), None, now)
    assert comments.by_id(comment_id).version == first + 2
