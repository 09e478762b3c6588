"""Guests' e-mail addresses: how often one is told that an account has it, and comments that wait for the holder."""

import re
from datetime import timedelta

import pytest

from commentsvc import worker
from commentsvc.core.errors import Invalid
from commentsvc.core.status import Action
from commentsvc.services import address_checks as address_checks_service
from commentsvc.services import edits, moderation, posting, sign_in, submissions
from commentsvc.services.mail_links import MailLinks as Mails
from commentsvc.services.moderation import Moderator
from commentsvc.services.sign_in import Browser
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import accounts, authors, comments, sites
from commentsvc.store import address_checks as stored_address_checks
from commentsvc.store.db import db
from commentsvc.store.transactions import write
from tests.support.cast import BLOG, SECRET, set_policy
from tests.support.invariants import check_kept_numbers

MAILS = Mails("https://comments.example", SECRET)


class Kept:
    """Takes mails in instead of a server."""

    def __init__(self):
        self.letters = []

    def send(self, letter):
        self.letters.append(letter)


@pytest.fixture
def ask(site, now):
    """Post as a guest with an address, from a network; True when it was told that an account has it."""
    set_policy(site, mode="off", min_interval_s=0, challenge_after=0)
    with write():
        accounts.make_account("carol@example.net", "Carol", False, now)
    clock = iter(range(10_000))

    def post(email, ip="192.0.2.1", name="", limited=True, form=submissions.DEFAULT_FORM, key=None):
        number = next(clock)
        draft = Draft("/post", "", "", None, f"Thought {number}", name or f"Guest {number}", email, None)
        at = now + timedelta(milliseconds=number)
        return posting.post(
            sites.by_key("blog"), Submission(draft, Sender(None, ip, "test", limited), key, form), SECRET, at
        )

    return post


@pytest.fixture
def spent(ask):
    """A network that was told ten times."""
    for _ in range(10):
        with pytest.raises(Invalid):
            ask("carol@example.net")
    return ask


def waits(posted):
    return (posted.status, [r["rule"] for r in posted.comment.reasons if r["outcome"] == "hold"], posted.reason)


def mails(now):
    db.session.rollback()
    office = Kept()
    while worker.run_due(office, now + timedelta(hours=1), links=MAILS):
        pass
    db.session.rollback()
    return office.letters


def link_of(letter):
    return re.search(r"/m/comment/\S+", letter.text)[0]


def test_after_ten_times_an_hour_nobody_is_told_what_an_address_is(spent):
    known, unknown = spent("carol@example.net"), spent("nobody@example.net")
    assert waits(known) == waits(unknown) == ("pending", ["address"], str(address_checks_service.REASON.sentence))
    assert spent("", name="No address").status == "approved"


def test_mistakes_of_one_network_cost_no_other_network_anything(spent):
    assert spent("dora@example.net", ip="198.51.100.1").status == "approved"
    with pytest.raises(Invalid) as caught:
        spent("carol@example.net", ip="198.51.100.1")
    assert caught.value.problems[0][0] == "author.email"


@pytest.mark.parametrize(
    ("network", "most"), [("2001:db8:1:1::{}", 10), ("2001:db8:1:{}::1", 30), ("192.0.2.{}", 30), ("192.0.2.1", 10)]
)
def test_many_addresses_of_a_network_ask_no_more(ask, network, most):
    told = 0
    for number in range(most + 5):
        try:
            assert ask("carol@example.net", ip=network.format(number)).status == "pending"
        except Invalid:
            told += 1
    assert told == most


def test_an_hour_later_it_is_told_again_and_old_rows_go(spent, now):
    assert stored_address_checks.may_be_told("192.0.2.1", now + timedelta(seconds=1)) is False
    assert stored_address_checks.may_be_told("192.0.2.1", now + timedelta(hours=1, seconds=1))
    with write():
        stored_address_checks.forget_old(now + timedelta(days=1, seconds=1))
    assert stored_address_checks.may_be_told("192.0.2.1", now + timedelta(seconds=1))


def test_where_limits_are_off_it_is_always_told(ask):
    for _ in range(12):
        with pytest.raises(Invalid):
            ask("carol@example.net", limited=False)


