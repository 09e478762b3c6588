"""Every link of every mail leads to a page: for threads whose blog has told their address, and for those without."""

import re
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest

import commentsvc
from commentsvc.core.policy import Mode
from commentsvc.core.status import Status
from commentsvc.services import members, notifications, posting
from commentsvc.services.mail_links import MailLinks
from commentsvc.services.submissions import Draft, Notify, Sender, Submission
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import comments, digest_settings, subscriptions, thread_subscriptions
from commentsvc.store.digest_settings import DigestInterval
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write
from commentsvc.web.auth import account_mails
from tests.support.cast import SECRET, find_csrf, set_policy
from tests.support.mails import deliver

BASE = "https://comments.example"
MAILS = MailLinks(BASE, SECRET)
URL = "https://blog.example/post/?p=1#top"
PAGE = "https://blog.example/post/?p=1"


@pytest.fixture(params=[URL, ""], ids=["address", "no address"])
def url(request):
    return request.param


@pytest.fixture
def post(site, now, url):
    def send(name, parent=None, notify=False, account=None, email=True):
        address = f"{name.lower()}@example.net" if email else ""
        draft = Draft(
            "/a%20post?p=1é",
            url,
            "A post",
            parent,
            f"Hello from {name}",
            name,
            address,
            None,
            Notify.REPLIES if notify else Notify.NONE,
        )
        sender = Sender(account, "192.0.2.1", "test", limited=False)
        return posting.post(site, Submission(draft, sender), SECRET, now - timedelta(minutes=1)).comment.id

    return send


def moderator_mail_at_once(post, site, alice, now, **_):
    with write():
        digest_settings.set_pace(alice, site, DigestInterval.AT_ONCE, now)
    post("Carol")
    return deliver(now, MAILS)


def digest(post, site, alice, now, **_):
    with write():
        digest_settings.set_pace(alice, site, DigestInterval.HOURLY, now)
    post("Carol")
    post("Dave")
    notifications.send_digests(MAILS, now + timedelta(hours=1))
    return deliver(now + timedelta(hours=1), MAILS)


def reply_notification(post, site, now, **_):
    set_policy(site, mode=Mode.OFF)
    with write():
        dave = stored_accounts.make_account("dave@example.net", "Dave", False, now)
    question = post("Dave", notify=True, account=dave)
    post("Erin", parent=question)
    return deliver(now, MAILS)


def thread_notification(post, site, now, **_):
    set_policy(site, mode=Mode.OFF)
    question = post("Dave")
    with write():
        thread = comments.by_id(question).thread
        number = subscriptions.add_request(site.id, "erin@example.net", None, now)
        subscriptions.confirm(site.id, "erin@example.net", now)
        thread_subscriptions.add(thread.id, number, now)
    post("Frank")
    return deliver(now, MAILS)


def confirm_subscription(post, now, **_):
    post("Dave", notify=True)
    return deliver(now, MAILS)


def confirm_comment(post, site, now, app, **_):
    set_policy(site, mode=Mode.OFF)
    comment_id = post("Carol")
    from commentsvc.services import address_checks

    with write():
        comment = comments.by_id(comment_id)
        comment.status, comment.reasons = Status.PENDING, [{"rule": address_checks.REASON.rule, "outcome": "hold"}]
        address_checks.ask(comment, None, SECRET, now)
    return deliver(now, MAILS)


def invitation(site, alice, now, **_):
    members.invite(site, "erin@example.net", Role.MODERATOR, alice, BASE, "192.0.2.1", now)
    return deliver(now, MAILS)


def sign_in_code(app, alice, now, **_):
    browser = app.test_client()
    page = browser.get("/auth/signin")
    browser.post("/auth/signin", data={"csrf_token": find_csrf(page.text), "email": alice.email})
    return deliver(now + timedelta(seconds=1), MAILS)


def identity_added(app, alice, **_):
    with app.test_request_context():
        return [account_mails.of_identity(alice, "GitHub", "alice")]


def wrong_second_factors(app, alice, **_):
    with app.test_request_context():
        return [account_mails.of_wrong_factors(alice)]


# For each template of web/templates/mail, the causes of such a mail.
MAKERS = {
    "waiting": [moderator_mail_at_once, digest],
    "answered": [reply_notification],
    "new_comment": [thread_notification],
    "confirm": [confirm_subscription],
    "confirm_comment": [confirm_comment],
    "invitation": [invitation],
    "signin_code": [sign_in_code],
    "identity_added": [identity_added],
    "wrong_factors": [wrong_second_factors],
}
# Its code is typed on the page that asked for it (tests/web/auth/test_people.py).
WITHOUT_LINKS = {"privacy_code"}


def test_no_kind_of_mail_is_left_out():
    folder = Path(commentsvc.__file__).parent / "web" / "templates" / "mail"
    assert {path.name.removesuffix(".subject.txt") for path in folder.glob("*.subject.txt")} == set(
        MAKERS
    ) | WITHOUT_LINKS


def links_of(letter):
    """Every address in a mail: in its text, in its HTML and in its headers."""
    found = re.findall(r"https?://\S+", letter.text)
    found += [unescape(link) for link in re.findall(r'href="([^"]*)"', letter.html)]
    found += re.findall(r"<(https?://[^>]*)>", getattr(letter, "headers", {}).get("List-Unsubscribe", ""))
    return found


@pytest.mark.parametrize("make", [make for made in MAKERS.values() for make in made], ids=lambda make: make.__name__)
def test_every_link_of_a_mail_leads_to_a_page(make, app, client, post, site, alice, now, sign_in, url):
    letters = make(post=post, site=site, alice=alice, now=now, app=app)
    assert len(letters) == 1
    links = links_of(letters[0])
    assert links
    sign_in(client, alice)
    for link in links:
        page, _, place = link.partition("#")
        if page == PAGE:
            assert url and place.startswith("comment-"), link
            continue
        assert page.startswith(f"{BASE}/"), link
        answer = client.get(page.removeprefix(BASE))
        assert answer.status_code == 200, f"{link}: {answer.status}"
        assert not place or f'id="{place}"' in answer.text, link


def test_a_link_decides_nothing_once_the_site_requires_a_second_factor(client, post, site, alice, now):
    (letter,) = moderator_mail_at_once(post, site, alice, now)
    act = next(link for link in links_of(letter) if "-approve-" in link).removeprefix(BASE)
    set_policy(site, second_factor_required=True)
    answer = client.post(act)
    assert answer.status_code == 409 and "requires two-step verification" in answer.text
    set_policy(site, second_factor_required=False)
    assert client.post(act).status_code == 200
    set_policy(site, second_factor_required=True)
    assert client.post(act.replace("?", "/undo?")).status_code == 409
