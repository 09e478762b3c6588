"""Judging through the API: rules, tester, backtest, explanations, sanctions, challenges, nudges, the spam service."""

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from commentsvc.core import proof_of_work
from commentsvc.page_cache.middleware import POSTS_MAX
from commentsvc.store import accounts, comments, memberships
from commentsvc.store.db import db
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write
from tests.support.cast import BLOG, add_site, set_policy

RULE = {"site": "blog", "kind": "words", "value": "casino", "outcome": "hold"}


@pytest.fixture
def send(client):
    def post(body="Hello", name="Carol", headers=None, **more):
        email = f"{name.lower()}@example.org"
        document = {"site": "blog", "thread": "/post", "body": body, "author": {"name": name, "email": email}, **more}
        return client.post("/api/v1/comments", json=document, headers={"Origin": BLOG, **(headers or {})})

    return post


@pytest.fixture
def open_site(site):
    set_policy(site, mode="rules")
    return site


def test_an_owner_keeps_rules_and_a_moderator_does_not(client, alice, bob, mallory, token, open_site, send):
    owner = token(alice)
    made = client.post("/api/v1/moderation/rules", json={**RULE, "language": "en"}, headers=owner)
    assert made.status_code == 201 and made.json["language"] == "en"
    path = f"/api/v1/moderation/rules/{made.json['id']}"
    assert send("the casino is closed").json["status"] == "pending"
    assert client.patch(path, json={"is_on": False, "value": "roulette"}, headers=owner).json["is_on"] is False
    assert send("the casino is open").json["status"] == "approved"
    assert client.patch(path, json={"value": " "}, headers=owner).status_code == 422
    for other, status in ((bob, 403), (mallory, 404)):
        assert client.patch(path, json={"is_on": True}, headers=token(other)).status_code == status
        assert (
            client.post(
                "/api/v1/moderation/rules/test", json={"site": "blog", "rule": RULE}, headers=token(other)
            ).status_code
            == status
        )
    assert client.delete(path, headers=owner).status_code == 204


def test_a_long_list_of_an_owner_fits_and_a_long_comment_does_not(client, alice, token, open_site):
    value = "\n".join(f"word{n}" for n in range(100_000))
    assert (
        client.post("/api/v1/moderation/rules", json={**RULE, "value": value}, headers=token(alice)).status_code == 201
    )
    assert client.post("/api/v1/comments", json={"site": "blog", "thread": "/", "body": value}).status_code == 413


def test_a_rule_is_tried_on_a_text_before_there_is_one(client, alice, token, site):
    owner = token(alice)
    asked = {"site": "blog", "rule": {"kind": "domains", "value": "bad.example", "outcome": "spam"}}
    said = client.post(
        "/api/v1/moderation/rules/test", json={**asked, "body": "see https://www.bad.example"}, headers=owner
    )
    assert said.json["speaks"] and said.json["reason"]["match"] == "bad.example"
    silent = client.post("/api/v1/moderation/rules/test", json={**asked, "body": "see nothing"}, headers=owner)
    assert silent.json == {"speaks": False, "reason": None}
    wrong = {"site": "blog", "rule": {"kind": "ip", "value": "home"}}
    assert client.post("/api/v1/moderation/rules/test", json=wrong, headers=owner).json["errors"][0]["field"] == "value"


def test_a_backtest_shows_what_would_change(client, alice, token, open_site, send):
    send("the casino")
    send("the garden")
    owner = token(alice)
    found = client.post("/api/v1/moderation/rules/backtest", json=RULE, headers=owner).json
    assert (found["tested"], found["caught"], found["changed"]) == (2, 1, 1)
    assert found["changes"] == [{"from": "approved", "to": "pending", "count": 1}]
    example = found["changed_examples"][0]
    assert (example["match"], example["today"]["status"], example["then"]["status"]) == (
        "casino",
        "approved",
        "pending",
    )
    assert found["examples"][0]["body"] == "the casino"
    whole = {"site": "blog", "rules": [], "settings": {"mode": "all"}}
    assert client.post("/api/v1/moderation/rules/backtest", json=whole, headers=owner).json["changed"] == 2
    wrong = {"site": "blog", "settings": {"colour": 1}}
    assert client.post("/api/v1/moderation/rules/backtest", json=wrong, headers=owner).status_code == 422


