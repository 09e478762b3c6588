"""Titles claimed by readers: not shown before a comment of the thread is approved; moderators may set them."""

import pytest

from commentsvc.core.status import Status
from tests.support.cast import BLOG

PILLS = "CHEAP PILLS"
PAGE = f"{BLOG}/cheap-address"


@pytest.fixture
def sent(client, site):
    """A comment of a stranger, on a site where all wait."""
    body = {"site": "blog", "thread": "/new", "title": PILLS, "url": PAGE, "body": "Hello"}
    author = {"name": "Carol", "email": "carol@example.org"}
    answer = client.post("/api/v1/comments", json={**body, "author": author}, headers={"Origin": BLOG})
    assert answer.status_code == 202
    return answer.json["id"]


@pytest.fixture
def later(app):
    """Let the pages that are kept for half a second grow old."""
    edge = app.extensions["page_cache"]
    clock, passed = edge._clock, [0.0]
    edge._clock = lambda: clock() + passed[0]

    def wait():
        passed[0] += 1.0

    return wait


READS = [
    "/t/blog?thread=/new",
    "/api/v1/comments?site=blog&thread=/new",
    "/api/v1/recent?site=blog",
    "/embed/v1/comments?site=blog&thread=/new",
    "/feeds/blog.atom",
    "/feeds/blog.atom?thread=/new",
]


def shows(client, path):
    page = client.get(path).get_data(as_text=True)
    return PILLS in page or PAGE in page


def tend(client, token, **fields):
    return client.post("/api/v1/moderation/threads", json={"site": "blog", "thread": "/new", **fields}, headers=token)


def decide(client, token, comment_id, action):
    body = {"ids": [comment_id], "action": action}
    assert client.post("/api/v1/moderation/decisions", json=body, headers=token).status_code == 200


@pytest.mark.parametrize("path", READS)
def test_a_strangers_title_is_shown_while_its_comment_is_approved(client, sent, path, alice, token, later):
    assert not shows(client, path)
    decide(client, token(alice), sent, "approve")
    later()
    assert shows(client, path)
    decide(client, token(alice), sent, "spam")
    later()
    assert not shows(client, path)


def test_the_author_of_a_waiting_comment_is_led_to_the_hosted_page(client, sent, alice, token):
    listed = client.get("/api/v1/moderation/comments?site=blog", headers=token(alice)).json["comments"][0]
    assert listed["permalink"].startswith("https://comments.example/t/blog?thread=")
    assert (listed["thread_title"], listed["given_title"]) == ("", PILLS)
    assert (listed["thread_url"], listed["given_url"]) == ("", PAGE)


def test_a_moderator_sees_a_waiting_title_as_the_commenters(client, sent, alice, sign_in):
    sign_in(client, alice)
    page = client.get("/dashboard/blog").get_data(as_text=True)
    assert f"page title sent with the comment: “<bdi>{PILLS}</bdi>”" in page
    assert f"page address sent with the comment: <bdi>{PAGE}</bdi>" in page


def test_a_moderators_title_and_address_win(client, sent, alice, token, later):
    answer = tend(client, token(alice), title="  My  post ", url=f"{BLOG}/new")
    assert (answer.status_code, answer.json["thread"]["title"]) == (200, "My post")
    decide(client, token(alice), sent, "approve")
    thread = client.get("/api/v1/comments?site=blog&thread=/new").json["thread"]
    assert (thread["title"], thread["url"]) == ("My post", f"{BLOG}/new")
    decide(client, token(alice), sent, "spam")
    later()
    assert client.get("/api/v1/comments?site=blog&thread=/new").json["thread"]["title"] == "My post"


def test_an_empty_title_is_what_the_approved_comments_say_again(client, sent, alice, token):
    tend(client, token(alice), title="My post", url=f"{BLOG}/new")
    decide(client, token(alice), sent, "approve")
    thread = tend(client, token(alice), title="", url="").json["thread"]
    assert (thread["title"], thread["url"]) == (PILLS, PAGE)


def test_a_title_that_changes_is_in_the_feed(client, make_comment, alice, token, later):
    make_comment(thread_key="/new", title="Old")
    assert "on Old" in client.get("/feeds/blog.atom").get_data(as_text=True)
    tend(client, token(alice), title="Fresh")
    later()
    assert "on Fresh" in client.get("/feeds/blog.atom").get_data(as_text=True)


@pytest.mark.parametrize("name", ["opne", "is_open", "count", "key"])
def test_an_unknown_field_is_refused_by_its_name(client, site, alice, token, name):
    answer = tend(client, token(alice), **{name: 1})
    assert (answer.status_code, [e["field"] for e in answer.json["errors"]]) == (422, [name])


@pytest.mark.parametrize("url", ["https://evil.example/", "javascript:alert(1)", "http://[::1", "//blog.example/", "x"])
def test_an_address_of_elsewhere_is_refused(client, site, alice, token, url):
    answer = tend(client, token(alice), url=url)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "url")


@pytest.mark.parametrize("name", ["pin", "pinned"])
def test_a_comment_is_pinned_by_either_name(client, make_comment, alice, token, name):
    comment = make_comment(thread_key="/new", status=Status.APPROVED)
    assert tend(client, token(alice), **{name: comment}).json["thread"]["pinned"] == comment
    assert tend(client, token(alice), **{name: None}).json["thread"]["pinned"] is None
