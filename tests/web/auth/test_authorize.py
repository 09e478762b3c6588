"""Signing in from a blog: the authorization code, and the rights of the widget's tokens."""

import base64
import hashlib
import html
import json
import re
import secrets
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from sqlalchemy import select, update

from commentsvc.store import accounts, memberships, widget_tokens
from commentsvc.store.authors import Author
from commentsvc.store.db import db
from commentsvc.store.jobs import Job
from commentsvc.store.transactions import write
from commentsvc.store.widget_tokens import AuthCode, WidgetToken
from tests.support.cast import BLOG, OTHER, find_csrf, set_policy

PAGE = BLOG + "/post"


class Widget:
    """One try to sign in, as the widget makes it."""

    def __init__(self, client, site="blog", redirect_uri=PAGE, mode="fragment", **more):
        self.client, self.site, self.redirect_uri = client, site, redirect_uri
        self.verifier, self.state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "client_id": site,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "state": self.state,
            "response_mode": mode,
            **more,
        }
        self.path = "/auth/authorize?" + urlencode({k: v for k, v in query.items() if v is not None})

    def open(self):
        return self.client.get(self.path)

    def confirm(self, act="continue", name="Ann Lee"):
        form = {"csrf_token": find_csrf(self.open().text), "act": act, "name": name}
        return self.client.post(self.path, data=form)

    def code(self):
        return self.answer(self.confirm())["code"]

    def answer(self, response):
        assert response.status_code == 303, response.text
        target = urlsplit(response.location)
        assert response.location.startswith(self.redirect_uri + "#")
        return dict(parse_qsl(target.fragment))

    def trade(self, code, **changes):
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri,
                "client_id": self.site, "code_verifier": self.verifier, **changes}  # fmt: skip
        return self.client.post("/auth/token", data=form, headers={"Origin": origin(self.redirect_uri)})

    def refresh(self, token, **changes):
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": self.site, **changes}
        return self.client.post("/auth/token", data=form, headers={"Origin": origin(self.redirect_uri)})


def origin(address):
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


@pytest.fixture
def enter(app, client, site):
    """Sign in by mail from the widget's window, as somebody new; gives the last answer."""

    def go(widget, email="ann@example.org"):
        page = widget.open()
        form = {"csrf_token": find_csrf(page.text), "next": hidden_next(page), "email": email}
        widget.client.post("/auth/signin", data=form)
        db.session.rollback()  # whatever was read before, this is a new look
        mail = db.session.scalars(select(Job).order_by(Job.id.desc())).first().payload
        db.session.rollback()
        code = re.search(r"(\d{3}) (\d{3})", mail["text"])[0]
        page = widget.client.get("/auth/code")
        return widget.client.post("/auth/code", data={"csrf_token": find_csrf(page.text), "code": code})

    return go


def hidden_next(page):
    return html.unescape(re.search(r'name="next" value="([^"]*)"', page.text)[1])


@pytest.fixture
def signed_in(client, enter):
    """A widget whose reader has signed in at the service."""

    def make(**more):
        widget = Widget(client, **more)
        enter(widget)
        return widget

    return make


@pytest.fixture
def tokens_of(signed_in):
    widget = signed_in()
    return widget, widget.trade(widget.code()).json


def post(client, token, site="blog", at=BLOG, **fields):
    body = {"site": site, "thread": "/post", "body": "Hello", **fields}
    return client.post("/api/v1/comments", json=body, headers={"Authorization": f"Bearer {token}", "Origin": at})


