"""Mail to moderators and about replies: recipients, contents, exactly once, and links."""

import re
from datetime import timedelta

import pytest
from babel import dates
from markupsafe import escape
from sqlalchemy import select

from commentsvc import worker
from commentsvc.core import translations
from commentsvc.core.errors import Conflict, NotFound
from commentsvc.core.policy import Mode
from commentsvc.core.status import Action, Status
from commentsvc.gateways.mail import SmtpMailer
from commentsvc.services import accounts as accounts_service
from commentsvc.services import mail_links, moderation, moderator_replies, notifications, posting, rules, submissions
from commentsvc.services.mail_links import MailLinks
from commentsvc.services.moderation import Moderator
from commentsvc.services.rules import RuleText
from commentsvc.services.submissions import Draft, Notify, Submission
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import comments, digest_settings, sites
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.digest_settings import DigestInterval
from commentsvc.store.jobs import Job
from commentsvc.store.memberships import Membership
from commentsvc.store.transactions import write
from tests.support.cast import SECRET, set_policy
from tests.support.mails import deliver

SENDER = MailLinks("https://comments.example", SECRET)
HOUR = timedelta(hours=1)
EVIL = "Look at https://evil.example/now and www.evil.example ![x](https://evil.example/p.png) <b>bold</b>"


@pytest.fixture
def mails(now):
    """Run the jobs that are due, now or at another time; gives the mails that they sent."""
    return lambda at=now: deliver(at, SENDER)


@pytest.fixture
def watching(now):
    def choose(account, site, pace):
        with write():
            digest_settings.set_pace(account, site, pace, now)

    return choose


def link(letter, action):
    return re.search(rf"/m/(\d+-{action}-[0-9a-f]{{40}})", letter.text)[1]


def test_who_wants_it_at_once_gets_one_mail_for_each_comment_that_waits(
    site, alice, bob, watching, make_comment, mails
):
    watching(alice, site, DigestInterval.AT_ONCE)
    parent = make_comment(name="Dave", body="The question")
    mails()
    make_comment(status=Status.PENDING, name="Carol", body=EVIL, parent=parent)
    (letter,) = mails()
    assert letter.to == "alice@example.org"
    assert letter.subject == "[Blog notes] New comment by Carol on “A post”"
    for part in (letter.text, letter.html):
        assert "A moderator reviews every comment here" in part and "The question" in part
        assert "evil[.]example" in part and "evil.example" not in part
        assert set(re.findall(r"/m/\d+-(\w+)-", part)) == {"approve", "reject", "spam"}
    assert not re.search(r"<img|<b>bold", letter.html)
    assert letter.headers["List-Unsubscribe"].startswith("<https://comments.example/m/stop/")
    assert mails() == []


def test_a_job_that_runs_twice_sends_once(site, alice, watching, make_comment, mails, now):
    watching(alice, site, DigestInterval.AT_ONCE)
    comment_id = make_comment(status=Status.PENDING)
    assert len(mails()) == 1
    notifications.send_pending_notice(comment_id, SENDER, now)
    assert mails() == []


def test_what_was_decided_meanwhile_is_not_mailed(site, alice, bob, watching, make_comment, mails, now):
    watching(alice, site, DigestInterval.AT_ONCE)
    comment_id = make_comment(status=Status.PENDING)
    moderation.decide([comment_id], Action.SPAM, Moderator(bob), "", now)
    assert mails() == []


def test_addresses_are_only_in_mails_to_who_may_see_them(site, alice, bob, watching, make_comment, mails):
    watching(alice, site, DigestInterval.AT_ONCE)
    watching(bob, site, DigestInterval.AT_ONCE)
    make_comment(status=Status.PENDING, name="Carol")
    letters = {letter.to: letter for letter in mails()}
    assert "carol[at]example[.]org" in letters["alice@example.org"].text
    assert "carol" not in letters["bob@example.org"].text.replace("Carol", "")


