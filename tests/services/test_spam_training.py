"""The filter learns from moderators' decisions as they are, forgets with them, and holds what is like spam."""

from datetime import timedelta

import pytest

from commentsvc.core import spam_filter
from commentsvc.core.spam_filter import WordCounts
from commentsvc.core.status import Action
from commentsvc.core.verdict import Outside
from commentsvc.gateways.spam_service import NoService
from commentsvc.services import edits, moderation, posting, spam_training
from commentsvc.services.moderation import Moderator
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import comments, jobs, sites, spam_words
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.transactions import write
from tests.support.cast import SECRET, set_policy

SOON = timedelta(minutes=1)


class Answering(NoService):
    """A spam service with a set answer that records what it is taught."""

    is_there = True

    def __init__(self, answer):
        self.answer, self.taught = answer, []

    def ask(self, asked):
        assert not db.session().in_transaction(), "nobody waits for the network inside of a transaction"
        return self.answer

    def teach(self, asked, is_spam):
        self.taught.append((asked.comment_content, is_spam))


@pytest.fixture
def write_here(site, now):
    set_policy(site, mode="rules", links_max=100)
    clock = iter(range(100_000))

    def post(body, service=None, account=None):
        number = next(clock)
        name, email = (account.name, account.email) if account else (f"P{number}", f"p{number}@example.org")
        draft = Draft(f"/{number}", "", "", None, body, name, email, None)
        sender = Sender(account, "192.0.2.1", "test", False)
        return posting.post(sites.by_key("blog"), Submission(draft, sender), SECRET, now, service or NoService())

    return post


@pytest.fixture
def follow(now):
    def run():
        while spam_training.follow(now + SOON):
            pass

    return run


def word(site, text):
    return spam_words.seen(site, [spam_filter._number(text)]).get(spam_filter._number(text), WordCounts())


def test_approved_is_ham_spam_is_spam_and_rejected_says_nothing(site, alice, write_here, follow, now):
    ids = [write_here(f"{sort} walrus").comment.id for sort in ("good", "bad", "rude", "waiting")]
    for comment_id, action in zip(ids, (Action.PENDING, Action.SPAM, Action.REJECT, Action.PENDING), strict=True):
        moderation.decide([comment_id], action, Moderator(alice), "", now)
    moderation.decide([ids[0]], Action.APPROVE, Moderator(alice), "", now)
    follow()
    assert spam_words.total(site) == WordCounts(1, 1) == word(site, "walrus")
    assert (
        word(site, "good") == WordCounts(1, 0)
        and word(site, "bad") == WordCounts(0, 1)
        and word(site, "rude") == WordCounts(0, 0)
    )
    assert [comments.by_id(n).learnt for n in ids] == ["ham", "spam", None, None]


def test_what_rules_decided_teaches_nothing(site, write_here, follow):
    write_here("walrus")
    follow()
    assert spam_words.total(site) == WordCounts()


def test_an_undone_decision_is_unlearnt_and_learning_twice_counts_once(site, alice, write_here, follow, now):
    comment_id = write_here("walrus").comment.id
    undo = moderation.decide([comment_id], Action.SPAM, Moderator(alice), "", now).undo
    follow()
    assert word(site, "walrus") == WordCounts(0, 1)
    moderation.decide([comment_id], Action.REJECT, Moderator(alice), "", now)
    follow()
    assert word(site, "walrus") == WordCounts(0, 0) and spam_words.total(site) == WordCounts(0, 0)
    moderation.decide([comment_id], Action.SPAM, Moderator(alice), "", now)
    follow()
    with write():
        spam_words.follower(spam_training.FOLLOWER).decision_id = 0
    follow()
    assert word(site, "walrus") == WordCounts(0, 1)
    assert undo


def test_a_decision_still_warm_is_left_for_later(site, alice, write_here, now):
    comment_id = write_here("walrus").comment.id
    moderation.decide([comment_id], Action.SPAM, Moderator(alice), "", now)
    assert spam_training.follow(now) == 0
    assert spam_training.follow(now + SOON) == 1


def test_an_edit_forgets_what_was_learnt_of_the_old_text(site, alice, write_here, follow, now):
    posted = write_here("walrus")
    moderation.decide([posted.comment.id], Action.PENDING, Moderator(alice), "", now)
    moderation.decide([posted.comment.id], Action.APPROVE, Moderator(alice), "", now)
    follow()
    edits.edit(posted.comment.id, "gardens", None, now)
    assert word(site, "walrus") == WordCounts(0, 0) and spam_words.total(site) == WordCounts(0, 0)
    assert comments.by_id(posted.comment.id).learnt is None