def test_somebody_new_signs_in_by_mail_chooses_a_name_and_comments(client, site, enter):
    widget = Widget(client)
    page = widget.open()
    assert "Sign in to comment on <bdi>Blog notes</bdi>" in page.text
    entered = enter(widget)
    assert (entered.status_code, entered.location) == (303, widget.path)
    page = widget.open()
    assert "Continue as <bdi>ann</bdi> on <bdi>Blog notes</bdi>" in page.text

    answer = widget.answer(widget.confirm(name="Ann Lee"))
    assert (answer["state"], answer["iss"]) == (widget.state, "https://comments.example")
    traded = widget.trade(answer["code"])
    assert traded.status_code == 200, traded.text
    assert traded.headers["Access-Control-Allow-Origin"] == BLOG
    assert traded.headers["Cache-Control"] == "no-store"
    token = traded.json
    assert (token["token_type"].lower(), token["expires_in"], token["scope"]) == ("bearer", 3600, "comment")

    posted = post(client, token["access_token"])
    assert posted.status_code == 202, posted.text
    assert posted.json["author"] == {
        "name": "Ann Lee",
        "website": None,
        "avatar": None,
        "provider": "email",
        "role": None,
    }
    assert "edit_token" not in posted.json
    own = {"Authorization": f"Bearer {token['access_token']}"}
    assert client.get(f"/api/v1/comments/{posted.json['id']}", headers=own).json["body"] == "Hello"
    viewer = client.get("/api/v1/viewer?site=blog&thread=/post", headers=own).json
    assert (viewer["account"]["name"], viewer["account"]["provider"]) == ("Ann Lee", "email")
    assert viewer["account"]["has_email"] is True
    assert [c["id"] for c in viewer["pending"]] == [posted.json["id"]]
    assert viewer["rights"] == {"comment": True, "vote": True, "moderate": False}
    assert viewer["own"] == [posted.json["id"]], "it can still be changed"


def test_who_was_here_before_signs_in_without_being_asked_again(client, signed_in, enter):
    widget = signed_in()
    widget.code_used = widget.trade(widget.code())
    again = Widget(client)
    assert "Continue as" in again.open().text, "a window that opens by itself hands nothing over"
    client.delete_cookie("__Host-commentsvc")
    third = Widget(client)
    enter(third)
    assert third.answer(third.open())["code"], "just signed in, for a blog known before"


def test_nothing_is_handed_over_without_a_click(client, signed_in):
    widget = signed_in()
    widget.code()
    other = Widget(client, prompt="none")
    for _ in range(3):
        assert other.open().status_code == 200


def test_cancel_and_another_account(app, client, signed_in):
    widget = signed_in()
    assert widget.answer(widget.confirm("cancel")) == {
        "commentsvc": "1", "error": "access_denied", "state": widget.state, "iss": "https://comments.example",
    }  # fmt: skip
    kept = client.get_cookie("__Host-commentsvc", domain="localhost").value
    assert widget.confirm("other").location == widget.path + "&prompt=login"
    assert "Sign in to comment on" in widget.open().text
    thief = app.test_client()
    thief.set_cookie("__Host-commentsvc", kept, domain="localhost")
    assert "Sign in to comment on" in thief.get(widget.path).text, "the session has ended in the database too"