def test_the_holder_confirms_by_the_mail_and_the_comment_is_published(spent, client, now):
    posted = spent("carol@example.net", name="Caro")
    (letter,) = mails(now)
    assert letter.to == "carol@example.net" and "Thought" not in letter.text
    path = link_of(letter)
    page = client.get(path)
    assert page.status_code == 200 and "Thought" in page.text
    db.session.rollback()
    assert comments.by_id(posted.comment.id).status == "pending", "who only looks confirms nothing"
    db.session.rollback()
    assert "confirmed" in client.post(path).text
    db.session.rollback()
    comment = comments.by_id(posted.comment.id)
    assert comment.status == "approved"
    assert authors.by_id(comment.author_id).email == "carol@example.net"
    check_kept_numbers()
    assert client.get(path).status_code == client.post(path).status_code == 404
    forged = path.replace("-confirm-", "-confirm-0")
    assert client.get(forged).status_code == client.post(forged).status_code == 404


def test_a_confirmed_comment_still_waits_for_what_else_holds_it(spent, site, client, now):
    set_policy(site, mode="all")
    posted = spent("carol@example.net")
    client.post(link_of(mails(now)[0]))
    db.session.rollback()
    comment = comments.by_id(posted.comment.id)
    assert (comment.status, [r["rule"] for r in comment.reasons]) == ("pending", ["mode all"])
    check_kept_numbers()


def test_moderators_decide_without_the_holder_and_the_link_is_worth_nothing_then(spent, alice, client, now):
    posted = spent("carol@example.net")
    (letter,) = mails(now)
    moderation.decide([posted.comment.id], Action.REJECT, Moderator(alice), "", now)
    assert client.post(link_of(letter)).status_code == 404
    db.session.rollback()
    assert comments.by_id(posted.comment.id).status == "rejected"


def test_an_edit_does_not_lead_around_the_holder(spent, now):
    posted = spent("carol@example.net")
    assert edits.edit(posted.comment.id, "Something else", None, now + timedelta(seconds=5)).status == "pending"
    check_kept_numbers()


def test_what_waits_is_not_the_accounts_and_spoils_nothing_of_it(spent, alice, now):
    posted = spent("carol@example.net")
    with write():
        carol = accounts.account_by_email("carol@example.net")
        sign_in.enter_by_mail(carol, "carol@example.net", Browser("192.0.2.9", "test", None), now)
    comment = comments.by_id(posted.comment.id)
    assert authors.by_id(comment.author_id).account_id is None
    check_kept_numbers()


def test_nobody_gets_more_than_three_such_mails_a_day(spent, now):
    for number in range(6):
        spent("dora@example.net", ip=f"192.0.2.{1}", name=f"Dora {number}")
    spent("carol@example.net")
    assert sorted(letter.to for letter in mails(now)) == ["carol@example.net", *["dora@example.net"] * 3]


def test_a_retry_gets_the_first_answer(spent):
    first = spent("carol@example.net", name="Caro", key="k1")
    draft = Draft("/post", "", "", None, first.comment.source, "Caro", "carol@example.net", None)
    again = posting.post(
        sites.by_key("blog"),
        Submission(draft, Sender(None, "192.0.2.1", "test"), "k1"),
        SECRET,
        first.comment.created_at,
    )
    assert (again.comment.id, again.status, again.reason) == (first.comment.id, first.status, first.reason)


def test_readers_and_api_say_the_same_of_known_and_unknown_addresses(make_app, now):
    app = make_app(LIMITS="on")
    with app.app_context():
        from tests.support.cast import add_site

        add_site("blog", BLOG, now=now, mode="off", min_interval_s=0, challenge_after=0)
        with write():
            accounts.make_account("carol@example.net", "Carol", False, now)
    client = app.test_client()

    def send(number, email):
        author = {"name": f"Guest {number}", "email": email}
        body = {"site": "blog", "thread": "/post", "body": f"Thought {number}", "author": author}
        return client.post("/api/v1/comments", json=body, headers={"Origin": BLOG})

    assert [send(number, "carol@example.net").status_code for number in range(10)] == [422] * 10
    known, unknown = send(11, "carol@example.net"), send(12, "nobody@example.net")
    assert known.status_code == unknown.status_code == 202
    assert known.json.keys() == unknown.json.keys()
    assert (known.json["reason"], known.json["status"]) == (unknown.json["reason"], unknown.json["status"])
