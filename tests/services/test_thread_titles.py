"""Titles and addresses of threads: shown from approved comments only, or as a moderator gives them."""

import pytest

from commentsvc.core.status import Status
from commentsvc.services import moderation
from commentsvc.services.moderation import Moderator
from commentsvc.store import threads
from commentsvc.store.db import db
from tests.support.cast import BLOG

PILLS = "CHEAP PILLS"


@pytest.fixture
def waiting(site, make_comment):
    """A pending comment with the title and address that it claims."""

    def make(title=PILLS, url=f"{BLOG}/pills", status=Status.PENDING, **more):
        return make_comment(title=title, url=url, status=status, **more)

    return make


@pytest.fixture
def decide(alice, now):
    def decide(comment_id, action):
        made = moderation.decide([comment_id], action, Moderator(alice), "", now)
        db.session.expire_all()
        return made.undo

    return decide


@pytest.fixture
def shown(site):
    def shown():
        db.session.expire_all()
        thread = threads.find(site, "/post")
        return thread.title, thread.url

    return shown


def test_a_waiting_comment_does_not_name_its_page(waiting, shown):
    waiting()
    assert shown() == ("", "")


def test_the_first_approved_comment_names_its_page(waiting, decide, shown):
    waiting()
    decide(waiting("My post", f"{BLOG}/post", name="Dave"), "approve")
    assert shown() == ("My post", f"{BLOG}/post")


def test_later_comments_add_only_what_is_missing(waiting, shown):
    waiting("My post", "", Status.APPROVED)
    waiting("Another", f"{BLOG}/post", Status.APPROVED, name="Dave")
    assert shown() == ("My post", f"{BLOG}/post")


def test_a_withdrawn_comment_takes_its_title_along_and_undo_brings_it_back(waiting, decide, shown, alice, now):
    comment = waiting(status=Status.APPROVED)
    undo = decide(comment, "spam")
    assert shown() == ("", "")
    moderation.undo(undo, Moderator(alice), now)
    assert shown() == (PILLS, f"{BLOG}/pills")


def test_a_title_stays_while_another_approved_comment_gives_it(waiting, decide, shown):
    first = waiting("My post", f"{BLOG}/post", Status.APPROVED)
    waiting("My post", f"{BLOG}/post", Status.APPROVED, name="Dave")
    waiting(name="Erin")
    decide(first, "reject")
    assert shown() == ("My post", f"{BLOG}/post")


def test_the_next_approved_comment_names_the_page_when_the_first_goes(waiting, decide, shown):
    first = waiting(status=Status.APPROVED)
    waiting("My post", f"{BLOG}/post", Status.APPROVED, name="Dave")
    decide(first, "spam")
    assert shown() == ("My post", f"{BLOG}/post")