def test_a_popup_gets_a_page_that_tells_exactly_its_opener(client, signed_in):
    widget = signed_in(mode="web_message")
    page = widget.confirm()
    data = {k: html.unescape(v) for k, v in re.findall(r'data-(\w+)="([^"]*)"', page.text)}
    assert data["origin"] == BLOG
    answer = json.loads(html.unescape(data["answer"]))
    assert (answer["state"], answer["iss"]) == (widget.state, "https://comments.example")
    assert data["target"].startswith(PAGE + "#commentsvc=1&code=")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "https://evil.example/post"},
        {"redirect_uri": "https://blog.example.evil.example/"},
        {"redirect_uri": "https://blog.example@evil.example/"},
        {"redirect_uri": "http://blog.example/"},
        {"redirect_uri": "https://blog.example:8443/"},
        {"redirect_uri": "https://sub.blog.example/"},
        {"redirect_uri": "https://blog.example/#x"},
        {"redirect_uri": "https://blog.example\\@evil.example/"},
        {"redirect_uri": "//blog.example/"},
        {"redirect_uri": "javascript:alert(1)//https://blog.example"},
        {"redirect_uri": OTHER + "/post"},
        {"redirect_uri": BLOG + "/" + "x" * 2048},
        {"response_type": "token"},
        {"response_type": None},
        {"response_mode": "query"},
        {"state": None},
        {"state": "s" * 501},
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
    ],
)
def test_a_request_that_is_not_ours_ends_on_a_page_and_goes_nowhere(client, signed_in, other_site, changes):
    signed_in()
    widget = Widget(client, **{k: v for k, v in changes.items() if k not in ("redirect_uri", "client_id")})
    if set(changes) & {"redirect_uri", "client_id"}:
        query = {**dict(parse_qsl(urlsplit(widget.path).query)), **changes}
        widget.path = "/auth/authorize?" + urlencode({k: v for k, v in query.items() if v is not None})
    for answer in (client.get(widget.path), _post(client, widget.path)):
        assert answer.status_code == 403, answer.text
        assert "Location" not in answer.headers
        assert "not opened correctly" in answer.text or "response_mode" in answer.text
    assert db.session.scalars(select(AuthCode)).all() == []


def _post(client, path):
    token = find_csrf(client.get(Widget(client).path).text)
    return client.post(path, data={"csrf_token": token, "act": "continue", "name": "Ann"})


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "x" * 43},
        {"code_verifier": ""},
        {"redirect_uri": BLOG + "/other"},
        {"code": "csc_madeup"},
        {"grant_type": "password"},
        {"grant_type": "client_credentials"},
    ],
)
def test_a_code_is_worth_nothing_without_all_that_belongs_to_it(signed_in, changes):
    widget = signed_in()
    code = widget.code()
    refused = widget.trade(**{"code": code, **changes})
    assert refused.status_code in (400, 401), refused.text
    assert "access_token" not in refused.text
    assert db.session.scalars(select(WidgetToken)).all() == []


def test_a_code_of_one_blog_is_worth_nothing_on_another(client, signed_in, other_site):
    widget = signed_in()
    code = widget.code()
    thief = Widget(client, "other", OTHER + "/post")
    thief.verifier, thief.redirect_uri = widget.verifier, OTHER + "/post"
    assert thief.trade(code, redirect_uri=PAGE).status_code == 400
    assert widget.client.post("/auth/token", data={"client_id": "blog"}, headers={"Origin": OTHER}).status_code == 403
    assert widget.trade(code).status_code == 200


def test_a_code_ends_after_a_minute(signed_in):
    widget = signed_in()
    code = widget.code()
    db.session.execute(update(AuthCode).values(expires_at=AuthCode.created_at))
    db.session.commit()
    assert widget.trade(code).json["error"] == "invalid_grant"


def test_a_code_is_good_once_and_trying_it_again_ends_what_it_was_traded_for(client, signed_in):
    widget = signed_in()
    code = widget.code()
    token = widget.trade(code).json
    assert post(client, token["access_token"]).status_code == 202
    assert widget.trade(code).json["error"] == "invalid_grant"
    assert post(client, token["access_token"], body="again").status_code == 401
    assert widget.refresh(token["refresh_token"]).status_code == 400


def test_a_code_brought_by_two_at_once_is_traded_once(app, signed_in, at_once):
    widget = signed_in()
    code = widget.code()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": PAGE, "client_id": "blog",
            "code_verifier": widget.verifier}  # fmt: skip
    answers = at_once(*[lambda: app.test_client().post("/auth/token", data=form)] * 4)
    assert sorted(a.status_code for a in answers) == [200, 400, 400, 400]


def test_a_refresh_token_is_good_once_and_a_copied_one_ends_all(client, tokens_of):
    widget, first = tokens_of
    second = widget.refresh(first["refresh_token"]).json
    assert second["access_token"] != first["access_token"]
    assert post(client, second["access_token"]).status_code == 202
    assert post(client, first["access_token"], body="b").status_code == 202, "lives its hour out"

    assert widget.refresh(first["refresh_token"]).json["error"] == "invalid_grant"
    assert widget.refresh(second["refresh_token"]).status_code == 400
    assert post(client, second["access_token"], body="c").status_code == 401