def test_any_moderator_sees_why_and_nobody_else(client, alice, bob, mallory, token, open_site, send):
    comment_id = send("the casino").json["id"]
    client.post("/api/v1/moderation/rules", json=RULE, headers=token(alice))
    path = f"/api/v1/moderation/comments/{comment_id}/judgement"
    found = client.get(path, headers=token(bob)).json
    assert (found["then"]["status"], found["now"]["status"]) == ("approved", "pending")
    assert found["then"]["settings"] != found["now"]["settings"]
    spoke = {check["rule"]: check["match"] for check in found["now"]["checks"] if check["outcome"] == "hold"}
    assert list(spoke.values()) == ["casino"]
    assert client.get(path, headers=token(mallory)).status_code == 404
    assert client.get(path).status_code == 401


def test_an_owner_gives_a_thread_a_mode(client, alice, bob, token, open_site, send):
    asked = {"site": "blog", "thread": "/post", "mode": "all"}
    assert client.post("/api/v1/moderation/threads", json=asked, headers=token(bob)).status_code == 403
    assert client.post("/api/v1/moderation/threads", json=asked, headers=token(alice)).status_code == 200
    assert send().json["status"] == "pending"
    client.post("/api/v1/moderation/threads", json={**asked, "mode": ""}, headers=token(alice))
    assert send("Hello again").json["status"] == "approved"