def test_a_digest_comes_once_an_hour_and_only_with_something_new(site, alice, bob, watching, make_comment, mails, now):
    watching(bob, site, DigestInterval.OFF)
    make_comment(status=Status.PENDING, body="First")
    assert notifications.send_digests(SENDER, now) == 0, "the first hour begins when the worker first sees a member"
    make_comment(status=Status.PENDING, body="Second")
    assert notifications.send_digests(SENDER, now + HOUR) == 1
    assert notifications.send_digests(SENDER, now + HOUR) == 0
    (letter,) = mails()
    assert (letter.to, letter.subject) == ("alice@example.org", "[Blog notes] 2 comments are waiting for review")
    assert "First" in letter.text and "Second" in letter.text
    assert notifications.send_digests(SENDER, now + 2 * HOUR) == 0, "nothing new waits"
    make_comment(status=Status.PENDING, body="Third")
    assert notifications.send_digests(SENDER, now + 3 * HOUR) == 1
    (letter,) = mails()
    assert letter.subject == "[Blog notes] 3 comments are waiting for review"
    assert "Third" in letter.text and "First" not in letter.text


def test_a_digest_that_cannot_be_written_keeps_nobody_elses_back(
    site, other_site, alice, mallory, watching, make_comment, mails, now
):
    watching(alice, site, DigestInterval.HOURLY)
    watching(mallory, other_site, DigestInterval.HOURLY)
    broken = make_comment(status=Status.PENDING)
    make_comment(status=Status.PENDING, on=other_site)
    with write():
        db.session.get(Comment, broken).reasons = [{}]
    assert notifications.send_digests(SENDER, now + HOUR) == 1
    assert [letter.to for letter in mails()] == ["mallory@example.org"]


def test_two_workers_send_one_digest(app, site, alice, watching, make_comment, mails, at_once, now):
    watching(alice, site, DigestInterval.HOURLY)
    make_comment(status=Status.PENDING)

    def work():
        with app.app_context():
            sent = notifications.send_digests(SENDER, now + HOUR)
            db.session.remove()
            return sent

    results = at_once(work, work, work)
    assert sorted(results) == [0, 0, 1], results
    assert len(mails()) == 1


def test_who_moderates_no_longer_is_told_nothing_and_their_links_do_nothing(
    site, alice, bob, watching, make_comment, mails, now
):
    watching(bob, site, DigestInterval.AT_ONCE)
    comment_id = make_comment(status=Status.PENDING, body="One")
    (letter,) = mails()
    with write():
        db.session.delete(db.session.scalars(select(Membership).where(Membership.account_id == bob.id)).one())
        db.session.expire_all()
    make_comment(status=Status.PENDING, body="Two")
    assert mails() == []
    with pytest.raises(NotFound):
        mail_links.act(link(letter, "approve"), SECRET, "", now)
    db.session.rollback()
    assert comments.by_id(comment_id).status == "pending"


def test_a_link_asks_first_acts_once_and_can_be_undone(app, client, site, alice, watching, make_comment, mails):
    watching(alice, site, DigestInterval.AT_ONCE)
    comment_id = make_comment(status=Status.PENDING, body="A <i>word</i>")
    (letter,) = mails()
    address = f"/m/{link(letter, 'spam')}"
    page = client.get(address)
    assert page.status_code == 200 and "Mark this comment as spam?" in page.text and "A &lt;i&gt;word" in page.text
    assert status_of(comment_id) == "pending", "looking does nothing"
    done = client.post(address)
    assert done.status_code == 200 and "marked as spam" in done.text
    assert status_of(comment_id) == "spam"
    assert client.post(address).status_code == 409
    assert client.post(f"/m/{link(letter, 'approve')}").status_code == 409, "one mail, one act"
    assert client.post(f"{address}/undo").status_code == 200
    assert status_of(comment_id) == "pending"


