"""Group commit: one transaction for several submissions, each with the outcome that it would get alone."""

import sqlite3
import threading

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import object_session

from commentsvc.core.errors import CommentError, Conflict, Invalid
from commentsvc.page_cache.concurrency import ConcurrencyLimit
from commentsvc.services import group_commit
from commentsvc.services.group_commit import BATCH_MAX, GroupCommitQueue
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import sites, threads
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.db_errors import is_away, is_unknown
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import _begin_write
from tests.support.cast import SECRET, set_policy
from tests.support.http import eventually
from tests.support.invariants import check_kept_numbers

LONG_S = 10


def until(is_true):
    eventually(is_true, "what the test waits for", LONG_S)


class Slow:
    """Work that records its entries, and blocks the first call until all others wait."""

    def __init__(self):
        self.calls = []
        self.may_end = threading.Event()
        self.fails_for = {}
        self.only_together = False

    def __call__(self, entries):
        self.calls.append(list(entries))
        if len(self.calls) == 1:
            assert self.may_end.wait(LONG_S)
        for entry in entries:
            if entry in self.fails_for and (len(entries) > 1 or not self.only_together):
                raise self.fails_for[entry]
        return [f"done {entry}" for entry in entries]


def run_all(slow, queue, entries, inside_max=100):
    """The outcomes, when the first entry runs alone and all others arrive meanwhile."""
    results, gate = {}, ConcurrencyLimit(inside_max)

    def call(entry):
        with gate:
            try:
                results[entry] = queue.run(entry)
            except BaseException as error:  # handed to the test, which looks at it
                results[entry] = error

    running = [threading.Thread(target=call, args=(entry,)) for entry in entries]
    running[0].start()
    until(lambda: slow.calls)
    for thread in running[1:]:
        thread.start()
    until(lambda: queue.state().waiting == len(entries) - 1)
    slow.may_end.set()
    for thread in running:
        thread.join(LONG_S)
    free = [gate._places.acquire(blocking=False) for _ in range(inside_max + 1)]
    assert free == [True] * inside_max + [False], "each place was given back, and once"
    return results


def test_who_waits_is_taken_along_by_one_of_them():
    slow = Slow()
    results = run_all(slow, GroupCommitQueue(slow, lambda taken, other: True), range(BATCH_MAX + 5))
    assert [len(call) for call in slow.calls] == [1, BATCH_MAX, 4]
    assert results == {entry: f"done {entry}" for entry in range(BATCH_MAX + 5)}


def test_a_waiting_request_gives_its_place_in_the_limit_back():
    slow = Slow()
    results = run_all(slow, GroupCommitQueue(slow, lambda taken, other: True), range(6), inside_max=2)
    assert [len(call) for call in slow.calls] == [1, 5] and len(results) == 6


def test_those_who_may_not_be_together_come_one_after_the_other():
    slow = Slow()
    results = run_all(
        slow, GroupCommitQueue(slow, lambda taken, other: all(one % 2 != other % 2 for one in taken)), range(5)
    )
    assert [sorted(one % 2 for one in call) for call in slow.calls] in ([[0], [0, 1], [0, 1]], [[0], [0, 1], [0], [1]])
    assert len(results) == 5 and all(results[entry] == f"done {entry}" for entry in results)


def test_what_fails_for_one_row_is_tried_by_each_alone():
    slow = Slow()
    slow.fails_for = {2: IntegrityError("", {}, sqlite3.IntegrityError())}
    results = run_all(slow, GroupCommitQueue(slow, lambda taken, other: True), range(4))
    assert [len(call) for call in slow.calls] == [1, 3, 1, 1, 1]
    assert isinstance(results.pop(2), IntegrityError)
    assert results == {entry: f"done {entry}" for entry in (0, 1, 3)}


