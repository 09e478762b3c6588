"""Posting comments through the API: accepted and refused input, and the messages."""

import json
import uuid

import pytest

from commentsvc.store.db import db
from tests.support.answers import GUEST, decide, fields_of, post
from tests.support.cast import BLOG, OTHER, set_policy


def listed(client, thread="/post", **query):
    return client.get("/api/v1/comments", query_string={"site": "blog", "thread": thread, **query}).json


def test_a_guests_comment_waits_and_says_why(client, site):
    answer = post(client)

    assert answer.status_code == 202
    assert answer.json["status"] == "pending"
    assert "moderator" in answer.json["reason"]
    assert answer.json["html"] == "<p>Hello</p>\n"
    assert answer.json["author"] == {
        "name": "Carol",
        "website": "https://carol.example/",
        "avatar": None,
        "provider": None,
        "role": None,
    }
    assert "carol@example.org" not in answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == BLOG
    assert listed(client)["comments"] == []


def test_an_approved_comment_is_in_every_read(client, site, alice, token):
    comment_id = post(client).json["id"]
    assert decide(client, token(alice), "approve", comment_id).status_code == 200

    page = listed(client)
    assert [c["id"] for c in page["comments"]] == [comment_id]
    assert page["thread"] == {
        "key": "/post",
        "title": "A post",
        "url": BLOG + "/post",
        "open": True,
        "count": 1,
        "version": 1,
        "pinned": None,
        "votes": "updown",
    }
    assert page["comments"][0]["permalink"] == f"{BLOG}/post#comment-{comment_id}"
    assert client.get("/api/v1/counts?site=blog&thread=/post&thread=/none").json["counts"] == {"/post": 1, "/none": 0}
    recent = client.get("/api/v1/recent?site=blog").json["comments"]
    assert [(c["id"], c["thread"]["key"], c["excerpt"]) for c in recent] == [(comment_id, "/post", "Hello")]
    assert client.get(f"/api/v1/comments/{comment_id}").json["html"] == "<p>Hello</p>\n"
    assert "carol@example.org" not in client.get(f"/api/v1/comments/{comment_id}").text


def test_only_the_author_sees_a_pending_comment(client, site, mallory, token):
    answer = post(client)
    address = f"/api/v1/comments/{answer.json['id']}"

    assert client.get(address).status_code == 404
    assert client.get(address, headers={"X-Edit-Token": "0" * 64}).status_code == 404
    assert client.get(address, headers=token(mallory)).status_code == 404
    own = client.get(address, headers={"X-Edit-Token": answer.json["edit_token"]})
    assert (own.status_code, own.json["status"]) == (200, "pending")
    fragment = client.get(
        f"/embed/v1/comment?id={answer.json['id']}", headers={"X-Edit-Token": answer.json["edit_token"]}
    )
    assert "Your comment is awaiting moderation." in fragment.text


