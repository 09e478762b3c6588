"""Second factors: asked for after signing in, required by a site, shown again before what cannot be taken lightly."""

import math
import re
import time
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from commentsvc.core import tokens, totp
from commentsvc.core.errors import Invalid, TooMany
from commentsvc.core.status import Action
from commentsvc.gateways.mail_templates import RenderedMail
from commentsvc.services import moderation
from commentsvc.services import second_factors as second_factors_service
from commentsvc.services import sign_in as sign_in_service
from commentsvc.services.moderation import Moderator
from commentsvc.store import accounts, comments, memberships, sites
from commentsvc.store import second_factors as stored_second_factors
from commentsvc.store.accounts import Account
from commentsvc.store.api_tokens import ApiToken
from commentsvc.store.audit_log import AuditEntry
from commentsvc.store.db import db
from commentsvc.store.jobs import Job
from commentsvc.store.memberships import Role
from commentsvc.store.sanctions import Sanction
from commentsvc.store.second_factors import FactorKind
from commentsvc.store.sessions import Session
from commentsvc.store.transactions import write
from tests.support.cast import BLOG, SECRET, add_account, add_site, set_policy


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
    seed = re.search(r"enter this key: <code>([A-Z2-7 ]+)</code>", html)[1].replace(" ", "")
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
    assert wrong.status_code == 422 and "That code is wrong" in wrong.text
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
    _show, _ = app_of
    client = later_browser(app, alice, sign_in)
    for _ in range(4):
        assert send(client, "/auth/second", code="000000").status_code == 422
    assert send(client, "/auth/second", code="000000").status_code == 401
    assert client.get("/dashboard/blog").location.startswith("/auth/signin")
    db.session.rollback()
    wrong = db.session.scalars(select(AuditEntry).where(AuditEntry.subject == "A wrong code")).all()
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
    assert stored_second_factors.is_protected(alice.id)


def test_a_wrong_code_adds_nothing_and_a_foreign_page_cannot_add(alices, alice, send):
    answer = send(alices, "/account/security/app", code="123456", seed="forged")
    assert answer.status_code == 303
    db.session.rollback()
    assert not stored_second_factors.is_protected(alice.id)


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
    assert app.test_client().get("/api/v1/moderation/comments?site=blog", headers=headers).status_code == 200, (
        "the operator made it"
    )


def test_removing_the_last_factor_removes_the_recovery_codes_and_is_in_the_audit_log(alices, alice, app_of, send):
    number = re.search(r'name="factor" value="(\d+)"', alices.get("/account/security").text)[1]
    assert send(alices, "/account/security/remove", factor=number).status_code == 303
    db.session.rollback()
    assert not stored_second_factors.is_protected(alice.id)
    assert stored_second_factors.of_account(alice.id, *stored_second_factors.FactorKind) == []
    kinds = db.session.scalars(select(AuditEntry.kind).where(AuditEntry.by_account_id == alice.id)).all()
    assert kinds.count("factor") == 2 and "sign-in" in kinds


def test_recovery_codes_are_too_many_bits_to_guess_and_only_their_hashes_are_kept(app_of, alice):
    _, codes = app_of
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([A-Z2-7]{4}-){5}[A-Z2-7]{4}", code) for code in codes), "24 characters of 5 bits"
    kept = {row.secret for row in stored_second_factors.of_account(alice.id, FactorKind.RECOVERY)}
    assert kept == {tokens.digest(code.replace("-", "")) for code in codes}


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
            row.second_factor_at = row.second_factor_at and row.second_factor_at - timedelta(hours=1)


