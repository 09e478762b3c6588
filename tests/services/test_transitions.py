"""Transitions: what follows from a new status, beside the counters (test_counters_property)."""

from dataclasses import FrozenInstanceError

import pytest
from sqlalchemy import select

from commentsvc.core.job_kinds import JobKind
from commentsvc.core.status import Action, Status
from commentsvc.services import edits, moderation, posting
from commentsvc.services.moderation import Moderator
from commentsvc.services.submissions import Draft, Notify, Sender, Submission
from commentsvc.services.transitions import JudgedComment, Transition
from commentsvc.store import comments, decisions, sites, threads
from commentsvc.store.db import db
from commentsvc.store.jobs import Job
from tests.support.cast import SECRET, set_policy


def notices():
    db.session.rollback()
    return db.session.scalars(select(Job).where(Job.kind == JobKind.REPLY_NOTICE)).all()


@pytest.fixture
def ask_for_mail(site, now):
    """A comment whose author wants to hear of replies."""
    draft = Draft("/post", "", "", None, "Tell me more", "Gus", "gus@example.org", None, notify=Notify.REPLIES)
    sender = Sender(None, "192.0.2.7", "test", limited=False)
    posted = posting.post(sites.by_key("blog"), Submission(draft, sender), SECRET, now).comment.id
    db.session.commit()
    return posted


def test_a_reply_is_announced_once_it_is_published(alice, make_comment, ask_for_mail, now):
    moderation.decide([ask_for_mail], Action.APPROVE, Moderator(alice), "", now)
    reply = make_comment(status=Status.PENDING, parent=ask_for_mail)
    assert notices() == []
    moderation.decide([reply], Action.APPROVE, Moderator(alice), "", now)
    assert [job.payload["comment_id"] for job in notices()] == [reply]


def test_an_edited_comment_gets_the_status_and_version_of_its_new_verdict(site, make_comment):
    set_policy(site, mode="rules", links_max=0)
    number = make_comment()
    before = comments.by_id(number)
    version, at = before.version, before.created_at
    edits.edit(number, "Look at https://example.org", None, at)
    db.session.expire_all()
    after = comments.by_id(number)
    assert (after.status, after.version) == (Status.PENDING, version + 1)
    assert decisions.newest(number).status_before == Status.APPROVED


def test_a_page_is_described_by_an_approved_comment_and_by_no_other(site, alice, make_comment, now):
    first = make_comment(status=Status.PENDING, title="From a stranger")
    moderation.decide([first], Action.SPAM, Moderator(alice), "", now)
    db.session.expire_all()
    assert threads.find(site, "/post").title == ""
    moderation.decide([first], Action.APPROVE, Moderator(alice), "", now)
    db.session.expire_all()
    assert threads.find(site, "/post").title == "From a stranger"
    moderation.decide([first], Action.REJECT, Moderator(alice), "", now)
    db.session.expire_all()
    assert threads.find(site, "/post").title == ""


@pytest.mark.parametrize("kind", [Transition, JudgedComment])
def test_what_was_decided_is_not_changed_on_the_way(kind):
    one = kind(*[None] * (2 if kind is Transition else 4))
    with pytest.raises(FrozenInstanceError):
        one.comment = None