def test_tokens_end_by_themselves(client, tokens_of, now):
    widget, token = tokens_of
    for row in db.session.scalars(select(WidgetToken)):
        life = row.expires_at - row.created_at
        assert life == (timedelta(hours=1) if row.kind == "access" else timedelta(days=30))
    db.session.execute(update(WidgetToken).values(expires_at=now))
    db.session.commit()
    assert post(client, token["access_token"]).status_code == 401
    assert widget.refresh(token["refresh_token"]).status_code == 400


def test_signing_out_ends_both_tokens_and_only_for_pages_of_the_blog(client, tokens_of, other_site):
    _, token = tokens_of
    form = {"token": token["refresh_token"], "client_id": "blog"}
    assert client.post("/auth/revoke", data=form, headers={"Origin": OTHER}).status_code == 403
    assert (
        client.post("/auth/revoke", data={**form, "client_id": "other"}, headers={"Origin": OTHER}).status_code == 200
    )
    assert post(client, token["access_token"]).status_code == 202
    revoked = client.post("/auth/revoke", data=form, headers={"Origin": BLOG})
    assert (revoked.status_code, revoked.headers["Access-Control-Allow-Origin"]) == (200, BLOG)
    assert post(client, token["access_token"], body="b").status_code == 401
    assert client.post("/auth/revoke", data={**form, "token": "unknown"}, headers={"Origin": BLOG}).status_code == 200


def test_a_token_of_one_blog_is_worth_nothing_on_another(client, tokens_of, other_site, make_comment):
    _, token = tokens_of
    auth = {"Authorization": f"Bearer {token['access_token']}"}
    assert post(client, token["access_token"], site="other", at=OTHER).status_code == 403
    assert client.get("/api/v1/viewer?site=other&thread=/post", headers=auth).status_code == 403
    mine = post(client, token["access_token"]).json["id"]
    db.session.rollback()
    db.session.execute(update(WidgetToken).values(site_id=other_site.id))  # the same account, signed in there
    db.session.commit()
    assert client.get(f"/api/v1/comments/{mine}", headers=auth).status_code == 404
    assert client.delete(f"/api/v1/comments/{mine}", headers=auth).status_code == 404


def test_a_moderators_widget_token_moderates_nothing(client, signed_in, alice, make_comment):
    widget = signed_in()
    token = widget.trade(widget.code()).json["access_token"]
    ann = accounts.account_by_email("ann@example.org")
    memberships.set_role(ann, db.session.merge(alice).memberships[0].site, memberships.Role.OWNER)
    db.session.commit()
    waiting = make_comment(status="pending")
    auth = {"Authorization": f"Bearer {token}"}
    decision = {"ids": [waiting], "action": "approve"}
    for answer in (
        client.post("/api/v1/moderation/decisions", json=decision, headers=auth),
        client.get("/api/v1/moderation/comments?site=blog", headers=auth),
        client.get("/api/v1/moderation/rules?site=blog", headers=auth),
    ):
        assert answer.status_code == 403, answer.text
    assert client.get(f"/api/v1/comments/{waiting}", headers=auth).status_code == 404
    assert post(client, token).json["author"]["role"] == "owner", "but it is the moderator who writes"


def test_a_guest_may_not_use_an_address_that_belongs_to_an_account(client, signed_in):
    widget = signed_in()
    guest = {"name": "Ann", "email": "Ann@example.org"}
    body = {"site": "blog", "thread": "/post", "body": "Hello", "author": guest}
    refused = client.post("/api/v1/comments", json=body)
    assert refused.status_code == 422
    assert refused.json["errors"][0]["field"] == "author.email"
    assert "Sign in" in refused.json["errors"][0]["message"]
    assert widget.open().status_code == 200


