"""Appeals: by the author, of a rejection, and only once."""

import pytest

from commentsvc.core.errors import Conflict, Invalid
from commentsvc.core.status import Action, Status
from commentsvc.services import appeals as appeals_service
from commentsvc.services import edits, moderation
from commentsvc.services.moderation import Moderator
from commentsvc.store import appeals as stored_appeals
from commentsvc.store import comments
from commentsvc.store.db import db


@pytest.mark.parametrize("status", [Status.REJECTED, Status.SPAM, Status.DELETED])
def test_what_was_refused_can_be_appealed_once(make_comment, now, status):
    comment_id = make_comment(status=status)
    appeals_service.appeal(comment_id, "Please look again", now)
    assert stored_appeals.of_comments([comment_id])[comment_id].text == "Please look again"
    with pytest.raises(Conflict) as caught:
        appeals_service.appeal(comment_id, "And again", now)
    assert caught.value.slug == "appealed"


@pytest.mark.parametrize("status", [Status.PENDING, Status.APPROVED])
def test_what_nobody_refused_cannot(make_comment, now, status):
    with pytest.raises(Conflict):
        appeals_service.appeal(make_comment(status=status), "Please", now)


def test_what_its_author_took_back_cannot(make_comment):
    comment_id = make_comment(status=Status.PENDING)
    at = comments.by_id(comment_id).created_at
    edits.withdraw(comment_id, at)
    with pytest.raises(Conflict):
        appeals_service.appeal(comment_id, "Please", at)


@pytest.mark.parametrize("words", ["", " ", "x" * 1001])
def test_an_appeal_has_some_words_and_not_too_many(make_comment, now, words):
    with pytest.raises(Invalid):
        appeals_service.appeal(make_comment(status=Status.REJECTED), words, now)


def test_a_second_refusal_cannot_be_appealed_again(make_comment, alice, now):
    comment_id = make_comment(status=Status.REJECTED)
    appeals_service.appeal(comment_id, "Please", now)
    moderation.decide([comment_id], Action.APPROVE, Moderator(alice), "", now)
    assert stored_appeals.of_comments([comment_id])[comment_id].answered_by_id == alice.id
    moderation.decide([comment_id], Action.SPAM, Moderator(alice), "", now)
    with pytest.raises(Conflict):
        appeals_service.appeal(comment_id, "Please", now)
    db.session.rollback()


def is_open(comment_id):
    db.session.rollback()
    return stored_appeals.of_comments([comment_id])[comment_id].answered_at is None


def test_undoing_the_decision_that_answered_an_appeal_opens_it_again(make_comment, alice, bob, now):
    comment_id = make_comment(status=Status.REJECTED)
    appeals_service.appeal(comment_id, "Please", now)
    approved = moderation.decide([comment_id], Action.APPROVE, Moderator(bob), "", now)
    assert not is_open(comment_id)

    undone = moderation.undo(approved.undo, Moderator(bob), now)
    assert is_open(comment_id)
    assert stored_appeals.count_open(comments.by_id(comment_id).site, alice, has_others=False) == 1
    redone = moderation.undo(undone.undo, Moderator(bob), now)
    assert not is_open(comment_id)
    moderation.undo(redone.undo, Moderator(bob), now)
    assert is_open(comment_id)


def test_undoing_the_refusal_answers_the_appeal_against_it(make_comment, alice, now):
    comment_id = make_comment(status=Status.PENDING)
    rejected = moderation.decide([comment_id], Action.REJECT, Moderator(alice), "", now)
    appeals_service.appeal(comment_id, "Please", now)

    undone = moderation.undo(rejected.undo, Moderator(alice), now)
    assert not is_open(comment_id)
    moderation.undo(undone.undo, Moderator(alice), now)
    assert is_open(comment_id), "the refusal stands again, and nobody has looked at it"


def test_undoing_an_edit_leaves_an_appeal_open(make_comment, alice, now):
    comment_id = make_comment(status=Status.REJECTED)
    appeals_service.appeal(comment_id, "Please", now)
    edited = moderation.edit(comment_id, "Mended", Moderator(alice), None, now)
    moderation.undo(edited.batch, Moderator(alice), now)
    assert is_open(comment_id)


def test_an_answer_given_since_is_not_taken_back_by_undoing_an_earlier_one(make_comment, alice, bob, now):
    comment_id = make_comment(status=Status.REJECTED)
    appeals_service.appeal(comment_id, "Please", now)
    first = moderation.decide([comment_id], Action.APPROVE, Moderator(alice), "", now)
    moderation.undo(first.undo, Moderator(alice), now)
    moderation.decide([comment_id], Action.SPAM, Moderator(bob), "", now)
    with pytest.raises(Conflict):
        moderation.undo(first.undo, Moderator(alice), now)
    assert not is_open(comment_id)
