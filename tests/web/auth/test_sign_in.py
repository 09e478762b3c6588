"""Signing in to the dashboard: codes, links, sessions, and where a form may send a browser on to."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from commentsvc.services import accounts
from commentsvc.services import sign_in as sign_in_service
from commentsvc.store import sessions
from commentsvc.store.db import db
from commentsvc.store.jobs import Job
from commentsvc.store.memberships import Role
from commentsvc.store.sessions import Session
from commentsvc.store.transactions import write
from commentsvc.web.http.safe_redirect import local_path
from tests.support.cast import BLOG, add_account, add_site


@pytest.fixture
def ask(client, csrf):
    """Ask for a code as a person does, from the form."""

    def send(email: str, client=client, goal: str = ""):
        page = client.get("/auth/signin", query_string={"next": goal} if goal else {})
        shown = re.search(r'name="next" value="([^"]*)"', page.text)[1]
        return client.post("/auth/signin", data={"csrf_token": csrf(page.text), "email": email, "next": shown})

    return send


@pytest.fixture
def type_code(client, csrf):
    def send(code: str, client=client):
        page = client.get("/auth/code", follow_redirects=True)
        return client.post("/auth/code", data={"csrf_token": csrf(page.text), "code": code})

    return send


@pytest.fixture
def link(alice, now):
    with write():
        return "/auth/link/" + sign_in_service.printed_link(alice, now)


def mails() -> list[dict[str, str]]:
    db.session.rollback()
    return [job.payload for job in db.session.query(Job).filter(Job.kind == "mail").order_by(Job.id)]


def code_in(mail: dict[str, str]) -> str:
    return re.search(r"\d{3} \d{3}", mail["text"])[0]


def is_signed_in(client) -> bool:
    return client.get("/dashboard", follow_redirects=True).request.path.startswith("/dashboard")


def test_a_moderator_signs_in_with_the_code_from_the_mail(client, alice, ask, type_code):
    asked = ask("Alice@Example.org ")
    assert (asked.status_code, asked.location) == (303, "/auth/code")
    assert "If <b><bdi>alice@example.org</bdi></b> belongs to a moderator" in client.get("/auth/code").text

    answer = type_code(code_in(mails()[-1]))
    assert (answer.status_code, answer.location) == (303, "/dashboard")
    assert is_signed_in(client)


def test_the_mail_says_what_it_is_for_and_carries_code_and_link(alice, ask):
    ask(alice.email)
    mail = mails()[-1]
    code = code_in(mail)
    assert mail["to"] == alice.email
    assert mail["subject"] == f"Your sign-in code: {code}"
    for part in (mail["text"], mail["html"]):
        assert code in part and "comments.example" in part and "10 minutes" in part and "Alice" in part
        assert re.search(r"https://comments\.example/auth/link/[\w-]{43}", part)


def test_the_link_of_the_mail_signs_in_too(app, alice, ask, csrf):
    ask(alice.email)
    path = re.search(r"https://comments\.example(/auth/link/[\w-]+)", mails()[-1]["text"])[1]
    elsewhere = app.test_client()
    page = elsewhere.get(path)
    assert elsewhere.post(path, data={"csrf_token": csrf(page.text)}).location == "/dashboard"
    assert is_signed_in(elsewhere)


def test_an_unknown_address_sees_the_same_and_gets_no_mail(app, client, alice, ask):
    strangers, known = app.test_client(), app.test_client()
    asked = [ask("nobody@example.org", strangers), ask("alice@example.org", known)]
    assert asked[0].status_code == asked[1].status_code == 303
    pages = [strangers.get("/auth/code").text, known.get("/auth/code").text.replace("alice@", "nobody@")]
    hidden = r'name="csrf_token" value="[^"]+"'
    assert re.sub(hidden, "", pages[0]) == re.sub(hidden, "", pages[1])
    assert [mail["to"] for mail in mails()] == ["alice@example.org"]


def test_a_code_works_only_where_it_was_asked_for(app, client, alice, ask, type_code):
    ask(alice.email)
    elsewhere = app.test_client()
    answer = type_code(code_in(mails()[-1]), elsewhere)
    assert (answer.status_code, answer.location) == (303, "/auth/signin")
    assert not is_signed_in(elsewhere)


def test_a_code_is_not_taken_twice(app, client, alice, ask, type_code, csrf):
    ask(alice.email)
    code = code_in(mails()[-1])
    page = client.get("/auth/code")
    cookie = client.get_cookie("__Host-commentsvc", domain="localhost").value
    type_code(code)

    again = app.test_client()
    again.set_cookie("__Host-commentsvc", cookie, domain="localhost")
    answer = again.post("/auth/code", data={"csrf_token": csrf(page.text), "code": code})
    assert answer.status_code == 422
    assert not is_signed_in(again)


def test_a_wrong_code_says_so_and_stays(client, alice, ask, type_code):
    ask(alice.email)
    wrong = "000000" if code_in(mails()[-1]) != "000 000" else "000001"
    answer = type_code(wrong)
    assert answer.status_code == 422
    assert "That code is wrong" in answer.text and 'name="code"' in answer.text
    assert not is_signed_in(client)


def test_after_five_wrong_tries_the_right_code_is_worthless(client, alice, ask, type_code):
    ask(alice.email)
    code = code_in(mails()[-1])
    wrong = "000000" if code != "000 000" else "000001"
    assert [type_code(wrong).status_code for _ in range(5)] == [422] * 5
    assert type_code(code).status_code == 422
    assert not is_signed_in(client)


def test_a_newer_code_makes_the_older_one_worthless(client, alice, ask, type_code):
    ask(alice.email)
    ask(alice.email)
    older, newer = (code_in(mail) for mail in mails())
    if older != newer:
        assert type_code(older).status_code == 422
    assert type_code(newer).status_code == 303


def test_something_that_is_no_address_is_shown_with_the_mend(client, ask):
    answer = ask("alice at home")
    assert answer.status_code == 422
    assert "Enter a complete email address" in answer.text and 'value="alice at home"' in answer.text


def test_without_an_address_the_form_asks_for_one(client, ask):
    answer = ask("")
    assert answer.status_code == 422
    assert "Enter the email address of your account." in answer.text


def test_one_network_that_asks_for_too_many_codes_is_told_for_how_long_to_wait(make_app, csrf):
    client = make_app(LIMITS="on").test_client()
    page = client.get("/auth/signin")
    form = {"csrf_token": csrf(page.text)}
    answers = [client.post("/auth/signin", data={**form, "email": f"p{n}@example.org"}) for n in range(21)]
    assert [a.status_code for a in answers] == [303] * 20 + [429]
    assert answers[-1].headers["Retry-After"] == "3600"
    assert "wait an hour" in answers[-1].text


def test_strangers_lock_nobody_out_of_signing_in_by_mail(make_app, now, csrf):
    app = make_app(LIMITS="on")
    with app.app_context():
        alice = add_account("alice@example.org", "Alice", add_site("blog", BLOG, now=now), Role.OWNER, now)
        with write():
            path = "/auth/link/" + sign_in_service.printed_link(alice, now)
        known = app.test_client()
        known.post(path, data={"csrf_token": csrf(known.get(path).text)})
        known.post("/auth/signout", data={"csrf_token": csrf(known.get("/account").text)})

        def ask(client, ip):
            client.environ_base["REMOTE_ADDR"] = ip
            form = {"csrf_token": csrf(client.get("/auth/signin").text), "email": "alice@example.org"}
            return client.post("/auth/signin", data=form)

        for n in range(12):
            answer = ask(app.test_client(), f"198.51.{n}.7")
            assert (answer.status_code, answer.location) == (303, "/auth/code"), "the same whether a mail goes out"
        assert len(mails()) == 5, "strangers together fill no mailbox"

        answer = ask(known, "198.51.100.7")
        assert answer.status_code == 303 and len(mails()) == 6
        page = known.get("/auth/code")
        form = {"csrf_token": csrf(page.text), "code": code_in(mails()[-1])}
        assert known.post("/auth/code", data=form).location == "/dashboard"
        db.session.remove()


def test_the_cookie_of_a_known_browser_opens_nothing_and_nobody_can_make_one(app, client, alice, link, csrf):
    answer = client.post(link, data={"csrf_token": csrf(client.get(link).text)})
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if "known_browser" in c)
    for word in ("__Host-", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert word in cookie, word
    assert "alice" not in cookie
    other = app.test_client()
    other.set_cookie("__Host-known_browser", cookie.partition("=")[2].partition(";")[0], domain="localhost")
    assert not is_signed_in(other)


def test_opening_a_link_signs_nobody_in_however_often(client, link):
    for _ in range(3):
        assert "Sign in as <bdi>Alice</bdi>?" in client.get(link).text
    client.head(link)
    assert not is_signed_in(client)


def test_a_link_works_once(app, client, link, csrf):
    form = {"csrf_token": csrf(client.get(link).text)}
    assert client.post(link, data=form).location == "/dashboard"
    assert is_signed_in(client)

    other = app.test_client()
    form = {"csrf_token": csrf(other.get("/auth/signin").text)}
    for answer in (other.get(link), other.post(link, data=form)):
        assert answer.status_code == 404
        assert "Ask for a new one" in answer.text
    assert not is_signed_in(other)


def test_a_link_that_never_was_is_answered_the_same_way(client, alice):
    answer = client.get("/auth/link/nothing")
    assert answer.status_code == 404
    assert 'href="/auth/signin"' in answer.text


@pytest.mark.parametrize("path", ["/auth/signin", "/auth/code", "/auth/link/any", "/auth/signout"])
def test_a_form_without_its_token_is_refused(client, link, path):
    path = link if path.endswith("any") else path
    client.get("/auth/signin")
    answer = client.post(path, data={"email": "alice@example.org", "code": "123456"})
    assert answer.status_code == 400
    assert "reload the page" in answer.text
    assert not is_signed_in(client)


def test_signing_in_keeps_nothing_of_the_browser_session_before(client, alice, link, csrf):
    form = {"csrf_token": csrf(client.get(link).text)}
    with client.session_transaction() as planted:
        planted["planted"] = "by Mallory"
    client.post(link, data=form)
    with client.session_transaction() as session:
        assert "planted" not in session and "csrf_token" not in session
        assert session.permanent


def test_the_session_ends_at_sign_out_even_when_the_cookie_is_kept(app, client, alice, sign_in, csrf):
    sign_in(client, alice)
    page = client.get("/dashboard/blog")
    kept = client.get_cookie("__Host-commentsvc", domain="localhost").value

    answer = client.post("/auth/signout", data={"csrf_token": csrf(page.text)})
    assert (answer.status_code, answer.location) == (303, "/auth/signin")

    thief = app.test_client()
    thief.set_cookie("__Host-commentsvc", kept, domain="localhost")
    assert not is_signed_in(thief)
    assert not is_signed_in(client)


def test_a_session_lasts_fourteen_days_in_the_browser_and_in_the_database(client, alice, sign_in, now):
    sign_in(client, alice)
    cookie = client.get_cookie("__Host-commentsvc", domain="localhost")
    assert abs(cookie.expires - now - timedelta(days=14)) < timedelta(hours=1)
    db.session.rollback()
    (session,) = db.session.scalars(select(Session))
    assert sessions.find_session(session.token_hash, now + timedelta(days=14) - timedelta(hours=1)) is not None
    assert sessions.find_session(session.token_hash, now + timedelta(days=14, hours=1)) is None


def test_signing_out_ends_only_this_browser(app, client, alice, sign_in, csrf):
    phone = app.test_client()
    sign_in(client, alice)
    sign_in(phone, alice)
    client.post("/auth/signout", data={"csrf_token": csrf(client.get("/dashboard/blog").text)})
    assert is_signed_in(phone)


def test_after_signing_in_a_browser_goes_where_it_wanted(client, alice, ask, type_code):
    wanted = client.get("/dashboard/blog?status=spam")
    assert wanted.status_code == 302
    page = client.get(wanted.location)
    ask(alice.email, goal=re.search(r'name="next" value="([^"]*)"', page.text)[1])
    assert type_code(code_in(mails()[-1])).location == "/dashboard/blog?status=spam"


HOSTILE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/\t/evil.example/",
    "/\n/evil.example/",
    "\t//evil.example/",
    " //evil.example/",
    "javascript:alert(1)",
    "dashboard",
    "",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_next_never_leaves_the_service(value):
    assert local_path(value, "/dashboard") == "/dashboard"


@pytest.mark.parametrize("value", ["/", "/dashboard/blog?status=spam&q=a%20b", "/dashboard/blog#comment-1", "/%09/x"])
def test_next_may_be_any_page_of_the_service(value):
    assert local_path(value, "/other") == value


@pytest.mark.parametrize("value", ["//evil.example/", "/\\evil.example/", "https://evil.example/"])
def test_a_crafted_next_is_dropped_at_every_step(client, alice, sign_in, csrf, value, type_code):
    page = client.get("/auth/signin", query_string={"next": value})
    assert "evil.example" not in page.text
    client.post("/auth/signin", data={"csrf_token": csrf(page.text), "email": alice.email, "next": value})
    assert type_code(code_in(mails()[-1])).location == "/dashboard"
    assert client.get("/auth/signin", query_string={"next": value}).location == "/dashboard"


def test_a_public_read_sets_no_cookie(client, site):
    assert "Set-Cookie" not in client.get("/api/v1/counts?site=blog&thread=/post").headers
    assert "Set-Cookie" not in client.get("/").headers


def test_the_mail_is_in_the_language_of_the_account_else_of_the_page(client, alice, ask):
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "fr"
    ask("alice@example.org")
    assert mails()[-1]["subject"].startswith("Votre code de connexion")
    accounts.choose_language(alice, "de")
    ask("alice@example.org")
    mail = mails()[-1]
    assert mail["subject"].startswith("Ihr Anmeldecode") and '<html lang="de" dir="ltr">' in mail["html"]
    link = re.search(r"/auth/link/\S+", mail["text"])[0]
    assert "Als <bdi>Alice</bdi> anmelden?" in client.get(link).text, "the page speaks as the mail did"


def signed_in_as(client):
    return re.search(r"<h1><bdi>(\w+)</bdi></h1>", client.get("/account", follow_redirects=True).text)[1]


def test_a_mailed_link_or_code_asks_before_it_replaces_who_is_signed_in(
    client, alice, mallory, sign_in, link, csrf, ask, type_code
):
    sign_in(client, mallory)
    page = client.get(link)
    assert "You are signed in as <b><bdi>Mallory</bdi></b>. Sign in as <b><bdi>Alice</bdi></b> instead?" in page.text
    silent = client.post(link, data={"csrf_token": csrf(page.text)})
    assert (silent.status_code, signed_in_as(client)) == (409, "Mallory")
    agreed = re.search(r'name="instead_of" value="(\d+)"', silent.text)[1]
    assert client.post(link, data={"csrf_token": csrf(silent.text), "instead_of": agreed}).status_code == 303
    assert signed_in_as(client) == "Alice"

    form = {"csrf_token": csrf(client.get("/account").text), "email": "mallory@example.org"}
    assert client.post("/auth/signin", data=form).location == "/auth/code"
    code = code_in(mails()[-1])
    page = client.get("/auth/code")
    assert "You are signed in as <b><bdi>Alice</bdi></b>" in page.text
    assert (type_code(code).status_code, signed_in_as(client)) == (409, "Alice")
    agreed = re.search(r'name="instead_of" value="(\d+)"', page.text)[1]
    form = {"csrf_token": csrf(page.text), "code": code, "instead_of": agreed}
    assert client.post("/auth/code", data=form).status_code == 303
    assert signed_in_as(client) == "Mallory"


# What takes no cookie for proof, but a token, a signature, the link of a mail, or a check of its own (the hosted page).
ELSEWHERE = ("/auth/token", "/auth/revoke", "/auth/facebook/de", "/auth/facebook/data-", "/auth/blog/callback")
WITHOUT_COOKIE = ("/api/", "/m/", "/t/", *ELSEWHERE)


@pytest.mark.parametrize("where", ["cross-site", "same-site"])
def test_no_form_of_ours_is_taken_from_a_page_of_another_site(app, client, alice, sign_in, csrf, where):
    sign_in(client, alice)
    form = {"csrf_token": csrf(client.get("/account").text)}
    checked = 0
    for rule in app.url_map.iter_rules():
        values = {name: 1 if name.endswith("_id") else "blog" for name in rule.arguments}
        path = rule.build(values)[1]
        for method in rule.methods & {"POST", "PUT", "PATCH", "DELETE"}:
            if path.startswith(WITHOUT_COOKIE):
                continue
            answer = client.open(path, method=method, data=form, headers={"Sec-Fetch-Site": where})
            assert (answer.status_code, "another website" in answer.text) == (403, True), (method, path)
            checked += 1
    assert checked > 30
    assert signed_in_as(client) == "Alice"
    for own in ("same-origin", "none"):
        answer = client.post("/account/language", data={**form, "language": "de"}, headers={"Sec-Fetch-Site": own})
        assert answer.status_code == 303