def test_what_a_guest_wrote_before_proving_the_address_becomes_theirs(client, site, make_comment, enter):
    ids = [make_comment(name="Ann", body=f"{n}") for n in range(3)] + [make_comment(name="Ann Old", body="x")]
    stranger = make_comment(name="Bea", body="not hers")
    widget = Widget(client)
    enter(widget)
    token = widget.trade(widget.code()).json["access_token"]
    auth = {"Authorization": f"Bearer {token}"}
    assert all("body" in client.get(f"/api/v1/comments/{i}", headers=auth).json for i in ids)
    assert "body" not in client.get(f"/api/v1/comments/{stranger}", headers=auth).json
    mine = db.session.scalars(select(Author).where(Author.account_id.is_not(None))).one()
    assert mine.approved == 4
    assert widget_tokens.has_signed_in(mine.account, site)


def test_where_signing_in_is_required_a_guest_is_asked_to(client, site, tokens_of):
    _, token = tokens_of
    set_policy(site, signin_required=True)
    body = {"site": "blog", "thread": "/post", "body": "Hi", "author": {"name": "G", "email": "g@example.org"}}
    refused = client.post("/api/v1/comments", json=body)
    assert (refused.status_code, refused.json["detail"]) == (403, "Please sign in to comment here.")
    assert post(client, token["access_token"]).status_code == 202


def test_the_windows_form_may_lead_to_the_blog_and_nowhere_else(client, site, enter):
    widget = Widget(client)
    pages = [widget.open()]
    enter(widget)
    pages.append(widget.open())
    for page in pages:
        assert f"form-action 'self' {BLOG};" in page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["Cache-Control"] == "no-store"
    assert parse_qs(urlsplit(widget.path).query)["state"] == [widget.state]


def test_forms_of_the_window_need_their_token(client, signed_in):
    widget = signed_in()
    assert client.post(widget.path, data={"act": "continue", "name": "Ann"}).status_code == 400
    assert db.session.scalars(select(AuthCode)).all() == []


def test_only_hashes_are_kept(signed_in):
    widget = signed_in()
    code = widget.code()
    token = widget.trade(code).json
    rows = [*db.session.scalars(select(AuthCode)), *db.session.scalars(select(WidgetToken))]
    kept = " ".join(str(vars(row)) for row in rows)
    for secret in (code, token["access_token"], token["refresh_token"], widget.verifier):
        assert secret not in kept


@pytest.mark.parametrize("name", ["Alice", "àlice", "Alice (owner)", "Admin", "Blog notes"])
def test_nobody_takes_the_name_of_staff_when_they_sign_in_from_the_blog(client, alice, enter, name):
    widget = Widget(client)
    enter(widget)
    refused = widget.confirm(name=name)
    assert refused.status_code == 422 and "Please choose another" in refused.text
    assert widget.answer(widget.confirm(name="Alicia Keys"))["code"]


def test_an_account_that_a_provider_named_like_staff_chooses_another_name_first(app, client, alice, bob, site, person):
    set_policy(site, mode="off")
    headers = {**person("Admin"), "Origin": BLOG}
    body = {"site": "blog", "thread": "/post", "body": "Hi"}
    refused = client.post("/api/v1/comments", json=body, headers=headers)
    assert refused.status_code == 422 and refused.json["errors"][0]["field"] == "author.name"
    assert "Sign in again" in refused.json["detail"]


def test_who_signs_in_again_under_a_name_of_staff_is_asked_for_another(client, site, alice, enter):
    widget = Widget(client)
    enter(widget)
    widget.code()
    db.session.rollback()
    with write():
        accounts.account_by_email("ann@example.org").name = "Alice"
    client.delete_cookie("__Host-commentsvc")
    again = Widget(client)
    assert enter(again).location.startswith("/auth/authorize")
    page = again.open()
    assert page.status_code == 200 and 'value="Alice"' in page.text