def test_a_moderator_sees_what_the_public_does_not(client, site, alice, token):
    comment_id = post(client, headers={"User-Agent": "Netscape 4"}).json["id"]

    seen = client.get("/api/v1/moderation/comments?site=blog", headers=token(alice)).json["comments"]

    assert [c["id"] for c in seen] == [comment_id]
    assert seen[0]["email"] == "carol@example.org"
    assert seen[0]["ip"] == "127.0.0.1"
    assert seen[0]["user_agent"] == "Netscape 4"
    assert seen[0]["body"] == "Hello"
    assert (seen[0]["site"], seen[0]["thread"]) == ("blog", "/post")
    assert seen[0]["reasons"][0]["rule"] == "mode all"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"body": ""}, "body"),
        ({"body": " \n\u200b\u2060 "}, "body"),
        ({"body": "x" * 10_001}, "body"),
        ({"body": "a\0b"}, "body"),
        ({"body": "a\ud800b"}, "body"),
        ({"body": 7}, "body"),
        ({"body": ...}, "body"),
        ({"body": "***"}, "body"),
        ({"author": {"email": "carol@example.org"}}, "author.name"),
        ({"author": {"name": "Carol"}}, "author.email"),
        ({"author": {"name": "x" * 246, "email": "carol@example.org"}}, "author.name"),
        ({"author": {"name": "Ca\0rol", "email": "carol@example.org"}}, "author.name"),
        ({"author": {"name": "Carol", "email": "carol"}}, "author.email"),
        ({"author": {"name": "Carol", "email": "a\r\nBcc: x@example.org"}}, "author.email"),
        ({"author": {"name": "Carol", "email": "c" * 250 + "@example.org"}}, "author.email"),
        ({"author": {**GUEST, "website": "javascript:alert(1)"}}, "author.website"),
        ({"author": {**GUEST, "website": "https://x.example/" + "y" * 200}}, "author.website"),
        ({"thread": ""}, "thread"),
        ({"thread": "/a\0b"}, "thread"),
        ({"thread": "/" + "x" * 2048}, "thread"),
        ({"url": "https://evil.example/post"}, "url"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": BLOG + "@evil.example/"}, "url"),
        ({"title": "x" * 501}, "title"),
        ({"parent_id": 999}, "parent_id"),
        ({"parent_id": 2**70}, "parent_id"),
        ({"parent_id": -1}, "parent_id"),
        ({"parent_id": "1"}, "parent_id"),
    ],
)
def test_wrong_input_names_its_field(client, site, fields, named):
    answer = post(client, **fields)

    assert answer.status_code == 422
    assert fields_of(answer) == [named]
    assert listed(client)["comments"] == []


def test_every_wrong_field_is_named_at_once(client, site):
    assert fields_of(post(client, body="", author={"name": "", "email": "no"})) == [
        "body",
        "author.name",
        "author.email",
    ]


def test_what_fits_exactly_is_taken(client, site):
    author = {"name": "x" * 245, "email": "a" * 60 + "@" + ".".join(["b" * 60] * 3) + ".org"}
    answer = post(client, body="ä" * 10_000, thread="/" + "é" * 2047, author=author)
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("key", ["/p?p=1&page_id=%20", "/🎉/ünï", "no-slash", "/" + "🎉" * 2000])
def test_any_thread_key_is_a_thread_of_its_own(client, site, alice, token, key):
    comment_id = post(client, thread=key).json["id"]
    decide(client, token(alice), "approve", comment_id)

    assert [c["id"] for c in listed(client, key)["comments"]] == [comment_id]
    assert listed(client, key + "x")["comments"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"body": "\xff"}', 400),
        (b"[" * 100_000, 400),
        (b'{"body": "' + b"x" * 1_000_000 + b'"}', 413),
    ],
)
def test_what_is_no_json_object_is_refused_in_words(client, site, body, status):
    answer = client.post("/api/v1/comments", data=body, headers={"Origin": BLOG}, content_type="application/json")

    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert answer.json["detail"]


def test_a_page_of_another_origin_may_not_write(client, site, other_site):
    for origin in (OTHER, "null", "https://blog.example.evil.test", "http://blog.example", BLOG + ":8443", BLOG + "/"):
        answer = post(client, origin=origin)
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_preflights_let_only_known_origins_write(client, site):
    def ask(origin, method):
        headers = {"Origin": origin, "Access-Control-Request-Method": method}
        return client.options("/api/v1/comments", headers=headers).headers.get("Access-Control-Allow-Origin")

    assert ask(BLOG, "POST") == BLOG
    assert ask("https://evil.example", "POST") is None
    assert ask("https://evil.example", "GET") == "*"


@pytest.mark.parametrize("key", ["nobody", "a/b", "../blog", "", "BLOG", "x" * 300, "blog\0"])
def test_an_unknown_site_is_not_there(client, site, key):
    assert post(client, site=key).status_code == 404
    assert client.get("/api/v1/comments", query_string={"site": key, "thread": "/"}).status_code == 404


def test_an_unknown_thread_is_an_empty_one(client, site):
    page = listed(client, "/nowhere")
    assert page["thread"]["count"] == 0
    assert page["thread"]["open"] is True
    assert page["comments"] == []
    assert page["next"] is None


def test_replies_go_below_their_parent_but_not_below_anything_else(client, site, other_site, make_comment):
    parent = make_comment()
    pending = make_comment(status="pending", body="waiting")
    elsewhere = make_comment(thread_key="/other")

    assert post(client, parent_id=parent).status_code == 202
    assert fields_of(post(client, parent_id=pending)) == ["parent_id"]
    assert fields_of(post(client, parent_id=elsewhere)) == ["parent_id"]