def test_a_database_that_is_away_is_asked_once_for_all():
    slow = Slow()
    slow.fails_for = {2: OperationalError("", {}, sqlite3.OperationalError("database is locked"))}
    results = run_all(slow, GroupCommitQueue(slow, lambda taken, other: True), range(4))
    assert [len(call) for call in slow.calls] == [1, 3]
    assert [isinstance(results[entry], OperationalError) for entry in range(4)] == [False, True, True, True]


def test_a_fault_reaches_who_led_and_the_others_go_on():
    slow = Slow()
    slow.fails_for, slow.only_together = {1: ZeroDivisionError()}, True
    queue = GroupCommitQueue(slow, lambda taken, other: True)
    results = run_all(slow, queue, range(4))
    assert sum(isinstance(result, ZeroDivisionError) for result in results.values()) == 1
    assert sum(result == f"done {entry}" for entry, result in results.items()) == 3
    assert queue.run(9) == "done 9"  # the queue is free again


@pytest.fixture
def post_together(app, site, now):
    """Post drafts from different networks while another writer holds the database; gives what each got."""

    def post(*drafts, limited=False, network="192.0.{}.1"):
        results, have_all = {}, threading.Event()
        queue = group_commit.queue()

        def call(number, draft, key):
            with app.app_context():
                sender = Sender(None, network.format(number) if number else "203.0.113.1", "", limited)
                try:
                    posted = results[number] = group_commit.post(
                        sites.by_key("blog"), Submission(draft, sender, key), SECRET, now
                    )
                    is_own = object_session(posted.comment) in (None, db.session())
                    assert is_own, "what another request made must not be read through that one's session"
                except (CommentError, AssertionError) as error:
                    results[number] = error
                have_all.wait(LONG_S)  # the leader still runs when the followers read their outcome
                db.session.remove()

        first = Draft("/first", "", "", None, "the first of all", "First", "first@example.org", None)
        _begin_write()
        threads.get_or_add(site, "/first", now)
        running = [threading.Thread(target=call, args=(0, first, None))]
        running[0].start()
        until(lambda: queue.state().has_leader and queue.state().waiting == 0)
        for number, draft in enumerate(drafts, 1):
            draft, key = draft if isinstance(draft, tuple) else (draft, None)
            running.append(threading.Thread(target=call, args=(number, draft, key)))
            running[-1].start()
        until(lambda: queue.state().waiting == len(drafts))
        db.session.commit()
        until(lambda: len(results) == len(running))
        have_all.set()
        for thread in running:
            thread.join(LONG_S)
        return [results[number] for number in sorted(results)][1:]

    return post


def draft(name, text="hello to all of you", key="/post", parent_id=None):
    return Draft(key, "", "", parent_id, text, name, f"{name.lower()}@example.org", None)


def count(table):
    return db.session.scalar(select(func.count()).select_from(table))


def test_many_at_once_are_all_kept_and_counted(post_together):
    names = [f"Guest{number}" for number in range(20)]
    posted = post_together(*[draft(name, key=f"/{number % 3}") for number, name in enumerate(names)])
    assert [one.comment.author_name for one in posted] == names
    assert len({one.comment.id for one in posted}) == 20
    check_kept_numbers()


def test_one_that_is_refused_leaves_nothing_and_harms_nobody(post_together, make_comment):
    earlier = make_comment("/post", name="Bob", body="said already")
    orphan = draft("Eve", key="/nowhere", parent_id=earlier)
    ann, bob, eve, dan = post_together(draft("Ann"), draft("Bob", "said already"), orphan, draft("Dan"))
    assert isinstance(bob, Conflict) and isinstance(eve, Invalid)
    assert (ann.comment.author_name, dan.comment.author_name) == ("Ann", "Dan")
    assert db.session.scalar(select(Thread.id).where(Thread.key == "/nowhere")) is None
    assert db.session.scalar(select(Author.id).where(Author.name == "Eve")) is None
    assert count(Comment) == 4  # the one of before, the first of all, Ann's and Dan's
    check_kept_numbers()