def test_a_mail_link_does_nothing_where_the_site_requires_a_second_factor(
    client, site, alice, watching, make_comment, mails
):
    watching(alice, site, DigestInterval.AT_ONCE)
    comment_id = make_comment(status=Status.PENDING)
    (letter,) = mails()
    set_policy(site, second_factor_required=True)
    for action in ("approve", "reject", "spam"):
        refused = client.post(f"/m/{link(letter, action)}")
        assert refused.status_code == 409 and "requires two-step verification" in refused.text
    assert status_of(comment_id) == "pending"


def test_an_act_by_mail_is_not_undone_by_mail_once_the_site_requires_a_second_factor(
    client, site, alice, watching, make_comment, mails, now
):
    watching(alice, site, DigestInterval.AT_ONCE)
    comment_id = make_comment(status=Status.PENDING)
    (letter,) = mails()
    token = link(letter, "spam")
    mail_links.act(token, SECRET, "", now)
    set_policy(site, second_factor_required=True)
    with pytest.raises(Conflict, match="requires two-step verification"):
        mail_links.undo(token, SECRET, now)
    assert client.post(f"/m/{token}/undo").status_code >= 400
    assert status_of(comment_id) == "spam"


def test_mails_of_a_site_that_requires_a_second_factor_offer_no_links_to_act(
    site, alice, watching, make_comment, mails
):
    watching(alice, site, DigestInterval.AT_ONCE)
    set_policy(site, second_factor_required=True)
    make_comment(status=Status.PENDING, body="Hello")
    (letter,) = mails()
    assert "Hello" in letter.text and "Hello" in letter.html
    assert not re.search(r"/m/\d+-(approve|reject|spam)-", letter.text + letter.html)


def test_approving_and_answering_from_the_mail_is_one_act(client, site, alice, watching, make_comment, mails):
    watching(alice, site, DigestInterval.AT_ONCE)
    comment_id = make_comment(status=Status.PENDING)
    (letter,) = mails()
    address = f"/m/{link(letter, 'approve')}"
    assert 'name="reply"' in client.get(address).text
    assert client.post(address, data={"reply": "Thank *you*"}).status_code == 200
    assert status_of(comment_id) == "approved"
    (reply,) = comments.below(comments.by_id(comment_id))
    assert (reply.author_name, reply.status) == ("Alice", "approved")
    assert 'name="reply"' not in client.get(f"/m/{link(letter, 'reject')}").text


def test_a_mail_link_says_that_a_moderator_has_decided_in_the_dashboard(
    client, site, alice, bob, watching, make_comment, mails, now
):
    watching(alice, site, DigestInterval.AT_ONCE)
    comment_id = make_comment(status=Status.PENDING)
    (letter,) = mails()
    moderation.decide([comment_id], Action.REJECT, Moderator(bob), "", now)
    answer = client.post(f"/m/{link(letter, 'approve')}")
    assert answer.status_code == 409 and "Bob has already decided" in answer.text
    assert status_of(comment_id) == "rejected"


def test_links_end_after_seven_days_and_are_bound_to_one_comment_and_act(
    client, site, alice, watching, make_comment, mails, now
):
    watching(alice, site, DigestInterval.AT_ONCE)
    make_comment(status=Status.PENDING, body="One")
    make_comment(status=Status.PENDING, body="Two")
    first, second = mails()
    token = link(first, "reject")
    number, _, mac = token.split("-")
    other = link(second, "reject").split("-")[0]
    for forged in (
        f"{number}-approve-{mac}",
        f"{other}-reject-{mac}",
        f"{number}-reject-{'0' * 40}",
        "x",
        "1-2",
        "é-a-b",
    ):
        assert client.get(f"/m/{forged}").status_code == 404
        assert client.post(f"/m/{forged}").status_code == 404
    late = now + timedelta(days=7, minutes=5)  # the mail was signed some time after `now`
    with pytest.raises(NotFound) as caught:
        mail_links.act(token, SECRET, "", late)
    assert "more than 7 days old" in str(caught.value)


