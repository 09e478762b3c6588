"""Votes at once: none is lost, none counts twice, and who is erased takes theirs along."""

from sqlalchemy import func, select

from commentsvc.core.status import Action
from commentsvc.services import accounts as accounts_service
from commentsvc.services import moderation, votes
from commentsvc.services import reports as reports_service
from commentsvc.services.moderation import Moderator
from commentsvc.services.submissions import Sender
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import comments
from commentsvc.store import reports as stored_reports
from commentsvc.store.accounts import Account
from commentsvc.store.db import db
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import write
from commentsvc.store.votes import Vote
from tests.support.cast import SECRET, service_config
from tests.support.invariants import check_kept_numbers


def reader(name, now):
    with write():
        return stored_accounts.make_account(f"{name.lower()}@example.net", name, False, now).id


def voter(app, account_id, comment_id, values, now):
    def work():
        with app.app_context():
            try:
                for value in values:
                    votes.vote(comment_id, value, db.session.get_one(Account, account_id), False, now)
            finally:
                db.session.remove()

    return work


def score(comment_id):
    db.session.rollback()
    return comments.by_id(comment_id).score


def test_votes_of_many_at_once_are_all_counted(app, make_comment, at_once, now):
    comment_id = make_comment()
    version = db.session.scalar(select(Thread.version))
    readers = [reader(f"Reader{n}", now) for n in range(8)]
    assert at_once(*[voter(app, r, comment_id, (1, 0, -1, 1), now) for r in readers]) == [None] * 8
    assert score(comment_id) == 8
    assert db.session.scalar(select(Thread.version)) == version + 32
    check_kept_numbers()


def test_one_person_at_once_in_many_tabs_counts_once(app, make_comment, at_once, now):
    comment_id, carl = make_comment(), reader("Carl", now)
    assert at_once(*[voter(app, carl, comment_id, (1, -1, 1, 1), now) for _ in range(6)]) == [None] * 6
    assert score(comment_id) == 1
    assert db.session.scalar(select(func.count()).select_from(Vote)) == 1


def test_voting_and_moderating_at_once_wait_for_each_other_and_not_for_ever(app, alice, make_comment, at_once, now):
    made = [make_comment(body=f"{n}") for n in range(10)]
    readers = [reader(f"Reader{n}", now) for n in range(2)]

    def vote_on_all(account_id):
        def work():
            with app.app_context():
                by = db.session.get_one(Account, account_id)
                for comment_id in made:
                    votes.vote(comment_id, 1, by, False, now)
                db.session.remove()

        return work

    def approve_all():
        with app.app_context():
            by = Moderator(stored_accounts.account_by_email("alice@example.org"))
            for comment_id in made:
                undo = moderation.decide([comment_id], Action.REJECT, by, "", now).undo
                moderation.undo(undo, by, now)
            db.session.remove()

    results = at_once(*[vote_on_all(r) for r in readers], approve_all)
    # A vote that met a comment while it was withdrawn found none there; nothing else may have gone wrong.
    assert results[2] is None
    assert {type(r).__name__ for r in results} <= {"NoneType", "NotFound"}
    check_kept_numbers()


def test_who_is_erased_takes_their_votes_along_and_leaves_their_reports_without_a_name(app, make_comment, now):
    liked, disliked = make_comment(), make_comment("/other", body="B")
    carl, dora = reader("Carl", now), reader("Dora", now)
    for account_id, comment_id, value in ((carl, liked, 1), (dora, liked, 1), (carl, disliked, -1)):
        votes.vote(comment_id, value, db.session.get_one(Account, account_id), False, now)
    account = db.session.get_one(Account, carl)
    reports_service.flag(liked, "other", "I was there", Sender(account, "192.0.2.1", "", False), SECRET, now)

    copy = accounts_service.copy_of(account, now)
    assert [(v["comment"], v["value"]) for v in copy["votes"]] == [(liked, 1), (disliked, -1)]
    assert [(r["comment"], r["reason"], r["text"], r["ip"]) for r in copy["reports"]] == [
        (liked, "other", "I was there", "192.0.2.1")
    ]

    versions = dict(db.session.execute(select(Thread.key, Thread.version)).all())
    accounts_service.erase(carl, keeps_comments=False, now=now, config=service_config())
    assert (score(liked), score(disliked)) == (1, 0)
    assert [v.account_id for v in db.session.scalars(select(Vote))] == [dora]
    after = dict(db.session.execute(select(Thread.key, Thread.version)).all())
    assert all(after[key] > version for key, version in versions.items())
    (left,) = stored_reports.open_of([liked])[liked]
    assert (left.account, left.text, left.ip) == (None, "", "")
    check_kept_numbers()