def test_the_same_request_twice_at_once_makes_one_comment(post_together):
    first, second = post_together((draft("Ann"), "key-1"), (draft("Ann"), "key-1"))
    assert first.comment.id == second.comment.id
    assert count(Comment) == 2
    check_kept_numbers()


def test_the_same_words_twice_at_once_are_said_once(post_together):
    results = post_together(draft("Ann"), draft("Ann"), draft("Bob"))
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Posted", "Posted"]
    check_kept_numbers()


def test_two_at_once_from_one_network_are_counted_one_after_the_other(site, post_together):
    set_policy(site, challenge_after=1)
    results = post_together(draft("Ann"), draft("Bob"), limited=True, network="198.51.100.7")
    assert sorted(type(result).__name__ for result in results) == ["Challenged", "Posted"]
    assert count(Comment) == 2


class Hanging:
    """Work of which one call hangs until it is released; records its entries."""

    def __init__(self, hanging_call=1):
        self.calls, self.hanging_call, self.may_end = [], hanging_call, threading.Event()

    def __call__(self, entries):
        self.calls.append(list(entries))
        if len(self.calls) == self.hanging_call:
            assert self.may_end.wait(LONG_S)
        return [f"done {entry}" for entry in entries]


def start(queue, results, entry):
    def call():
        try:
            results[entry] = queue.run(entry)
        except BaseException as error:  # handed to the test, which looks at it
            results[entry] = error

    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_a_leader_that_expects_a_follower_waits_for_it():
    work, results = Hanging(), {}
    work.may_end.set()
    queue = GroupCommitQueue(work, lambda taken, other: True, follower_s=LONG_S, expected=2)
    leader = start(queue, results, "first")
    until(lambda: queue.state().has_leader)
    assert work.calls == []
    follower = start(queue, results, "second")
    for thread in (leader, follower):
        thread.join(LONG_S)
    assert [sorted(call) for call in work.calls] == [["first", "second"]]
    assert queue.state().largest_batch == 2


def test_a_leader_does_not_wait_longer_for_a_follower_than_it_should():
    work, results = Hanging(), {}
    work.may_end.set()
    queue = GroupCommitQueue(work, lambda taken, other: True, follower_s=0.0, expected=2)
    start(queue, results, "first").join(LONG_S)
    assert results == {"first": "done first"}


def test_a_leader_that_hangs_is_replaced_and_who_waits_is_refused():
    work, results = Hanging(), {}
    queue = GroupCommitQueue(work, lambda taken, other: True, stuck_s=0.3)
    leader = start(queue, results, "first")
    until(lambda: work.calls)
    waiting = start(queue, results, "second")
    waiting.join(LONG_S)
    assert is_away(results["second"]) and not is_unknown(results["second"])
    assert queue.run("third") == "done third", "somebody else leads"
    work.may_end.set()
    leader.join(LONG_S)
    assert results["first"] == "done first"
    assert queue.run("fourth") == "done fourth"
    assert work.calls == [["first"], ["third"], ["fourth"]], "who was refused is not written afterwards"


def test_who_is_in_a_transaction_that_hangs_is_told_that_it_is_not_known():
    work, results = Hanging(2), {}
    queue = GroupCommitQueue(work, lambda taken, other: True, stuck_s=0.3, follower_s=LONG_S, expected=2)
    running = [start(queue, results, entry) for entry in ("first", "second")]
    until(lambda: len(results) == 2)
    assert [sorted(call) for call in work.calls] == [["first", "second"]]
    for thread in running:
        thread.join(LONG_S)
    running = [start(queue, results, entry) for entry in ("third", "fourth")]
    until(lambda: len(work.calls) == 2 and len(results) == 3)
    (told,) = [results[entry] for entry in ("third", "fourth") if entry in results]
    assert is_away(told) and is_unknown(told)
    work.may_end.set()
    for thread in running:
        thread.join(LONG_S)
    assert len(work.calls) == 2, "it is not written twice"