@pytest.fixture
def taught(site, alice, write_here, follow, now):
    """A filter that has seen thirty of each."""
    good = [write_here(f"I like the walrus in garden {n}").comment.id for n in range(30)]
    bad = [write_here(f"Cheap watches, buy now, only {n} dollars").comment.id for n in range(30)]
    moderation.decide(bad, Action.SPAM, Moderator(alice), "", now)
    moderation.decide(good, Action.PENDING, Moderator(alice), "", now)
    moderation.decide(good, Action.APPROVE, Moderator(alice), "", now)
    follow()


def test_what_is_like_spam_waits_with_its_words_and_never_vanishes(site, taught, write_here):
    held = write_here("Buy cheap watches now")
    assert held.status == "pending"
    assert held.comment.spam_score > 0.9
    reason = next(r for r in held.comment.reasons if r["rule"] == "spam filter")
    assert "watches" in reason["match"] and "resembles earlier spam" in held.reason
    fine = write_here("The walrus in my garden")
    assert fine.status == "approved" and fine.comment.spam_score < 0.1


def test_the_filter_can_be_switched_off_and_asked_to_sort_alone(site, taught, write_here):
    set_policy(site, spam_filter=False)
    off = write_here("Buy cheap watches now")
    assert off.status == "approved" and off.comment.spam_score is None
    set_policy(site, spam_filter=True, spam_hold=100)
    sorting = write_here("Buy cheap watches now, friends")
    assert sorting.comment.spam_score > 0.9 and sorting.status == "approved"


def test_one_site_knows_nothing_of_what_another_has_learnt(site, other_site, taught, now):
    set_policy(other_site, mode="rules")
    draft = Draft("/x", "", "", None, "Buy cheap watches now", "Eve", "eve@example.org", None)
    posted = posting.post(other_site, Submission(draft, Sender(None, "10.0.0.1", "")), SECRET, now)
    assert posted.status == "approved" and posted.comment.spam_score is None


def test_what_was_decided_elsewhere_can_be_learnt_from_after_an_import(site, write_here, now):
    ids = [write_here(f"walrus {n}").comment.id for n in range(250)]
    with write():
        for comment in db.session.query(Comment).filter(Comment.id.in_(ids[:230])):
            comment.import_id = f"x:{comment.id}"
            comment.status = "spam" if comment.id % 2 else "approved"
    spam_training.learn_imported(site.id, 0, now)
    rounds = 0
    while job := jobs.claim(now, jobs.LOCAL_QUEUE):
        jobs.finish(job, now)
        db.session.commit()
        spam_training.learn_imported(job.payload.site_id, job.payload.after_id, now)
        rounds += 1
    assert rounds == 3 and spam_words.total(site) == WordCounts(115, 115)
    spam_training.learn_imported(site.id, 0, now)
    assert spam_words.total(site) == WordCounts(115, 115)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Outside.HAM, "approved"),
        (Outside.SPAM, "spam"),
        (Outside.BLATANT, "spam"),
        (Outside.NO_ANSWER, "pending"),
    ],
)
def test_a_spam_service_is_heard_and_its_silence_holds(site, write_here, answer, status):
    assert write_here("Hello", Answering(answer)).status == status


def test_nobody_is_asked_about_moderators_nor_where_the_site_or_its_mode_does_not_want_it(site, alice, write_here):
    service = Answering(Outside.SPAM)
    assert write_here("Hello", service, alice).status == "approved"
    set_policy(site, external_spam_check=False)
    assert write_here("Hello", service).status == "approved"
    set_policy(site, external_spam_check=True, mode="off")
    assert write_here("Hello", service).status == "approved"


def test_a_spam_service_hears_what_it_got_wrong_and_nothing_else(site, alice, write_here, follow, now):
    service = Answering(Outside.HAM)
    missed, fine = (write_here(text, service).comment.id for text in ("missed", "fine"))
    service.answer = Outside.SPAM
    wronged, right = (write_here(text, service).comment.id for text in ("wronged", "right"))
    moderation.decide([missed], Action.SPAM, Moderator(alice), "", now)
    moderation.decide([wronged], Action.APPROVE, Moderator(alice), "", now)
    moderation.decide([right, fine], Action.REJECT, Moderator(alice), "", now)
    follow()
    for job in db.session.query(jobs.Job).filter_by(kind="teach").order_by(jobs.Job.id).all():
        spam_training.teach(job.payload["comment_id"], job.payload["is_spam"], service)
    assert sorted(service.taught) == [("missed", True), ("wronged", False)]
