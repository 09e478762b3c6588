"""Previews of a site, allowed by a wildcard: they may write and sign in; no stored address leads to one."""

import base64
import hashlib
from urllib.parse import urlencode

import pytest

from commentsvc.core.errors import Invalid
from commentsvc.services import site_moves, site_settings
from commentsvc.store import sites, threads
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.db import db
from commentsvc.store.transactions import write
from tests.support.cast import BLOG, set_policy

PREVIEWS = "https://*.preview.blog.example"
PREVIEW = "https://draft-7.preview.blog.example"
TOO_DEEP = "https://a.draft-7.preview.blog.example"
COMMENT = {"site": "blog", "thread": "/post", "body": "Hello", "author": {"name": "Ann", "email": "ann@example.org"}}
CLI = ActorKind.COMMAND_LINE


@pytest.fixture
def with_previews(site, now):
    """The wildcard is the first: nothing may take it for the address of the site."""
    site_settings.change(site.id, {"origins": [PREVIEWS, BLOG]}, CLI, "", now)
    set_policy(sites.by_key("blog"), mode="off")
    return sites.by_key("blog")


def preflight(client, origin):
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return client.options("/api/v1/comments", headers=headers).headers.get("Access-Control-Allow-Origin")


def test_a_preview_may_write_and_what_is_below_it_may_not(client, with_previews):
    assert preflight(client, PREVIEW) == PREVIEW
    posted = client.post("/api/v1/comments", json=COMMENT, headers={"Origin": PREVIEW})
    assert posted.status_code == 201
    assert posted.headers["Access-Control-Allow-Origin"] == PREVIEW
    for origin in (TOO_DEEP, "https://preview.blog.example", PREVIEWS, PREVIEW.replace("https", "http"), "null"):
        assert preflight(client, origin) is None, origin
        refused = client.post("/api/v1/comments", json=COMMENT, headers={"Origin": origin})
        assert refused.status_code == 403 and "Access-Control-Allow-Origin" not in refused.headers, origin


def test_the_address_of_a_page_that_is_read_on_a_preview_is_the_sites_own(client, with_previews):
    body = {**COMMENT, "url": f"{PREVIEW}/post?p=3#top", "title": "My post"}
    assert client.post("/api/v1/comments", json=body, headers={"Origin": PREVIEW}).status_code == 201
    page = client.get("/api/v1/comments?site=blog&thread=/post").json
    assert page["thread"]["url"] == f"{BLOG}/post?p=3"
    assert page["comments"][0]["permalink"].startswith(BLOG)
    for url in (f"{TOO_DEEP}/post", f"{PREVIEWS}/post", "https://u:p@draft.preview.blog.example/post"):
        assert client.post("/api/v1/comments", json={**COMMENT, "body": url, "url": url}).status_code == 422, url


def test_a_moderator_may_copy_an_address_from_a_preview(client, with_previews, make_comment, alice, token):
    make_comment()
    change = {"site": "blog", "thread": "/post", "url": f"{PREVIEW}/post"}
    assert client.post("/api/v1/moderation/threads", json=change, headers=token(alice)).status_code == 200
    db.session.expire_all()
    assert threads.find(with_previews, "/post").url == f"{BLOG}/post"
    change = {"site": "blog", "thread": "/post", "move_to": f"{PREVIEW}/new"}
    assert client.post("/api/v1/moderation/threads", json=change, headers=token(alice)).status_code == 200
    db.session.expire_all()
    assert threads.find(with_previews, "/new").url == f"{BLOG}/new"


def test_readers_can_sign_in_on_a_preview_and_nowhere_else(client, with_previews):
    def asked(redirect_uri):
        challenge = base64.urlsafe_b64encode(hashlib.sha256(b"x" * 43).digest()).rstrip(b"=").decode()
        query = {"client_id": "blog", "redirect_uri": redirect_uri, "response_type": "code", "state": "s" * 20}
        query |= {"code_challenge": challenge, "code_challenge_method": "S256", "response_mode": "web_message"}
        return client.get("/auth/authorize?" + urlencode(query))

    page = asked(f"{PREVIEW}/post")
    assert page.status_code == 200
    assert f"form-action 'self' {PREVIEW};" in page.headers["Content-Security-Policy"]
    assert PREVIEWS not in page.headers["Content-Security-Policy"]
    for origin in (TOO_DEEP, PREVIEWS, "https://preview.blog.example", "https://draft-7.preview.blog.example:8443"):
        assert asked(f"{origin}/post").status_code == 403, origin
    token = {"grant_type": "authorization_code", "client_id": "blog", "code": "wrong"}
    assert client.post("/auth/token", data=token, headers={"Origin": PREVIEW}).status_code == 400
    assert client.post("/auth/token", data=token, headers={"Origin": TOO_DEEP}).status_code == 403


def test_the_feed_and_the_hosted_page_name_the_sites_own_address(client, with_previews, make_comment):
    make_comment()
    assert f'href="{BLOG}/"' in client.get("/feeds/blog.atom").text
    for path in ("/feeds/blog.atom", "/t/blog?thread=/post", "/api/v1/recent?site=blog"):
        assert "*." not in client.get(path).text, path


def test_a_wildcard_stays_when_the_site_moves_and_is_itself_nothing_to_move_to(with_previews, now):
    site_moves.move(with_previews, BLOG, "https://new.example", CLI, now)
    db.session.expire_all()
    assert [one.origin for one in sites.by_key("blog").origins] == [PREVIEWS, "https://new.example"]
    for old, new in (("https://new.example", PREVIEWS), (PREVIEWS, "https://newer.example")):
        with pytest.raises(Invalid, match="not a valid origin"):
            site_moves.move(sites.by_key("blog"), old, new, CLI, now)


def test_a_site_begins_with_a_whole_address(app, now):
    with pytest.raises(Invalid, match="wildcard alone"):
        site_settings.create("second", "Second", [PREVIEWS], "all", CLI, now)
    with pytest.raises(Invalid, match="below netlify"):
        site_settings.create("second", "Second", [BLOG, "https://*.netlify.app"], "all", CLI, now)
    with write():
        made = site_settings.create("second", "Second", [BLOG, PREVIEWS], "all", CLI, now)
    assert made.main_origin == BLOG