def test_mails_are_switched_off_by_the_mail_programs_own_button(client, site, alice, watching, make_comment, mails):
    watching(alice, site, DigestInterval.AT_ONCE)
    make_comment(status=Status.PENDING, body="One")
    (letter,) = mails()
    address = letter.headers["List-Unsubscribe"].strip("<>").removeprefix("https://comments.example")
    assert client.get(address).status_code == 200
    assert digest_settings.find(alice, site).pace == "at_once", "looking does nothing"
    assert client.post(address, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    db.session.rollback()
    assert digest_settings.find(alice, site).pace == "off"
    assert client.post("/m/stop/1-watch-0000").status_code == 404


def ask_to_be_told(site, now, name="Dave", key="/post", language=None, account=None, body="A question"):
    draft = Draft(
        key, f"https://blog.example{key}", "A post", None, body, name, "dave@example.org", None, Notify.REPLIES
    )
    sender = submissions.Sender(account, "192.0.2.7", "test", limited=False, language=language)
    return posting.post(site, Submission(draft, sender), SECRET, now - HOUR).comment.id


def confirm_link(letter):
    return re.search(r"/m/confirm/\S+", letter.text)[0]


@pytest.fixture
def confirmed(client, site, now, mails):
    """A question by Dave, who has confirmed that his address is his; gives its number."""

    def ask(**how):
        question = ask_to_be_told(site, now, **how)
        (letter,) = mails()
        assert client.post(confirm_link(letter)).status_code == 200
        return question

    return ask


def test_who_asked_for_it_hears_of_an_answer_once_and_only_when_it_is_published(
    client, site, alice, make_comment, mails, now, confirmed
):
    question = confirmed()
    moderation.decide([question], Action.APPROVE, Moderator(alice), "", now)
    reply = make_comment(status=Status.PENDING, name="Erin", body=EVIL, parent=question)
    assert mails() == []
    decided = moderation.decide([reply], Action.APPROVE, Moderator(alice), "", now)
    (letter,) = mails()
    assert letter.to == "dave@example.org" and letter.subject == "Erin replied to you on “A post”"
    assert f"https://blog.example/post#comment-{reply}" in letter.text
    assert "evil[.]example" in letter.html and "evil.example" not in letter.html
    moderation.undo(decided.undo, Moderator(alice), now)
    moderation.decide([reply], Action.APPROVE, Moderator(alice), "", now)
    assert mails() == []

    address = letter.headers["List-Unsubscribe"].strip("<>").removeprefix("https://comments.example")
    assert client.post(address).status_code == 200
    make_comment(name="Erin", body="another", parent=question)
    assert mails() == []


def test_a_moderators_own_answer_is_announced_too(alice, mails, now, confirmed):
    question = confirmed()
    moderator_replies.answer(question, "Because", Moderator(alice), None, now)
    (letter,) = mails()
    assert letter.subject == "Alice replied to you on “A post”"


def test_where_comments_appear_at_once_the_answer_is_announced_at_once(site, make_comment, mails, confirmed):
    set_policy(site, mode=Mode.OFF)
    question = confirmed()
    make_comment(name="Erin", body="Yes", parent=question)
    assert [letter.to for letter in mails()] == ["dave@example.org"]
    make_comment(name="Dave", body="Thanks to myself", parent=question)
    assert mails() == [], "nobody is told of their own answer"


def test_nobody_is_told_of_answers_at_an_address_that_its_holder_has_not_confirmed(
    client, site, make_comment, mails, now
):
    set_policy(site, mode=Mode.OFF)
    question = ask_to_be_told(site, now)
    (letter,) = mails()
    assert letter.to == "dave@example.org" and "Blog notes" in letter.text
    assert "A question" not in letter.text + letter.html and "A post" not in letter.text + letter.html, (
        "nothing that a stranger wrote goes to an address that may be anybody's"
    )
    make_comment(name="Erin", body="One", parent=question)
    ask_to_be_told(site, now, key="/other")
    ask_to_be_told(site, now, name="Somebody else", key="/third")
    assert mails() == [], "asked once, and told nothing"

    link = confirm_link(letter)
    asked = client.get(link)
    assert asked.status_code == 200 and "dave@example.org" in asked.text
    make_comment(name="Erin", body="Two", parent=question)
    assert mails() == [], "looking does nothing"
    assert client.post(link).status_code == 200
    make_comment(name="Erin", body="Three", parent=question)
    (answer,) = mails()
    assert "Three" in answer.text


def test_a_link_to_confirm_is_for_one_address_and_ends_after_a_week(client, site, mails, now):
    ask_to_be_told(site, now)
    (letter,) = mails()
    token = confirm_link(letter).removeprefix("/m/confirm/").partition("?")[0]
    number, what, mac = token.split("-")
    for forged in (f"{int(number) + 1}-{what}-{mac}", f"{number}-watch-{mac}", f"{number}-{what}-{'0' * 40}", "x"):
        assert client.get(f"/m/confirm/{forged}").status_code == 404
        assert client.post(f"/m/confirm/{forged}").status_code == 404
    with pytest.raises(NotFound) as caught:
        mail_links.confirm_subscription(token, SECRET, now + timedelta(days=7, hours=1))
    assert "more than 7 days old" in str(caught.value)
    db.session.rollback()
    ask_to_be_told(site, now + timedelta(days=8), body="Again")
    assert len(mails()) == 1, "who missed it is asked once more with a later comment"


def test_who_wants_no_more_is_asked_again_before_the_next_mail(client, site, make_comment, mails, now, confirmed):
    set_policy(site, mode=Mode.OFF)
    question = confirmed()
    make_comment(name="Erin", body="One", parent=question)
    (letter,) = mails()
    stop = re.search(r"/m/stop/\S+", letter.text)[0]
    assert client.post(stop).status_code == 200
    again = ask_to_be_told(site, now, body="Another question")
    make_comment(name="Erin", body="Two", parent=again)
    assert mails() == []


def test_what_is_taken_for_spam_makes_no_mail_to_the_address_it_gives(site, alice, make_comment, mails, now):
    rules.add(site, RuleText("words", "casino", "spam"), alice, now)
    question = ask_to_be_told(site, now, body="The casino of my choice")
    assert mails() == []
    moderation.decide([question], Action.APPROVE, Moderator(alice), "", now)
    make_comment(name="Erin", body="No spam at all", parent=question)
    (letter,) = mails()
    assert letter.subject == "Email about comments on Blog notes? Please confirm"


def test_two_who_ask_at_once_make_one_mail(app, site, now, mails, at_once):
    def ask(key):
        def run():
            with app.app_context():
                ask_to_be_told(sites.by_key("blog"), now, name=f"Dave {key}", key=key)
                db.session.remove()

        return run

    assert at_once(ask("/a"), ask("/b"), ask("/c")) == [None] * 3
    assert len(mails()) == 1


def speaks(account, tag):
    accounts_service.choose_language(account, tag)


def test_each_moderator_is_written_to_in_their_language(site, alice, bob, watching, make_comment, smtp, now):
    """The same comment, over SMTP: to Alice in German, to Bob in the site's French, then to both in English."""
    inbox, address = smtp()
    office = SmtpMailer(f"smtp://{address}", "comments@blog.example")
    speaks(alice, "de")
    set_policy(site, language="fr")
    for account in (alice, bob):
        watching(account, site, DigestInterval.AT_ONCE)

    def arrived():
        inbox.envelopes.clear()
        while worker.run_due(office, now, links=SENDER):
            pass
        return {letter["To"]: letter for letter in inbox.letters}

    make_comment(status=Status.PENDING, name="Carol", body=EVIL)
    letters = arrived()
    for to, tag in (("alice@example.org", "de"), ("bob@example.org", "fr")):
        letter, said = letters[to], translations.of(tag)
        assert letter["Subject"] == said["[%(site)s] New comment by %(name)s on “%(title)s”"] % {
            "site": "Blog notes",
            "name": "Carol",
            "title": "/post",
        }
        text, html = (letter.get_body((kind,)).get_content() for kind in ("plain", "html"))
        for key in (
            "A moderator reviews every comment here before it appears.",
            "Approve, or reply and approve",
            "Reject",
        ):
            assert said[key] in text and str(escape(said[key])) in html, key
            assert key not in text + html
        assert f'<html lang="{tag}" dir="ltr">' in html
        assert f"?lang={tag}" in text and "evil.example" not in text + html
    month = dates.format_datetime(now - timedelta(days=1), "MMMM", locale="de")
    assert month in letters["alice@example.org"].get_body(("plain",)).get_content()

    speaks(alice, "en")
    speaks(bob, "en")
    make_comment(status=Status.PENDING, name="Dora", body="Hello")
    letters = arrived()
    assert {letter["Subject"] for letter in letters.values()} == {"[Blog notes] New comment by Dora on “/post”"}


def test_a_digest_is_in_the_language_of_who_gets_it(site, alice, bob, watching, make_comment, mails, now):
    speaks(alice, "ar")
    for account in (alice, bob):
        watching(account, site, DigestInterval.HOURLY)
    for body in ("One", "Two"):
        make_comment(status=Status.PENDING, body=body)
    assert notifications.send_digests(SENDER, now + HOUR) == 2
    letters = {letter.to: letter for letter in mails()}
    assert letters["bob@example.org"].subject == "[Blog notes] 2 comments are waiting for review"
    assert '<html lang="en" dir="ltr">' in letters["bob@example.org"].html
    alices = letters["alice@example.org"]
    assert alices.subject == "[Blog notes] تعليقان ينتظرانك"
    assert '<html lang="ar" dir="rtl">' in alices.html and "border-right:3px" in alices.html
    assert "Approve" not in alices.text + alices.html


def test_the_page_of_a_link_speaks_as_the_mail_did(client, site, alice, watching, make_comment, mails):
    speaks(alice, "de")
    watching(alice, site, DigestInterval.AT_ONCE)
    make_comment(status=Status.PENDING)
    (letter,) = mails()
    address = re.search(r"/m/\d+-approve-\S+", letter.text)[0]
    english = {"Accept-Language": "en"}
    page = client.get(address, headers=english)
    assert '<html lang="de" dir="ltr">' in page.text and "Diesen Kommentar freigeben?" in page.text
    empty = client.post(address, data={"reply": "****"}, headers=english)
    assert empty.status_code == 422 and "Davon wäre nichts zu sehen" in empty.text
    done = client.post(address, headers=english)
    assert "Der Kommentar ist freigegeben." in done.text
    undo = re.search(r'action="([^"]+/undo[^"]*)"', done.text)[1]
    assert "Rückgängig gemacht" in client.post(undo, headers=english).text
    stop = re.search(r"/m/stop/\S+", letter.text)[0]
    assert "E-Mails abbestellen" in client.get(stop, headers=english).text
    assert "Dieser Link ist nicht mehr gültig" in client.get("/m/1-approve-0?lang=de", headers=english).text


def test_an_answer_is_told_in_the_language_in_which_it_was_asked_for(site, make_comment, mails, confirmed):
    set_policy(site, mode=Mode.OFF)
    question = confirmed(language="nl")
    make_comment(name="Erin", body="Ja", parent=question)
    (letter,) = mails()
    assert letter.subject == "Erin heeft u geantwoord bij ‘A post’"
    assert '<html lang="nl" dir="ltr">' in letter.html


def test_who_has_an_account_confirms_nothing_and_is_told_in_its_language(site, make_comment, mails, now):
    set_policy(site, mode=Mode.OFF)
    with write():
        dave = stored_accounts.make_account("dave@example.org", "Dave", False, now)
    speaks(dave, "it")
    question = ask_to_be_told(site, now, account=dave)
    make_comment(name="Erin", body="Sì", parent=question)
    (letter,) = mails()
    assert letter.subject == "Erin le ha risposto su «A post»"


def status_of(comment_id):
    db.session.rollback()
    assert db.session.scalar(select(Job.id).where(Job.failed_at.is_not(None))) is None
    return comments.by_id(comment_id).status