def test_what_cannot_be_taken_lightly_asks_once_more(alices, alice, bob, app_of, send):
    show, _ = app_of
    grow_old(alice)
    remove = {"act": "remove", "member": bob.id}
    answer = send(alices, "/dashboard/blog/members", **remove)
    assert (answer.status_code, answer.location.split("?")[0]) == (303, "/auth/again")
    page = alices.get(answer.location)
    assert "Confirm it&#39;s you" in page.text
    assert send(alices, "/dashboard/blog/tokens", name="x").location.startswith("/auth/again")
    assert send(alices, "/account/security/recovery").location.startswith("/auth/again")
    assert send(alices, "/account/erase", sure="yes").location.startswith("/auth/again")
    assert send(alices, "/auth/second", code=show(1), next="/dashboard/blog/members").status_code == 303
    assert send(alices, "/dashboard/blog/members", **remove).location == "/dashboard/blog/members"
    assert alices.get("/dashboard/blog").status_code == 200, "what is not dangerous never asks"


def test_without_a_factor_a_mailed_code_shows_it(make_app, now, csrf):
    from commentsvc.services import sign_in as sign_in_service
    from commentsvc.store.memberships import Role
    from tests.support.cast import BLOG, add_account, add_site

    app = make_app(MAIL_URL="smtp://mail.example:25")
    with app.app_context():
        site = add_site("blog", BLOG, now=now)
        alice = add_account("alice@example.org", "Alice", site, Role.OWNER, now)
        with write():
            link = sign_in_service.printed_link(alice, now)
        client = app.test_client()
        page = client.get(f"/auth/link/{link}")
        client.post(f"/auth/link/{link}", data={"csrf_token": csrf(page.text)})
        grow_old(alice)
        token = csrf(client.get("/account").text)
        answer = client.post("/dashboard/blog/tokens", data={"csrf_token": token, "name": "x"})
        assert answer.location.startswith("/auth/again")
        assert "email a code to <b><bdi>alice@example.org</bdi></b>" in client.get(answer.location).text
        answer = client.post("/auth/again", data={"csrf_token": token, "next": "/dashboard/blog/settings"})
        assert answer.location == "/auth/code"
        page = client.get("/auth/code").text
        assert "sent a code to <b><bdi>alice@example.org</bdi></b>" in page and "belongs to a moderator" not in page
        assert 'href="/auth/again?next=/dashboard/blog/settings"' in page and 'href="/dashboard/blog/settings"' in page
        db.session.remove()


def test_freshness_is_counted_from_either_way_of_showing(now):
    session = Session(created_at=now - timedelta(hours=2), second_factor_at=None)
    assert not second_factors_service.is_fresh(session, now)
    session.second_factor_at = now - timedelta(minutes=14)
    assert second_factors_service.is_fresh(session, now)


HEADERS = [{}, {"Authorization": "x"}, {"Authorization": "Bearer x"}, {"Authorization": ""}, {"X-Edit-Token": "x"}]


@pytest.mark.parametrize("headers", HEADERS)
def test_no_header_takes_the_place_of_a_second_factor(alices, site, make_comment, csrf, headers):
    comment_id = make_comment(status="pending")
    set_policy(site, second_factor_required=True)
    pages = ["", "/log", "/insights.json", "/insights.csv", "/settings", "/members", "/rules", "/changes", "/counts"]
    for page in pages:
        answer = alices.get(f"/dashboard/blog{page}", headers=headers)
        assert (answer.status_code, answer.location) == (303, "/account/security"), page
    form = {"csrf_token": csrf(alices.get("/account").text)}
    posts = {
        "decide": {"one": f"approve:{comment_id}"},
        "decide-all": {"action": "approve"},
        "tokens": {"name": "x"},
        "settings": {"has": "second_factor_required", "name": "Blog", "origins": "https://blog.example"},
        "members": {"act": "invite", "email": "m@example.org", "role": "owner"},
    }
    for page, more in posts.items():
        answer = alices.post(f"/dashboard/blog/{page}", data={**form, **more}, headers=headers)
        assert (answer.status_code, answer.location) == (303, "/account/security"), page
    db.session.rollback()
    assert comments.by_id(comment_id).status == "pending"
    assert sites.by_key("blog").policy.second_factor_required


