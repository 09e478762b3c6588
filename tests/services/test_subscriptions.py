"""Following a thread by email: confirmed once, each new comment once, ended by one click."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from commentsvc.config import Config
from commentsvc.core.errors import Invalid
from commentsvc.core.status import Action, Status
from commentsvc.services import cleaning, moderation, notifications, people, posting, submissions, subscriptions
from commentsvc.services.mail_links import MailLinks
from commentsvc.services.moderation import Moderator
from commentsvc.services.submissions import Draft, Notify, Submission
from commentsvc.store import thread_subscriptions, threads
from commentsvc.store.db import db
from commentsvc.store.subscriptions import Subscription
from commentsvc.store.thread_subscriptions import ThreadSubscription
from tests.support.cast import SECRET
from tests.support.mails import deliver

LINKS = MailLinks("https://comments.example", SECRET)
DORA = "dora@example.org"


@pytest.fixture
def mails(now):
    """Run the jobs that are due, now or at another time; gives the mails that they sent."""
    return lambda at=now: deliver(at, LINKS)


@pytest.fixture
def subscribe(site, now):
    def ask(email=DORA, what=Notify.THREAD, key="/post", at=now, language=None):
        subscriptions.subscribe(site.id, key, email, what, language, "192.0.2.9", SECRET, at)

    return ask


@pytest.fixture
def follows(subscribe, mails, client):
    """An address that follows the thread and has confirmed it."""

    def ask(email=DORA):
        subscribe(email)
        (mail,) = mails()
        assert client.post(re.search(r"/m/confirm/\S+", mail.text)[0]).status_code == 200

    return ask


def post(site, now, name, email, notify=Notify.NONE, account=None, parent=None):
    draft = Draft("/post", "https://blog.example/post", "A post", parent, f"Words by {name}", name, email, None, notify)
    sender = submissions.Sender(account, "192.0.2.7", "test", limited=False)
    posting.post(site, Submission(draft, sender), SECRET, now)


def test_nothing_is_sent_before_the_address_is_confirmed(site, make_comment, subscribe, mails):
    subscribe()
    (question,) = mails()
    assert question.to == DORA and question.subject == "Email about comments on Blog notes? Please confirm"
    make_comment(name="Erin")
    assert mails() == []


def test_each_new_comment_is_mailed_once_when_it_is_published(site, alice, make_comment, follows, mails, now, client):
    follows()
    comment = make_comment(status=Status.PENDING, name="Erin", url="https://blog.example/post")
    assert mails() == []
    decided = moderation.decide([comment], Action.APPROVE, Moderator(alice), "", now)
    (mail,) = mails()
    assert mail.to == DORA and mail.subject == "Erin commented on “A post”"
    assert f"https://blog.example/post#comment-{comment}" in mail.text
    moderation.undo(decided.undo, Moderator(alice), now)
    moderation.decide([comment], Action.APPROVE, Moderator(alice), "", now)
    assert mails() == []

    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = mail.headers["List-Unsubscribe"].strip("<>").removeprefix("https://comments.example")
    assert client.post(address).status_code == 200
    make_comment(name="Erin", body="More")
    assert mails() == []
    assert db.session.scalars(select(ThreadSubscription)).all() == []


def test_an_address_confirms_once_for_a_site(site, make_comment, follows, subscribe, mails, now):
    follows()
    subscribe(key="/other")
    subscribe(key="/other")
    assert mails() == []
    subscribe("erin@example.org")
    subscribe("erin@example.org", key="/other")
    assert [mail.to for mail in mails()] == ["erin@example.org"]
    subscribe("erin@example.org", at=now + timedelta(days=8))
    assert len(mails(now + timedelta(days=8))) == 1


def test_nobody_is_mailed_about_their_own_comment(site, make_comment, follows, mails):
    follows()
    make_comment(name="Dora")
    assert mails() == []


def test_following_with_a_comment(site, make_comment, mails, now, client):
    post(site, now, "Dora", DORA, Notify.THREAD)
    (mail,) = [mail for mail in mails() if mail.to == DORA]
    client.post(re.search(r"/m/confirm/\S+", mail.text)[0])
    make_comment(name="Erin")
    assert [mail.to for mail in mails()] == [DORA]


@pytest.mark.parametrize("notify", [True, "replies", "thread", False, ""])
def test_the_api_takes_each_kind_of_notify(client, site, notify):
    body = {"site": site.key, "thread": "/post", "body": "Words", "notify": notify}
    author = {"name": "Dora", "email": DORA}
    answer = client.post("/api/v1/comments", json={**body, "author": author})
    assert answer.status_code in (201, 202)
    db.session.rollback()
    found = db.session.scalars(select(Subscription)).all()
    assert len(found) == (1 if notify else 0)
    assert len(db.session.scalars(select(ThreadSubscription)).all()) == (1 if notify == "thread" else 0)


def test_the_api_names_what_it_does_not_take(client, site):
    body = {"site": site.key, "thread": "/post", "body": "Words", "notify": "all"}
    answer = client.post("/api/v1/comments", json={**body, "author": {"name": "Dora", "email": DORA}})
    assert answer.status_code == 422 and answer.json["errors"][0]["field"] == "notify"
    for wrong in ({"what": "all"}, {"email": "no address"}, {"email": ""}):
        body = {"site": site.key, "thread": "/post", "email": DORA, "what": "thread", **wrong}
        answer = client.post("/api/v1/subscriptions", json=body)
        assert answer.status_code == 422 and answer.json["errors"][0]["field"] == next(iter(wrong))


def test_the_api_answers_the_same_for_every_address(client, site, follows):
    follows()
    answers = [
        client.post("/api/v1/subscriptions", json={"site": site.key, "thread": "/post", "email": email, "what": what})
        for email in (DORA, "erin@example.org")
        for what in ("thread", "replies")
    ]
    assert {(answer.status_code, answer.get_data()) for answer in answers} == {(202, answers[0].get_data())}


def test_an_account_that_follows_has_confirmed_its_address(site, bob, make_comment, mails, now):
    post(site, now, bob.name, bob.email, Notify.THREAD, account=bob)
    make_comment(name="Erin")
    assert [mail.to for mail in mails()] == [bob.email]


def test_a_reply_is_mailed_once_to_an_author_who_follows_too(site, alice, make_comment, follows, mails, now):
    follows()
    post(site, now, "Dora", DORA, Notify.REPLIES)
    parent = make_comment(name="Dora")
    subscriptions.subscribe(site.id, "/post", DORA, Notify.REPLIES, None, "192.0.2.9", SECRET, now)
    mails()
    make_comment(name="Erin", parent=parent)
    assert [mail.subject for mail in mails()] == ["Erin replied to you on “A post”"]


def test_many_followers_are_mailed_in_parts(site, make_comment, mails, now, monkeypatch, subscribe):
    monkeypatch.setattr(notifications, "SUBSCRIPTIONS_AT_ONCE", 2)
    addresses = [f"reader{number}@example.org" for number in range(5)]
    for email in addresses:
        subscribe(email)
    mails()
    for subscription in db.session.scalars(select(Subscription)):
        subscription.confirmed_at = now
    db.session.commit()
    make_comment(name="Erin")
    assert sorted(mail.to for mail in mails()) == addresses


def test_what_is_refused_names_the_field(site):
    with pytest.raises(Invalid) as refused:
        subscriptions.wanted("everything")
    assert refused.value.problems[0][0] == "what"


def test_an_address_that_never_confirms_is_forgotten(site, follows, subscribe, mails, now):
    follows()
    subscribe("erin@example.org")
    mails()
    cleaning.clean(now, now + timedelta(days=29), Config(SECRET))
    assert len(db.session.scalars(select(Subscription)).all()) == 2
    cleaning.clean(now, now + timedelta(days=31), Config(SECRET))
    (kept,) = db.session.scalars(select(Subscription)).all()
    assert kept.email == DORA
    assert len(db.session.scalars(select(ThreadSubscription)).all()) == 1


def test_a_person_gets_a_copy_of_what_they_follow_and_can_be_erased(site, make_comment, follows, now):
    follows()
    (record,) = [one for one in people.export(DORA, None, now) if one["type"] == "subscription"]
    assert record["threads"] == ["/post"] and record["confirmed_at"]
    people.erase(DORA, None, True, Config(SECRET), None, now)
    assert db.session.scalars(select(ThreadSubscription)).all() == []


def test_followers_go_along_when_a_thread_is_merged(site, make_comment, follows, mails, now):
    follows()
    thread = db.session.scalars(select(ThreadSubscription)).one().thread
    make_comment("/new")
    into = threads.find(site, "/new")
    thread_subscriptions.copy_all(thread.id, into.id)
    db.session.commit()
    mails()
    make_comment("/new", name="Erin")
    assert [mail.to for mail in mails()] == [DORA]
