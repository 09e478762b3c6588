"""Guests see, download and erase what they wrote, after they have shown that they read mail to the address."""

import re

import pytest
from sqlalchemy import select

from commentsvc.store import accounts
from commentsvc.store.audit_log import AuditEntry
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.jobs import Job
from commentsvc.store.transactions import write
from tests.support.cast import find_csrf, set_policy
from tests.support.clocks import next_window

CAROL = "carol@example.org"


@pytest.fixture
def ask(client):
    """Ask for a code; gives the page after it."""

    def send(email=CAROL):
        form = {"csrf_token": find_csrf(client.get("/privacy").text), "email": email}
        return client.post("/privacy", data=form, follow_redirects=True)

    return send


@pytest.fixture
def prove(client, ask):
    """Ask for a code and type it; gives the page after it."""

    def type_code(email=CAROL, code=None):
        page = ask(email)
        form = {"csrf_token": find_csrf(page.text), "code": code or code_of(email)}
        return client.post("/privacy/code", data=form, follow_redirects=True)

    return type_code


def code_of(email):
    db.session.rollback()
    mails = [job.payload for job in db.session.scalars(select(Job).order_by(Job.id)) if job.payload.get("to") == email]
    assert "http" not in mails[-1]["text"], "the mail signs nobody in"
    return re.search(r"\d{3} \d{3}", mails[-1]["text"])[0]


def erase(client, **form):
    form["csrf_token"] = find_csrf(client.get("/privacy/data").text)
    page = client.post("/privacy/erase", data=form, follow_redirects=True)
    db.session.rollback()
    return page


def test_the_answer_is_the_same_for_any_address(make_comment, ask, site):
    make_comment()
    with write():
        accounts.make_account("ann@example.org", "Ann", False, site.created_at)
    pages = [ask(email).text.replace(email, "") for email in (CAROL, "ann@example.org", "nobody@example.org")]
    known, *others = [re.sub(r'value="[^"]*"', "", page) for page in pages]
    assert others == [known] * 2


def test_a_guest_downloads_and_erases_what_they_wrote(client, make_comment, prove):
    make_comment()
    make_comment(name="Dave")
    page = prove()
    assert "One comment" in page.text and CAROL in page.text
    copy = client.get("/privacy/copy.json")
    assert [one["text"] for one in copy.json if one["type"] == "comment"] == ["Hello"]
    assert "attachment" in copy.headers["Content-Disposition"]
    assert "Tick the box" in erase(client).text
    assert "Your data is deleted" in erase(client, sure="yes", comments="go").text
    rows = db.session.scalars(select(Comment).order_by(Comment.id)).all()
    assert [(row.author_name, row.source) for row in rows] == [("Deleted account", ""), ("Dave", "Hello")]
    assert client.get("/privacy/copy.json").location == "/privacy", "the proof is used up"


def other_than(code):
    return f"{(int(code.replace(' ', '')) + 1) % 1_000_000:06d}"


def test_nothing_is_shown_for_a_wrong_code(client, make_comment, ask):
    make_comment()
    form = {"csrf_token": find_csrf(ask().text), "code": other_than(code_of(CAROL))}
    page = client.post("/privacy/code", data=form)
    assert page.status_code == 422 and "wrong or has expired" in page.text
    assert client.get("/privacy/data").location == "/privacy"
    assert client.get("/privacy/copy.json").location == "/privacy"


def test_after_five_wrong_tries_the_right_code_is_refused(client, ask):
    form = {"csrf_token": find_csrf(ask().text)}
    code = code_of(CAROL)
    for _ in range(5):
        assert client.post("/privacy/code", data={**form, "code": other_than(code)}).status_code == 422
    assert client.post("/privacy/code", data={**form, "code": code}).status_code == 422


def test_a_code_works_once_and_in_the_browser_that_asked_for_it(app, client, ask):
    form = {"csrf_token": find_csrf(ask().text), "code": code_of(CAROL)}
    other = app.test_client()
    their = {"csrf_token": find_csrf(other.get("/privacy").text), "code": form["code"]}
    assert other.post("/privacy/code", data=their).location == "/privacy"
    assert client.post("/privacy/code", data=form).location == "/privacy/data"
    assert client.post("/privacy/code", data=form).location == "/privacy"


def test_an_account_is_not_opened_by_a_code_alone(client, prove, site):
    with write():
        accounts.make_account("ann@example.org", "Ann", False, site.created_at)
    page = prove("ann@example.org")
    assert "belongs to an account" in page.text
    assert client.get("/privacy/copy.json").location.startswith("/auth/signin")
    form = {"csrf_token": find_csrf(client.get("/privacy").text), "sure": "yes"}
    assert client.post("/privacy/erase", data=form).status_code == 401
    db.session.rollback()
    assert accounts.find_account("ann@example.org") is not None
    assert client.get("/account").status_code == 302, "nobody is signed in by it"


def test_the_hosted_page_and_the_account_lead_there(client, make_comment, alice, sign_in):
    make_comment()
    assert 'href="/privacy"' in client.get("/t/blog?thread=/post").text
    sign_in(client, alice)
    assert 'href="/privacy"' in client.get("/account").text


def test_an_owner_exports_and_erases_a_commenter(client, make_comment, alice, sign_in):
    number = make_comment()
    author_id = db.session.get_one(Comment, number).author_id
    sign_in(client, alice)
    path = f"/dashboard/blog/people/{author_id}"
    form = {"csrf_token": find_csrf(client.get(path).text)}
    assert [one["email"] for one in client.post(f"{path}/data", data=form).json] == [CAROL]
    assert "Tick the box" in client.post(f"{path}/erase", data=form, follow_redirects=True).text
    page = client.post(f"{path}/erase", data={**form, "sure": "yes"}, follow_redirects=True)
    assert "was erased from this site" in page.text and "Deleted account" in page.text
    db.session.rollback()
    entries = db.session.scalars(
        select(AuditEntry).where(AuditEntry.kind.in_(["person-export", "erasure"])).order_by(AuditEntry.id)
    )
    assert [(e.kind, e.actor_name, e.subject) for e in entries] == [
        ("person-export", "Alice", ""),
        ("erasure", "Alice", ""),
    ]


def test_a_moderator_sees_no_button_for_it(client, make_comment, bob, sign_in):
    author_id = db.session.get_one(Comment, make_comment()).author_id
    sign_in(client, bob)
    assert "Personal data" not in client.get(f"/dashboard/blog/people/{author_id}").text


def test_the_reply_form_links_to_the_sites_privacy_page(client, make_comment, site):
    make_comment()
    link = 'href="https://blog.example/privacy?a=1&amp;b=2"'
    pages = ("/embed/v1/comments?site=blog&thread=/post", "/t/blog?thread=/post")
    assert not any(link in client.get(page).text for page in pages)
    set_policy(site, privacy_url="https://blog.example/privacy?a=1&b=2")
    next_window(client.application)
    assert all(link in client.get(page).text for page in pages)
    assert ">Datenschutz</a>" in client.get("/embed/v1/comments?site=blog&thread=/post&lang=de").text
