"""Second factors: asked for after signing in, required by a site, shown again before what cannot be taken lightly."""

import re
import time
from datetime import timedelta

import pytest
from cast import set_policy
from sqlalchemy import select

from commentsvc.core import totp
from commentsvc.services import proving
from commentsvc.store import factors
from commentsvc.store.db import db, write
from commentsvc.store.journal import Entry
from commentsvc.store.people import Session


@pytest.fixture
def alices(client, alice, sign_in):
    sign_in(client, alice)
    return client


@pytest.fixture
def send(csrf):
    def post(client, path, **form):
        token = csrf(client.get("/auth/second").text)
        return client.post(path, data={"csrf_token": token, **form})

    return post


@pytest.fixture
def app_of(alices, csrf):
    """Alice's authenticator app, added; gives what shows its codes, and her recovery codes."""
    html = alices.get("/account/security").text
    seed = re.search(r"type this into it: <code>([A-Z2-7 ]+)</code>", html)[1].replace(" ", "")
    sealed = re.search(r'name="seed" value="([^"]+)"', html)[1]
    # Codes live for thirty seconds and one before and after: a test that begins late in one waits for the next.
    late_s = time.time() % 30
    time.sleep(30 - late_s if late_s > 20 else 0)
    step = int(time.time() // 30)
    form = {"csrf_token": csrf(html), "seed": sealed, "code": totp.code_at(seed, step - 1)}
    page = alices.post("/account/security/app", data=form)
    assert page.status_code == 200, page.text
    codes = re.search(r"<code data-code-list>([^<]+)</code>", page.text)[1].split()
    assert len(codes) == 10
    return lambda ahead=0: totp.code_at(seed, step + ahead), codes


def later_browser(app, alice, sign_in):
    client = app.test_client()
    sign_in(client, alice)
    return client


def test_after_an_app_is_added_signing_in_takes_its_code(app, alice, app_of, sign_in, send):
    show, _ = app_of
    client = later_browser(app, alice, sign_in)
    for path in ("/dashboard/blog", "/account", "/account/security", "/dashboard/blog/settings"):
        assert client.get(path).location.startswith("/auth/second?next="), path
    wrong = send(client, "/auth/second", code="000000", next="/dashboard/blog")
    assert wrong.status_code == 422 and "not right" in wrong.text
    right = send(client, "/auth/second", code=f" {show()[:3]} {show()[3:]}", next="/dashboard/blog?status=spam")
    assert (right.status_code, right.location) == (303, "/dashboard/blog?status=spam")
    assert client.get("/dashboard/blog").status_code == 200


def test_a_code_works_once_and_a_recovery_code_too(app, alice, app_of, sign_in, send):
    show, codes = app_of
    assert send(later_browser(app, alice, sign_in), "/auth/second", code=show()).status_code == 303
    assert send(later_browser(app, alice, sign_in), "/auth/second", code=show()).status_code == 422
    assert send(later_browser(app, alice, sign_in), "/auth/second", code=codes[3].lower()).status_code == 303
    assert send(later_browser(app, alice, sign_in), "/auth/second", code=codes[3]).status_code == 422


def test_five_wrong_codes_end_the_session(app, alice, app_of, sign_in, send):
    show, _ = app_of
    client = later_browser(app, alice, sign_in)
    for _ in range(4):
        assert send(client, "/auth/second", code="000000").status_code == 422
    assert send(client, "/auth/second", code="000000").status_code == 401
    assert client.get("/dashboard/blog").location.startswith("/auth/signin")
    db.session.rollback()
    wrong = db.session.scalars(select(Entry).where(Entry.subject == "A wrong code")).all()
    assert len(wrong) == 5 and wrong[0].by_account_id == alice.id


def test_forms_of_somebody_who_has_not_shown_it_do_nothing(app, alice, app_of, sign_in, send, make_comment):
    from commentsvc.store import comments

    comment_id = make_comment(status="pending")
    client = later_browser(app, alice, sign_in)
    answer = send(client, "/dashboard/blog/decide", one=f"approve:{comment_id}")
    assert (answer.status_code, answer.location.split("?")[0]) == (303, "/auth/second")
    assert send(client, "/account/security/remove", factor="1").location.startswith("/auth/second")
    assert send(client, "/account/erase", sure="yes").location.startswith("/auth/second")
    db.session.rollback()
    assert comments.by_id(comment_id).status == "pending"
    assert factors.is_protected(alice.id)


def test_a_wrong_code_adds_nothing_and_a_foreign_page_cannot_add(alices, alice, send):
    answer = send(alices, "/account/security/app", code="123456", seed="forged")
    assert answer.status_code == 303
    db.session.rollback()
    assert not factors.is_protected(alice.id)


def test_a_site_can_ask_all_its_moderators_for_one(app, site, bob, alice, sign_in, token, make_comment):
    set_policy(site, second_factor_required=True)
    client = app.test_client()
    sign_in(client, bob)
    answer = client.get("/dashboard/blog")
    assert (answer.status_code, answer.location) == (303, "/account/security")
    assert "asks for a second factor" in client.get("/account/security").text
    assert client.get("/dashboard/_all").location == "/account/security"
    assert client.get("/dashboard/blog/counts").status_code == 303
    headers = token(bob)
    assert app.test_client().get("/api/v1/moderation/comments?site=blog", headers=headers).status_code == 200


def test_with_the_last_factor_the_recovery_codes_go_and_it_is_journalled(alices, alice, app_of, send):
    number = re.search(r'name="factor" value="(\d+)"', alices.get("/account/security").text)[1]
    assert send(alices, "/account/security/remove", factor=number).status_code == 303
    db.session.rollback()
    assert not factors.is_protected(alice.id)
    assert factors.of_account(alice.id, *factors.Kind) == []
    kinds = db.session.scalars(select(Entry.kind).where(Entry.by_account_id == alice.id)).all()
    assert kinds.count("factor") == 2 and "sign-in" in kinds


def test_new_recovery_codes_replace_the_old(app, alices, alice, app_of, sign_in, send):
    _, codes = app_of
    page = send(alices, "/account/security/recovery")
    fresh = re.search(r"<code data-code-list>([^<]+)</code>", page.text)[1].split()
    assert set(fresh).isdisjoint(codes)
    assert send(later_browser(app, alice, sign_in), "/auth/second", code=codes[0]).status_code == 422
    assert send(later_browser(app, alice, sign_in), "/auth/second", code=fresh[0]).status_code == 303


def grow_old(account):
    with write():
        for row in db.session.scalars(select(Session).where(Session.account_id == account.id)):
            row.created_at -= timedelta(hours=1)
            row.proved_at = row.proved_at and row.proved_at - timedelta(hours=1)


def test_what_cannot_be_taken_lightly_asks_once_more(alices, alice, bob, app_of, send):
    show, _ = app_of
    grow_old(alice)
    remove = {"act": "remove", "member": bob.id}
    answer = send(alices, "/dashboard/blog/members", **remove)
    assert (answer.status_code, answer.location.split("?")[0]) == (303, "/auth/again")
    page = alices.get(answer.location)
    assert "Show once more that it is you" in page.text
    assert send(alices, "/dashboard/blog/tokens", name="x").location.startswith("/auth/again")
    assert send(alices, "/account/security/recovery").location.startswith("/auth/again")
    assert send(alices, "/account/erase", sure="yes").location.startswith("/auth/again")
    assert send(alices, "/auth/second", code=show(1), next="/dashboard/blog/members").status_code == 303
    assert send(alices, "/dashboard/blog/members", **remove).location == "/dashboard/blog/members"
    assert alices.get("/dashboard/blog").status_code == 200, "what is not dangerous never asks"


def test_without_a_factor_a_mailed_code_shows_it(make_app, now, csrf):
    from cast import BLOG, add_account, add_site

    from commentsvc.services import signing_in
    from commentsvc.store.people import Role

    app = make_app(MAIL_URL="smtp://mail.example:25")
    with app.app_context():
        site = add_site("blog", BLOG, now=now)
        alice = add_account("alice@example.org", "Alice", site, Role.OWNER, now)
        with write():
            link = signing_in.printed_link(alice, now)
        client = app.test_client()
        page = client.get(f"/auth/link/{link}")
        client.post(f"/auth/link/{link}", data={"csrf_token": csrf(page.text)})
        grow_old(alice)
        token = csrf(client.get("/account").text)
        answer = client.post("/dashboard/blog/tokens", data={"csrf_token": token, "name": "x"})
        assert answer.location.startswith("/auth/again")
        assert "We mail a code to <b><bdi>alice@example.org</bdi></b>" in client.get(answer.location).text
        answer = client.post("/auth/again", data={"csrf_token": token, "next": "/dashboard/blog/settings"})
        assert answer.location == "/auth/code"
        page = client.get("/auth/code").text
        assert "on its way to <b><bdi>alice@example.org</bdi></b>" in page and "belongs to a moderator" not in page
        assert 'href="/auth/again?next=/dashboard/blog/settings"' in page and 'href="/dashboard/blog/settings"' in page
        db.session.remove()


def test_freshness_is_counted_from_either_way_of_showing(now):
    session = Session(created_at=now - timedelta(hours=2), proved_at=None)
    assert not proving.is_fresh(session, now)
    session.proved_at = now - timedelta(minutes=14)
    assert proving.is_fresh(session, now)