def test_a_token_is_worth_as_much_as_the_session_that_made_it(app, alices, alice, site, app_of, make_comment, csrf):
    comment_id = make_comment(status="pending")

    def made():
        form = {"csrf_token": csrf(alices.get("/account").text), "name": "script"}
        page = alices.post("/dashboard/blog/tokens", data=form)
        return {"Authorization": f"Bearer {re.search(r'cst_[A-Za-z0-9_-]+', page.text)[0]}"}

    without = made()
    with write():  # as if made before the session had shown it
        db.session.execute(update(ApiToken).values(has_shown_factor=False))
    again = made()
    set_policy(site, second_factor_required=True)
    outside = app.test_client()
    act = {"ids": [comment_id], "action": "approve"}
    for path in ("comments?site=blog", "decisions?site=blog", "rules?site=blog", f"comments/{comment_id}/judgement"):
        assert outside.get(f"/api/v1/moderation/{path}", headers=without).status_code == 401, path
        assert outside.get(f"/api/v1/moderation/{path}", headers=again).status_code == 200, path
    refused = outside.post("/api/v1/moderation/decisions", json=act, headers=without)
    assert (refused.status_code, refused.json["type"].rpartition("-")[2]) == (401, "proved")
    assert "asks for a second factor" in refused.json["detail"]
    assert outside.get(f"/api/v1/comments/{comment_id}", headers=without).status_code == 404
    undo = outside.post("/api/v1/moderation/decisions", json=act, headers=again).json["undo"]
    assert outside.post("/api/v1/moderation/undo", json={"undo": undo}, headers=without).status_code == 401
    assert outside.post("/api/v1/moderation/undo", json={"undo": undo}, headers=again).status_code == 200


def test_undo_checks_the_factor_of_the_site_it_touches(alices, alice, site, now, make_comment, csrf):
    comment_id = make_comment(status="pending")
    second = add_site("second", "https://second.example", now=now)
    with write():
        memberships.set_role(db.session.merge(alice), sites.by_key("second"), Role.OWNER)
    undo = moderation.decide([comment_id], Action.APPROVE, Moderator(alice), "", now).undo
    set_policy(site, second_factor_required=True)
    form = {"csrf_token": csrf(alices.get("/account").text), "undo": undo}
    answer = alices.post(f"/dashboard/{second.key}/undo", data=form)
    assert (answer.status_code, answer.location) == (303, "/account/security")
    db.session.rollback()
    assert comments.by_id(comment_id).status == "approved"


def test_what_counts_everywhere_takes_the_factor_of_every_site(client, sign_in, site, make_comment, now, csrf):
    comment_id = make_comment()
    second = add_site("second", "https://second.example", now=now)
    set_policy(second, second_factor_required=True)
    with write():
        admin = accounts.make_account("root@example.org", "Root", True, now)
    sign_in(client, admin)
    author_id = comments.by_id(comment_id).author_id
    page = client.get(f"/dashboard/blog/people/{author_id}").text
    subject = re.search(r'id="subject" name="subject"><option value="([^"]+)"', page)[1]
    form = {"csrf_token": csrf(page), "kind": "ban", "subject": subject, "everywhere": "yes", "reason": "x"}
    answer = client.post(f"/dashboard/blog/people/{author_id}/sanction", data=form)
    assert (answer.status_code, answer.location) == (303, "/account/security")
    db.session.rollback()
    assert db.session.scalars(select(Sanction)).all() == []


def test_wrong_codes_count_for_the_account_over_all_its_sessions(app, alice, app_of, sign_in, send, now):
    show, codes = app_of

    def guess(code="000000"):
        client = later_browser(app, alice, sign_in)
        return [send(client, "/auth/second", code=code).status_code for _ in range(4)]

    assert guess() == [422] * 4
    assert guess() == [422, 422, 429, 429], "the sixth wrong one begins a wait"
    db.session.rollback()
    mail = db.session.scalars(select(Job).where(Job.kind == "mail")).one().payload
    assert mail["to"] == "alice@example.org" and "failed two-step verification several times" in mail["text"]
    for right in (show(1), codes[0]):
        answer = send(later_browser(app, alice, sign_in), "/auth/second", code=right)
        assert answer.status_code == 429 and 0 < int(answer.headers["Retry-After"]) <= 60
        assert "Please wait one minute" in answer.text
    answer = send(later_browser(app, alice, sign_in), "/auth/second/passkey", answer="{}")
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)

    missed_earlier(alice, minutes=1)
    client = later_browser(app, alice, sign_in)
    assert send(client, "/auth/second", code=codes[0]).status_code == 303
    db.session.rollback()
    assert db.session.get(Account, alice.id).factor_misses == 0, "who shows it begins anew"