def test_a_reply_to_another_sites_comment_is_refused(client, site, mallory, other_site, make_comment):
    foreign = make_comment()
    assert fields_of(post(client, origin=OTHER, site="other", url="", parent_id=foreign)) == ["parent_id"]


def test_replies_go_five_levels_deep(client, site, make_comment):
    parent = make_comment()
    for level in range(2, 6):
        parent = make_comment(parent=parent, body=f"level {level}")
    assert fields_of(post(client, parent_id=parent)) == ["parent_id"]
    assert [c["depth"] for c in listed(client)["comments"]] == [0, 1, 2, 3, 4]


def test_a_closed_site_takes_nothing(client, site):
    set_policy(site, is_open=False)
    answer = post(client)
    assert answer.status_code == 403
    assert "closed" in answer.json["detail"]
    assert listed(client)["thread"]["open"] is False


def test_saying_the_same_twice_is_a_duplicate(client, site):
    assert post(client).status_code == 202
    answer = post(client)
    assert answer.status_code == 409
    assert answer.json["type"].endswith("problem-duplicate")
    assert post(client, thread="/elsewhere").status_code == 202
    assert post(client, author={"name": "Dave", "email": "dave@example.org"}).status_code == 202


def test_an_idempotency_key_gets_the_first_answer_again(client, site, alice, token):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = post(client, headers=key)
    decide(client, token(alice), "approve", first.json["id"])

    again = post(client, headers=key)

    assert (again.status_code, again.json["id"], again.json["status"]) == (202, first.json["id"], "pending")
    assert again.json["edit_token"] == first.json["edit_token"]
    assert listed(client)["thread"]["count"] == 1


def test_an_idempotency_key_is_not_for_another_text(client, site):
    key = {"Idempotency-Key": "k"}
    post(client, headers=key)
    assert fields_of(post(client, headers=key, body="something else")) == ["Idempotency-Key"]


def test_a_forged_idempotency_key_gets_nothing_of_anothers_comment(client, site):
    key = {"Idempotency-Key": "guessed"}
    carol = post(client, headers=key)
    mallory = post(client, headers=key, author={"name": "Mallory", "email": "mallory@example.org"})

    assert mallory.status_code == 202
    assert mallory.json["id"] != carol.json["id"]
    assert mallory.json["edit_token"] != carol.json["edit_token"]


@pytest.mark.parametrize("key", ["", "x" * 256, "ü", "a\tb"])
def test_an_unusable_idempotency_key_is_named(client, site, key):
    assert fields_of(post(client, headers={"Idempotency-Key": key.encode("latin-1").decode("latin-1")})) == [
        "Idempotency-Key"
    ]


def test_the_same_key_at_the_same_moment_makes_one_comment(app, site, at_once):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    answers = at_once(*[lambda: post(app.test_client(), headers=key)] * 6)

    assert [a.status_code for a in answers] == [202] * 6
    assert len({a.json["id"] for a in answers}) == 1


def test_the_same_text_at_the_same_moment_makes_one_comment(app, site, at_once):
    answers = at_once(*[lambda: post(app.test_client())] * 6)
    assert sorted(a.status_code for a in answers) == [202] + [409] * 5


def test_the_author_changes_and_withdraws_a_comment(client, site, alice, token):
    answer = post(client)
    address = f"/api/v1/comments/{answer.json['id']}"
    auth = {"X-Edit-Token": answer.json["edit_token"], "Origin": BLOG}
    decide(client, token(alice), "approve", answer.json["id"])

    edited = client.patch(address, json={"body": "Better"}, headers=auth)
    assert (edited.status_code, edited.json["status"]) == (202, "pending")
    assert edited.json["edited_at"]
    assert listed(client)["comments"] == []

    assert client.delete(address, headers=auth).status_code == 204
    assert client.patch(address, json={"body": "Again"}, headers=auth).status_code == 409