def test_a_warned_reader_is_told_acknowledges_and_writes_on(client, bob, token, open_site, send, now):
    with write():
        carol = accounts.make_account("carol@example.org", "Carol", False, now)
    asked = {"site": "blog", "kind": "warn", "subject_kind": "account", "subject": str(carol.id), "reason": "Be kind."}
    made = client.post("/api/v1/moderation/sanctions", json=asked, headers=token(bob))
    assert made.status_code == 201 and made.json["is_active"]
    headers = token(carol)
    seen = client.get("/api/v1/viewer?site=blog&thread=/post", headers=headers).json
    assert seen["sanctions"][0]["reason"] == "Be kind." and seen["rights"]["comment"] is False
    refused = send(headers=headers)
    assert refused.status_code == 403 and refused.json["type"].endswith("#problem-warned")
    assert "Be kind." in refused.json["detail"] and refused.json["sanction"] == seen["sanctions"][0]
    acknowledged = {"site": "blog", "sanction": made.json["id"], "token": "0" * 32}
    path = "/api/v1/sanctions/acknowledge"
    assert client.post(path, json=acknowledged, headers={"Origin": BLOG}).status_code == 404
    acknowledged["token"] = refused.json["sanction"]["token"]
    assert client.post(path, json=acknowledged, headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.post(path, json=acknowledged, headers={"Origin": BLOG}).status_code == 204
    assert send(headers=headers).status_code == 201
    assert client.get("/api/v1/viewer?site=blog&thread=/post", headers=headers).json["sanctions"] == []


def test_sanctions_are_imposed_listed_and_lifted_by_moderators_of_the_site_alone(
    client, bob, mallory, token, open_site, send
):
    until = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    asked = {
        "site": "blog", "kind": "suspend", "subject_kind": "email", "subject": "eve@example.org",
        "until": until, "reject_days": 7,
    }  # fmt: skip
    set_policy(open_site, moderators_see_addresses=True)
    eves = send("Buy this", "Eve").json["id"]
    assert client.post("/api/v1/moderation/sanctions", json=asked, headers=token(mallory)).status_code == 404
    made = client.post("/api/v1/moderation/sanctions", json=asked, headers=token(bob)).json
    assert send("Buy that", "Eve").json["type"].endswith("#problem-suspended")
    db.session.rollback()
    assert comments.by_id(eves).status == "rejected"
    listed = client.get("/api/v1/moderation/sanctions?site=blog", headers=token(bob)).json["sanctions"]
    assert [s["id"] for s in listed] == [made["id"]]
    path = f"/api/v1/moderation/sanctions/{made['id']}"
    assert client.get("/api/v1/moderation/sanctions?site=blog", headers=token(mallory)).status_code == 404
    assert client.delete(path, headers=token(mallory)).status_code == 404
    assert client.delete(path, headers=token(bob)).json["is_active"] is False
    assert client.delete(path, headers=token(bob)).status_code == 409
    db.session.rollback()
    assert comments.by_id(eves).status == "approved"
    for wrong, field in (({"kind": "exile"}, "kind"), ({"subject": "eve"}, "subject"), ({"until": "soon"}, "until")):
        refused = client.post("/api/v1/moderation/sanctions", json={**asked, **wrong}, headers=token(bob))
        assert refused.status_code == 422 and refused.json["errors"][0]["field"] == field


def test_who_is_shadow_banned_cannot_tell_and_others_see_nothing(client, bob, token, open_site, send):
    set_policy(open_site, moderators_see_addresses=True)
    asked = {"site": "blog", "kind": "shadow", "subject_kind": "email", "subject": "eve@example.org"}
    client.post("/api/v1/moderation/sanctions", json=asked, headers=token(bob))
    posted = send("Buy this", "Eve")
    assert (posted.status_code, posted.json["status"], posted.json["reason"]) == (201, "approved", None)
    path, own = f"/api/v1/comments/{posted.json['id']}", {"X-Edit-Token": posted.json["edit_token"]}
    assert client.get(path, headers=own).json["status"] == "approved"
    fragment = client.get(f"/embed/v1/comment?id={posted.json['id']}", headers=own).text
    assert "Buy this" in fragment and "moderation" not in fragment and "not published" not in fragment
    assert "data-status" not in fragment
    assert client.get(path).status_code == 404
    assert client.get("/api/v1/comments?site=blog&thread=/post").json["comments"] == []
    assert "Buy this" not in client.get("/embed/v1/comments?site=blog&thread=/post").text
    assert client.get(path, headers=token(bob)).json["status"] == "rejected"
    edited = client.patch(path, json={"body": "Buy that"}, headers={**own, "Origin": BLOG})
    assert (edited.status_code, edited.json["status"]) == (200, "approved")


def test_a_challenge_comes_as_a_problem_and_its_solution_works_once(make_app, send_to, now):
    app = make_app(LIMITS="on")
    with app.app_context():
        site = add_site("blog", BLOG, now=now, mode="rules", min_interval_s=0, challenge_after=2)
        assert site.id
    first = [send_to(app, name=f"P{n}", body=f"Thought {n}").status_code for n in range(3)]
    assert first == [201, 201, 428]
    asked = send_to(app, name="P4", body="Thought 4")
    assert asked.json["type"].endswith("#problem-challenge") and asked.content_type == "application/problem+json"
    assert asked.headers["Access-Control-Allow-Origin"] == BLOG
    solution = proof_of_work.solve(asked.json["challenge"])
    assert send_to(app, name="P4", body="Thought 4", challenge=solution).status_code == 201
    assert send_to(app, name="P5", body="Thought 5", challenge=solution).status_code == 428
    assert send_to(app, name="P5", body="Thought 5", challenge="nonsense").json["errors"][0]["field"] == "challenge"


def test_a_nudge_comes_as_a_problem_and_is_not_a_duplicate(client, alice, token, open_site, send):
    client.post("/api/v1/moderation/rules", json=RULE, headers=token(alice))
    set_policy(open_site, warn_before_hold=True)
    key = {"Idempotency-Key": "one"}
    nudged = send("the casino", headers=key)
    assert nudged.status_code == 409 and nudged.json["type"].endswith("#problem-nudge")
    assert nudged.json["reasons"][0]["match"] == "casino"
    sent = send("the casino", headers=key, send_anyway=True)
    assert (sent.status_code, sent.json["status"]) == (202, "pending")


def test_traps_and_haste_are_heard_from_the_page(make_app, open_site, send, send_to):
    assert send(trap="http://spam.example").json["status"] == "spam"
    assert send("Wrong", elapsed_ms=-1).status_code == 422
    assert send("Quick", elapsed_ms=10).json["status"] == "approved", "where limits are off, programs may write"
    set_policy(open_site, min_interval_s=0, challenge_after=0)
    limited = make_app(LIMITS="on")
    assert send_to(limited, "Quicker", "Dave", elapsed_ms=10).json["status"] == "pending"
    assert send_to(limited, "Slow", "Dave", elapsed_ms=10_000).json["status"] == "approved"
    assert send_to(limited, "Thanks!", "Dave", elapsed_ms=900).json["status"] == "approved", "who is known may be quick"


@pytest.fixture
def send_to():
    def post(app, body="Hello", name="Carol", **more):
        email = f"{name.lower()}@example.org"
        document = {"site": "blog", "thread": "/post", "body": body, "author": {"name": name, "email": email}, **more}
        return app.test_client().post("/api/v1/comments", json=document, headers={"Origin": BLOG})

    return post


class Service(BaseHTTPRequestHandler):
    behaviour = "false"
    looked_at = None
    is_answered: threading.Event

    def do_POST(self):
        self.server.seen.append(self.looked_at._value)
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.behaviour == "hang" and self.is_answered.wait(30):
            return
        self.send_response(500 if self.behaviour == "error" else 200)
        self.end_headers()
        # After half a minute of waiting: "false", by which the comment would be published.
        answers = {"nonsense": b"<html>nonsense", "hang": b"false"}
        self.wfile.write(answers.get(self.behaviour, self.behaviour.encode()))

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("false", 201), ("true", 202), ("error", 202), ("nonsense", 202), ("hang", 202)],
)
def test_when_the_spam_service_fails_the_comment_waits_and_the_reader_is_answered(
    make_app, send_to, now, behaviour, status, monkeypatch
):
    monkeypatch.setattr(Service, "behaviour", behaviour)
    is_answered = threading.Event()
    monkeypatch.setattr(Service, "is_answered", is_answered, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads, server.block_on_close = True, False
    server.seen = []
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        app = make_app(AKISMET_KEY="key", AKISMET_URL=f"http://127.0.0.1:{server.server_port}/1.1")
        monkeypatch.setattr(Service, "looked_at", app.extensions["page_cache"]._post_limit._places)
        with app.app_context():
            add_site("blog", BLOG, now=now, mode="rules")
        posted = send_to(app)
    finally:
        is_answered.set()
        server.shutdown()
        server.server_close()
    assert posted.status_code == status
    assert server.seen == [POSTS_MAX], "who waits for the service keeps nobody's place"
    assert posted.json["status"] == {"false": "approved", "true": "spam"}.get(behaviour, "pending")


def test_a_role_taken_away_ends_the_right_to_sanction(client, bob, token, open_site):
    headers = token(bob)
    with write():
        memberships.set_role(accounts.account_by_email("bob@example.org"), open_site, Role.MODERATOR)
        db.session.delete(memberships.find_membership(accounts.account_by_email("bob@example.org"), open_site))
    asked = {"site": "blog", "kind": "ban", "subject_kind": "email", "subject": "eve@example.org"}
    assert client.post("/api/v1/moderation/sanctions", json=asked, headers=headers).status_code == 404
