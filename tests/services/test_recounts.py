"""Recounting: every kept number that is wrong is found, told and mended, also while others write."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from commentsvc.core.status import Action, Status
from commentsvc.services import accounts as accounts_service
from commentsvc.services import (
    moderation,
    posting,
    recounts,
    reports,
    spam_training,
    thread_settings,
    votes,
)
from commentsvc.services.moderation import Moderator
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import comments, counters, sites
from commentsvc.store.authors import Author
from commentsvc.store.db import db
from commentsvc.store.spam_words import SpamWord
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import write
from tests.support.cast import SECRET, service_config
from tests.support.invariants import check_kept_numbers


def run(how, site):
    found = how(site, lambda sentence: None)
    db.session.rollback()
    return found


def told(found):
    return [(one.difference.number, one.difference.kept, one.difference.counted) for one in found]


@pytest.fixture
def full(site, alice, bob, make_comment, now):
    """A site that keeps every kind of number; gives its comments by name."""
    top = make_comment("/post", body="first words")
    reply = make_comment("/post", body="a reply", parent=top, name="Dave")
    deep = make_comment("/post", body="a deep reply", parent=reply)
    gone = make_comment("/post", Status.REJECTED, body="gone", name="Mallory")
    spam = make_comment("/other", Status.SPAM, body="buy pills", name="Mallory")
    waiting = make_comment("/other", Status.PENDING, body="please", name="Erin")
    moderation.decide([reply], Action.REJECT, Moderator(alice), "", now)
    votes.vote(top, 1, alice, False, now)
    votes.vote(top, 1, bob, False, now)
    reports.flag(top, "spam", "", Sender(None, "192.0.2.77", "Browser", False), SECRET, now)
    thread_settings.tend(site, "/post", {"pinned_id": top}, alice, "", now)
    while spam_training.follow(now + timedelta(minutes=1)):
        pass
    check_kept_numbers()
    return {"top": top, "reply": reply, "deep": deep, "gone": gone, "spam": spam, "waiting": waiting}


WRONG = {
    "thread.count": ("UPDATE thread SET count = count + 6 WHERE key = '/post'", 8, 2),
    "thread.pinned_id": ("UPDATE thread SET pinned_id = :reply WHERE key = '/post'", "reply", None),
    "comment.score": ("UPDATE comment SET score = -3 WHERE id = :top", -3, 2),
    "comment.flag_count": ("UPDATE comment SET flag_count = 4 WHERE id = :top", 4, 1),
    "comment.is_shown": ("UPDATE comment SET is_shown = false WHERE id = :reply", False, True),
    "comment.depth": ("UPDATE comment SET depth = 7 WHERE id = :deep", 7, 2),
    "comment.root_id": ("UPDATE comment SET root_id = :reply WHERE id = :deep", "reply", "top"),
    "author.approved": ("UPDATE author SET approved = 9 WHERE name = 'Carol'", 9, 2),
    "author.pending": ("UPDATE author SET pending = -16 WHERE name = 'Erin'", -16, 1),
    "author.refused": ("UPDATE author SET refused = 0 WHERE name = 'Mallory'", 0, 2),
    "tally.count": ("UPDATE tally SET count = -16 WHERE status = 'pending'", -16, 1),
    "tally.flagged": ("UPDATE tally SET flagged = 2 WHERE status = 'approved'", 2, 1),
    "spam_total.spam": ("UPDATE spam_total SET spam = 5", 5, 1),
    "spam_total.ham": ("UPDATE spam_total SET ham = 5", 5, 2),
}


@pytest.mark.parametrize("number", WRONG)
def test_a_wrong_number_is_told_then_mended_and_what_was_published_gets_a_new_version(site, full, number):
    statement, kept, counted = WRONG[number]
    wanted = [(number, full.get(kept, kept), full.get(counted, counted))]
    with write():
        named = {name: value for name, value in full.items() if f":{name}" in statement}
        db.session.execute(text(statement), named)
    thread_version = db.session.scalar(select(Thread.version).where(Thread.key == "/post"))
    feed_version = counters.version_of(site)

    dry = run(recounts.check, site)
    assert (told(dry), dry[0].is_mended, dry[0].site_key) == (wanted, False, "blog")
    assert told(run(recounts.check, site)) == wanted, "a dry run changes nothing"
    assert db.session.scalar(select(Thread.version).where(Thread.key == "/post")) == thread_version

    mended = run(recounts.mend, site)
    assert (told(mended), mended[0].is_mended) == (wanted, True)
    check_kept_numbers()
    is_public = number.startswith(("thread.", "comment.")) and number != "comment.flag_count"
    assert (db.session.scalar(select(Thread.version).where(Thread.key == "/post")) > thread_version) == is_public
    assert counters.version_of(site) > feed_version or not is_public
    assert run(recounts.mend, site) == run(recounts.check, site) == []


def test_rows_that_are_missing_or_left_over_are_mended(site, full):
    with write():
        db.session.execute(text("DELETE FROM tally WHERE status <> 'approved'"))
        db.session.execute(text("DELETE FROM comment_words WHERE comment_id = :top"), {"top": full["top"]})
        db.session.execute(
            text("UPDATE comment_words SET words = 'x' WHERE comment_id = :deep"), {"deep": full["deep"]}
        )
        word = db.session.scalar(select(func.min(SpamWord.word)))
        db.session.execute(text("DELETE FROM spam_word WHERE word = :word"), {"word": word})
        db.session.execute(
            text("INSERT INTO spam_word (site_id, word, ham, spam) VALUES (:site, 12, 3, 0)"), {"site": site.id}
        )
    numbers = sorted(one.difference.number for one in run(recounts.check, site))
    assert numbers.count("comment.words") == 2 and "tally.count" in numbers
    assert numbers.count("spam_word.ham") + numbers.count("spam_word.spam") >= 2
    assert sorted(one.difference.number for one in run(recounts.mend, site)) == numbers
    check_kept_numbers()
    assert run(recounts.check, site) == []


def test_everything_wrong_at_once_is_mended_in_one_run(site, full):
    with write():
        for statement, _, _ in WRONG.values():
            db.session.execute(text(statement), {n: v for n, v in full.items() if f":{n}" in statement})
    assert {one.difference.number for one in run(recounts.mend, site)} >= WRONG.keys() - {"tally.flagged"}
    check_kept_numbers()
    assert run(recounts.check, site) == []


def test_another_site_is_left_alone(site, other_site, full, make_comment, now):
    make_comment(on=other_site)
    with write():
        db.session.execute(text("UPDATE thread SET count = 50"))
    assert [one.site_key for one in run(recounts.mend, site)] == ["blog"] * 2
    assert told(run(recounts.check, sites.by_key("other"))) == [("thread.count", 50, 1)]


def test_what_others_write_meanwhile_is_neither_lost_nor_taken_for_wrong(
    app, site, alice, bob, make_comment, at_once, now
):
    ids = [make_comment(f"/{n % 3}", Status.PENDING, f"P{n}", f"number {n}") for n in range(12)]
    with write():
        db.session.execute(text("UPDATE thread SET count = 7"))
        db.session.execute(text("UPDATE tally SET count = count + 5"))
        db.session.execute(text("UPDATE author SET pending = 3"))

    def decides():
        with app.app_context():
            by = Moderator(stored_accounts.account_by_email("alice@example.org"))
            for step, comment_id in enumerate(ids):
                action = (Action.APPROVE, Action.SPAM, Action.DELETE)[step % 3]
                moderation.decide([comment_id], action, by, "", now)
                spam_training.follow(now + timedelta(minutes=1))
            db.session.remove()

    def posts():
        with app.app_context():
            for n in range(12):
                draft = Draft(f"/{n % 3}", "", "", None, f"posted {n}", f"P{n}", f"p{n}@example.org", None)
                posting.post(sites.by_key("blog"), Submission(draft, Sender(None, "192.0.2.5", "", False)), SECRET, now)
            db.session.remove()

    def mends():
        with app.app_context():
            for _ in range(4):
                recounts.mend(sites.by_key("blog"), lambda sentence: None)
            db.session.remove()

    assert at_once(decides, posts, mends, mends) == [None] * 4
    check_kept_numbers()
    assert run(recounts.mend, site) == []


# A change of a comment's text also updates what the filter learnt from it.


@pytest.fixture
def learnt(site, alice, make_comment, now):
    with write():
        carol = stored_accounts.make_account("carol@example.org", "Carol", False, now)
    sender = Sender(carol, "192.0.2.1", "test", False)
    draft = Draft("/post", "", "", None, "good words", "Carol", "carol@example.org", "https://carol.example")
    comment_id = posting.post(sites.by_key("blog"), Submission(draft, sender), SECRET, now).comment.id
    moderation.decide([comment_id], Action.APPROVE, Moderator(alice), "", now)
    follow(now)
    assert comments.by_id(comment_id).learnt == "ham"
    return comment_id


def follow(now):
    while spam_training.follow(now + timedelta(minutes=1)):
        pass


def test_a_moderator_s_edit_and_its_undoing_are_learnt_anew(learnt, alice, now):
    edited = moderation.edit(learnt, "quite another text", Moderator(alice), None, now)
    check_kept_numbers()
    follow(now)
    assert comments.by_id(learnt).learnt == "ham"
    moderation.undo(edited.batch, Moderator(alice), now)
    check_kept_numbers()
    follow(now)
    check_kept_numbers()


@pytest.mark.parametrize("keeps_comments", [True, False])
def test_what_was_learnt_of_an_erased_account_goes_with_its_name_and_texts(learnt, now, keeps_comments):
    author = db.session.get(Author, comments.by_id(learnt).author_id)
    accounts_service.erase(author.account_id, keeps_comments, now, config=service_config())
    comment = comments.by_id(learnt)
    assert (comment.learnt, comment.network) == ("ham" if keeps_comments else None, "")
    check_kept_numbers()
    follow(now)
    check_kept_numbers()