def test_nobody_else_changes_a_comment(client, site, mallory, token, make_comment):
    address = f"/api/v1/comments/{make_comment()}"
    assert client.patch(address, json={"body": "x"}, headers={"Origin": BLOG}).status_code == 401
    assert client.patch(address, json={"body": "x"}, headers={"X-Edit-Token": "f" * 64}).status_code == 404
    assert client.delete(address, headers=token(mallory)).status_code == 404
    assert client.delete(address, headers={"X-Edit-Token": "f" * 64, "Origin": OTHER}).status_code == 404


def test_a_comment_can_be_changed_for_a_while_only(client, site, make_comment, app):
    from commentsvc.core import tokens

    comment_id = make_comment()  # written a day ago
    auth = {"X-Edit-Token": tokens.edit_token(app.secret_key, comment_id), "Origin": BLOG}
    answer = client.patch(f"/api/v1/comments/{comment_id}", json={"body": "x"}, headers=auth)
    assert answer.status_code == 403
    assert "15 minutes" in answer.json["detail"]


def test_writing_too_quickly_waits(make_app):
    app = make_app(LIMITS="on")
    with app.app_context():
        from tests.support.cast import add_site

        add_site("blog", BLOG)
        client = app.test_client()
        assert post(client).status_code == 202
        answer = post(client, body="And another thing")
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 15
        assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
        for name in ("Dave", "Erin", "Faye"):
            other = post(client, body=f"Me too, {name}", author={"name": name, "email": f"{name}@example.org"})
            assert other.status_code == 202, "other people behind the same address"
        db.session.remove()


def test_a_token_writes_as_its_account(client, site, bob, token):
    answer = post(client, headers=token(bob), author=...)
    assert answer.status_code == 201, "a moderator's own comment needs no moderator"
    assert answer.json["author"]["name"] == "Bob"
    assert answer.json["author"]["role"] == "moderator"
    assert "edit_token" not in answer.json
    assert post(client, headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_the_preview_is_what_would_be_published(client, site):
    answer = client.post("/api/v1/preview", json={"site": "blog", "body": "**hi** <b>"}, headers={"Origin": BLOG})
    assert answer.json == {"html": "<p><strong>hi</strong> &lt;b&gt;</p>\n"}


def test_the_openapi_document_names_every_call_there_is(client, app):
    document = client.get("/api/v1/openapi.json").json
    described = {(path, method.upper()) for path, calls in document["paths"].items() for method in calls}
    real = {
        (
            rule.rule.replace("<int:comment_id>", "{id}")
            .replace("<int:rule_id>", "{id}")
            .replace("<int:sanction_id>", "{id}"),
            method,
        )
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/v1/") and not rule.rule.endswith(("openapi.json", "docs"))
    }
    assert described == real
    assert document["openapi"] == "3.1.0"
    assert json.dumps(document).count("#/components/schemas/Problem") > 10
    assert client.get("/api/v1/docs").status_code == 200


def test_an_author_reads_what_the_moderator_tells_and_asks_for_another_look_once(client, site, alice, token):
    answer = post(client).json
    headers, own = token(alice), {"X-Edit-Token": answer["edit_token"]}
    body = {"ids": [answer["id"]], "action": "reject", "note": "troll", "told": "Please be <b>kind</b>."}
    assert client.post("/api/v1/moderation/decisions", json=body, headers=headers).status_code == 200

    address = f"/api/v1/comments/{answer['id']}"
    seen = client.get(address, headers=own)
    assert (seen.json["status"], seen.json["told"]) == ("rejected", "Please be <b>kind</b>.")
    assert "troll" not in seen.text
    fragment = client.get(f"/embed/v1/comment?id={answer['id']}", headers=own).text
    assert "Please be &lt;b&gt;kind&lt;/b&gt;." in fragment

    assert client.post(f"{address}/appeal", json={"text": "I was kind"}).status_code == 401
    assert client.post(f"{address}/appeal", json={"text": "x"}, headers={"X-Edit-Token": "0" * 64}).status_code == 404
    assert client.post(f"{address}/appeal", json={}, headers=own).status_code == 422
    assert client.post(f"{address}/appeal", json={"text": "I was kind"}, headers=own).status_code == 202
    assert client.post(f"{address}/appeal", json={"text": "I was kind"}, headers=own).status_code == 409
