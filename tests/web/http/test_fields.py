"""Mass assignment: a request cannot set fields that its form does not offer."""

from commentsvc.store import comments
from commentsvc.store.db import db

# What the tables, the API's answers and the forms of moderators call it.
FOREIGN = {
    "id": 4711, "status": "approved", "author_id": 1, "account_id": 1, "site_id": 2, "score": 99, "is_admin": True,
    "role": "owner", "provider": "google", "pinned": True, "created_at": "2001-01-01T00:00:00Z", "ip": "192.0.2.99",
    "html": "<script>alert(1)</script>", "kind": "pingback", "reason": "fine", "depth": 7, "version": 99,
    "flag_count": 9, "edited_at": "2001-01-01T00:00:00Z", "deleted": True,
}  # fmt: skip


def row(comment_id):
    db.session.rollback()
    found = comments.by_id(comment_id)
    return {
        name: getattr(found, name) for name in ("status", "score", "kind", "depth", "ip", "edited_at", "author_name")
    }


def post(client, **more):
    author = {"name": "Carol", "email": "carol@example.org", **more.pop("author", {})}
    wanted = {"site": "blog", "thread": "/post", "body": "Hello", "author": author, **more}
    answer = client.post("/api/v1/comments", json=wanted)
    assert answer.status_code in (201, 202), answer.text
    return answer.json


def test_a_comment_takes_no_field_that_is_not_its_authors_to_set(client, site):
    plain = row(post(client, body="Hello")["id"])
    told = post(client, body="Hello again", **FOREIGN, author=FOREIGN)
    assert told["id"] != FOREIGN["id"] and told["author"]["role"] is None and told["author"]["provider"] is None
    assert row(told["id"]) == plain
    assert plain["status"] == "pending"


def test_an_edit_changes_the_text_alone(client, site):
    first = post(client)
    before = row(first["id"])
    headers = {"X-Edit-Token": first["edit_token"]}
    answer = client.patch(f"/api/v1/comments/{first['id']}", json={"body": "Changed", **FOREIGN}, headers=headers)
    assert (answer.status_code, answer.json["body"]) == (202, "Changed")
    after = row(first["id"])
    assert after.pop("edited_at") != before.pop("edited_at")
    assert after == before


def test_of_a_field_that_comes_twice_no_two_parts_of_the_service_take_different_values(client, site, other_site):
    """The first counts in an address; what a page was asked for and what it is built from are one value."""
    post(client)
    both = client.get("/api/v1/comments?site=other&site=blog&thread=/post")
    one = client.get("/api/v1/comments?site=other&thread=/post")
    assert (both.status_code, both.json) == (one.status_code, one.json)
