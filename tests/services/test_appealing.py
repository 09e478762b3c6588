"""Appeals: who may ask for another look, at what, and only once."""

import pytest

from commentsvc.core.errors import Conflict, Invalid
from commentsvc.core.status import Action, Status
from commentsvc.services import appealing, moderating, posting, rewriting
from commentsvc.services.moderating import Moderator
from commentsvc.store import appeals, comments
from commentsvc.store.db import db


@pytest.mark.parametrize("status", [Status.REJECTED, Status.SPAM, Status.DELETED])
def test_what_was_refused_can_be_appealed_once(make_comment, now, status):
    comment_id = make_comment(status=status)
    appealing.appeal(comment_id, "Please look again", now)
    assert appeals.of_comments([comment_id])[comment_id].text == "Please look again"
    with pytest.raises(Conflict) as caught:
        appealing.appeal(comment_id, "And again", now)
    assert caught.value.slug == "appealed"


@pytest.mark.parametrize("status", [Status.PENDING, Status.APPROVED])
def test_what_nobody_refused_cannot(make_comment, now, status):
    with pytest.raises(Conflict):
        appealing.appeal(make_comment(status=status), "Please", now)


def test_what_its_author_took_back_cannot(make_comment):
    comment_id = make_comment(status=Status.PENDING)
    at = comments.by_id(comment_id).created_at
    posting.withdraw(comment_id, at)
    with pytest.raises(Conflict):
        appealing.appeal(comment_id, "Please", at)


@pytest.mark.parametrize("words", ["", " ", "x" * 1001])
def test_an_appeal_has_some_words_and_not_too_many(make_comment, now, words):
    with pytest.raises(Invalid):
        appealing.appeal(make_comment(status=Status.REJECTED), words, now)


def test_a_second_refusal_cannot_be_appealed_again(make_comment, alice, now):
    comment_id = make_comment(status=Status.REJECTED)
    appealing.appeal(comment_id, "Please", now)
    moderating.decide([comment_id], Action.APPROVE, Moderator(alice), "", now)
    assert appeals.of_comments([comment_id])[comment_id].answered_by_id == alice.id
    moderating.decide([comment_id], Action.SPAM, Moderator(alice), "", now)
    with pytest.raises(Conflict):
        appealing.appeal(comment_id, "Please", now)
    db.session.rollback()


def is_open(comment_id):
    db.session.rollback()
    return appeals.of_comments([comment_id])[comment_id].answered_at is None


def test_undoing_the_decision_that_answered_an_appeal_opens_it_again(make_comment, alice, bob, now):
    comment_id = make_comment(status=Status.REJECTED)
    appealing.appeal(comment_id, "Please", now)
    approved = moderating.decide([comment_id], Action.APPROVE, Moderator(bob), "", now)
    assert not is_open(comment_id)

    undone = moderating.undo(approved.undo, Moderator(bob), now)
    assert is_open(comment_id)
    assert appeals.count_open(comments.by_id(comment_id).site, alice, others=False) == 1
    redone = moderating.undo(undone.undo, Moderator(bob), now)
    assert not is_open(comment_id)
    moderating.undo(redone.undo, Moderator(bob), now)
    assert is_open(comment_id)


def test_undoing_the_refusal_answers_the_appeal_against_it(make_comment, alice, now):
    comment_id = make_comment(status=Status.PENDING)
    rejected = moderating.decide([comment_id], Action.REJECT, Moderator(alice), "", now)
    appealing.appeal(comment_id, "Please", now)

    undone = moderating.undo(rejected.undo, Moderator(alice), now)
    assert not is_open(comment_id)
    moderating.undo(undone.undo, Moderator(alice), now)
    assert is_open(comment_id), "the refusal stands again, and nobody has looked at it"


def test_undoing_an_edit_leaves_an_appeal_open(make_comment, alice, now):
    comment_id = make_comment(status=Status.REJECTED)
    appealing.appeal(comment_id, "Please", now)
    (comment,) = moderating.locked([comment_id], Moderator(alice))
    edited = rewriting.rewrite(comment, "Mended", alice, None, now)
    moderating.undo(edited.batch, Moderator(alice), now)
    assert is_open(comment_id)


def test_an_answer_given_since_is_not_taken_back_by_undoing_an_earlier_one(make_comment, alice, bob, now):
    comment_id = make_comment(status=Status.REJECTED)
    appealing.appeal(comment_id, "Please", now)
    first = moderating.decide([comment_id], Action.APPROVE, Moderator(alice), "", now)
    moderating.undo(first.undo, Moderator(alice), now)
    moderating.decide([comment_id], Action.SPAM, Moderator(bob), "", now)
    with pytest.raises(Conflict):
        moderating.undo(first.undo, Moderator(alice), now)
    assert not is_open(comment_id)