def missed_earlier(account, **by):
    with write():
        db.session.merge(account).factor_missed_at -= timedelta(**by)


def test_waits_grow_to_an_hour_and_no_further(app, alice, app_of, sign_in, send):
    _, codes = app_of
    waits = []
    for _ in range(5):
        assert send(later_browser(app, alice, sign_in), "/auth/second", code="000000").status_code == 422
    for _ in range(8):
        client = later_browser(app, alice, sign_in)
        assert send(client, "/auth/second", code="000000").status_code == 422
        waits.append(int(send(client, "/auth/second", code="000000").headers["Retry-After"]))
        missed_earlier(alice, minutes=60)
    assert [math.ceil(wait / 60) for wait in waits] == [1, 2, 4, 8, 60, 60, 60, 60]
    assert send(later_browser(app, alice, sign_in), "/auth/second", code=codes[0]).status_code == 303


def test_wrong_passkeys_count_too(app, alice, app_of, sign_in, send):
    for n in range(6):
        answer = send(later_browser(app, alice, sign_in), "/auth/second/passkey", answer="{}")
        assert answer.status_code == 422, n
    answer = send(later_browser(app, alice, sign_in), "/auth/second", code="000000")
    assert answer.status_code == 429


def test_tries_at_the_same_moment_are_counted_one_by_one(app, alice, app_of, at_once, now):
    with write():
        numbers = [row.id for row in [proving_session(alice, n, now) for n in range(12)]]
        account_id = alice.id

    def guess(number):
        def run():
            with app.app_context():
                try:
                    args = ("000000", SECRET, lambda holder: RenderedMail("S", "T", "H"), "192.0.2.1", now)
                    second_factors_service.by_code(db.session.get_one(Account, account_id), number, *args)
                finally:
                    db.session.remove()

        return run

    answers = [type(answer) for answer in at_once(*map(guess, numbers))]
    assert (answers.count(Invalid), answers.count(TooMany)) == (6, 6)


def proving_session(account, number, now):
    row = Session(account_id=account.id, token_hash=bytes([number]) * 32, ip="", user_agent="")
    row.provider, row.created_at, row.expires_at, row.tries = "email", now, now + timedelta(hours=1), 0
    db.session.add(row)
    db.session.flush()
    return row


def test_second_factors_are_limited_by_network_too(make_app, now, csrf):
    app = make_app(LIMITS="on")
    with app.app_context():
        alice = add_account("alice@example.org", "Alice", add_site("blog", BLOG, now=now), Role.OWNER, now)
        with write():
            path = "/auth/link/" + sign_in_service.printed_link(alice, now)
        client = app.test_client()
        client.post(path, data={"csrf_token": csrf(client.get(path).text)})
        form = {"csrf_token": csrf(client.get("/auth/second").text), "code": "000000"}
        app.extensions["limits"].take = lambda limit, key: 7.0
        for where in ("/auth/second", "/auth/second/passkey"):
            answer = client.post(where, data=form)
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7"), where
        db.session.remove()


def test_a_session_that_showed_a_factor_which_is_gone_has_shown_none(alices, alice, site, app_of, send):
    set_policy(site, second_factor_required=True)
    assert alices.get("/dashboard/blog").status_code == 200
    number = re.search(r'name="factor" value="(\d+)"', alices.get("/account/security").text)[1]
    send(alices, "/account/security/remove", factor=number)
    assert alices.get("/dashboard/blog").location == "/account/security"


def test_removing_a_factor_that_is_not_there_is_refused_on_the_page(alices, send):
    send(alices, "/account/security/remove", factor="4711")
    page = alices.get("/account/security").text
    assert "You have no such app or passkey." in page
    assert "Removed." not in page
