"""`move_to` of POST moderation/threads: a thread gets another key, the old one leads to it, and it is undone."""

import pytest

from tests.support.cast import BLOG

NOT_CACHED = {"X-Edit-Token": "none"}


@pytest.fixture
def tend(client, alice, token):
    def send(account=None, **fields):
        fields = {"site": "blog", "thread": "/old", **fields}
        return client.post("/api/v1/moderation/threads", json=fields, headers=token(account or alice))

    return send


@pytest.fixture
def read(client):
    def get(thread):
        query = {"site": "blog", "thread": thread}
        found = client.get("/api/v1/comments", query_string=query, headers=NOT_CACHED).json
        return found["thread"]["key"], found["thread"]["title"], len(found["comments"])

    return get


def test_a_thread_moves_with_a_new_title_and_the_old_key_leads_to_it(client, make_comment, tend, read, alice, token):
    make_comment("/old")
    answer = tend(move_to=f"{BLOG}/new/", title="New title")
    assert answer.status_code == 200, answer.text
    assert (answer.json["thread"]["key"], answer.json["thread"]["title"]) == ("/new", "New title")
    assert [read(key) for key in ("/old", "/new", "/new/index.html")] == [("/new", "New title", 1)] * 3
    assert client.get("/api/v1/counts?site=blog&thread=/old&thread=/new").json["counts"] == {"/old": 1, "/new": 1}
    assert "/new" in client.get("/feeds/blog.atom?thread=/old").text
    body = {
        "site": "blog",
        "thread": "/old",
        "body": "To the old page",
        "author": {"name": "Erin", "email": "e@b.example"},
    }
    sent = client.post("/api/v1/comments", json=body, headers={"Origin": BLOG})
    assert "new" in sent.json["permalink"]
    headers = token(alice)
    assert (
        client.post("/api/v1/moderation/undo", json={"undo": answer.json["undo"]}, headers=headers).status_code == 200
    )
    assert read("/old")[0] == "/old"
    assert read("/new")[2] == 0


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"move_to": "/other"}, 409, "merge"),
        ({"move_to": "/old/"}, 409, "already"),
        ({"move_to": ""}, 422, "move_to"),
        ({"move_to": "https://elsewhere.example/a"}, 422, "https://elsewhere.example"),
        ({"thread": "/nothing", "move_to": "/new"}, 404, "/nothing"),
        ({"move_to": "/new", "colour": "red"}, 422, "colour"),
        ({"move_to": "/new", "mode": "none"}, 422, "mode"),
    ],
)
def test_what_cant_move_is_refused_and_changes_nothing(make_comment, tend, read, fields, status, says):
    make_comment("/old"), make_comment("/other", name="Dave")
    answer = tend(**fields)
    assert answer.status_code == status, answer.text
    assert says in answer.text
    assert [read(key) for key in ("/old", "/other")] == [("/old", "A post", 1), ("/other", "A post", 1)]


def test_moderators_move_and_strangers_do_not(make_comment, tend, read, bob, mallory):
    make_comment("/old")
    assert tend(mallory, move_to="/new").status_code == 404
    assert read("/old")[0] == "/old"
    assert tend(bob, move_to="/new").status_code == 200
    assert read("/old")[0] == "/new"
