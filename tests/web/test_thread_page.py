"""The hosted page: a reader without scripts reads, replies and sees what became of it."""

import html
import re
from urllib.parse import parse_qs, urlsplit

from cast import find_csrf, set_policy

ADDRESS = "/t/blog?thread=/post"
FORM = {"body": "Hello from Lynx", "name": "Carol", "email": "carol@example.org", "website": ""}
AT_HOME = {"Origin": "https://comments.example"}


def fresh(app):
    return app.test_client()


def test_a_guest_posts_and_only_they_see_it_waiting(app, client, site):
    answer = client.post(ADDRESS, data=FORM, headers=AT_HOME)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/t/blog?thread=%2Fpost#comment-1"

    for _ in range(2):  # also after a reload
        page = client.get(ADDRESS).text
        assert "Hello from Lynx" in page
        assert "Your comment is awaiting moderation." in page
    assert "Hello from Lynx" not in fresh(app).get(ADDRESS).text
    assert "carol@example.org" not in page


def test_a_reply_goes_below_its_parent(client, site, make_comment):
    parent = make_comment(name="Dave")
    page = client.get(f"{ADDRESS}&reply_to={parent}").text
    assert "Reply to <bdi>Dave</bdi>" in page
    assert f'name="parent_id" value="{parent}"' in page

    client.post(ADDRESS, data={**FORM, "parent_id": str(parent)})
    page = client.get(ADDRESS).text
    assert page.index("Hello from Lynx") > page.index(f'id="comment-{parent}"')
    assert 'data-depth="1"' in page


def test_a_mistake_keeps_every_word(client, site):
    answer = client.post(ADDRESS, data={**FORM, "email": "carol", "website": "example.org"})
    assert answer.status_code == 422
    assert "Hello from Lynx" in answer.text
    assert 'value="carol"' in answer.text
    assert 'aria-describedby="problem-email"' in answer.text
    assert "example.org" in answer.text


def test_a_form_from_another_site_is_refused_and_nothing_is_lost(client, site):
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = client.post(ADDRESS, data=FORM, headers=headers)
        assert answer.status_code == 403
        assert "Hello from Lynx" in answer.text


def test_with_a_session_the_form_needs_its_token(client, site):
    client.post(ADDRESS, data=FORM)
    again = {**FORM, "body": "Second thought"}

    refused = client.post(ADDRESS, data=again)
    assert refused.status_code == 403
    assert "Second thought" in refused.text

    assert client.post(ADDRESS, data={**again, "csrf_token": find_csrf(refused.text)}).status_code == 303


def test_a_closed_thread_has_no_form(client, site):

    set_policy(site, is_open=False)
    page = client.get(ADDRESS).text
    assert "Comments are closed." in page
    assert "<form" not in page
    assert client.post(ADDRESS, data=FORM).status_code == 403


def test_hostile_words_stay_words(client, site, make_comment):
    make_comment(name='"><script>x</script>', body="<script>alert(1)</script>", title="</title><script>")
    page = client.get(ADDRESS).text
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_an_unknown_site_or_no_thread_is_a_page_that_says_so(client, site):
    assert client.get("/t/nobody?thread=/x").status_code == 404
    assert client.get("/t/a%2Fb?thread=/x").status_code == 404
    answer = client.get("/t/blog")
    assert answer.status_code == 422
    assert answer.mimetype == "text/html"


def test_the_page_may_not_be_framed_and_runs_no_script(client, site):
    policy = client.get(ADDRESS).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy


def test_who_is_signed_in_at_the_service_comments_without_filling_anything_in(client, site, alice, sign_in):
    page = client.get("/t/blog?thread=/post").text
    way_in = html.unescape(re.search(r'href="(/auth/signin[^"]*)"', page)[1])
    assert parse_qs(urlsplit(way_in).query)["next"] == ["/t/blog?thread=%2Fpost#respond"]
    sign_in(client, alice)
    page = client.get("/t/blog?thread=/post").text
    assert "You are commenting as <b><bdi>Alice</bdi></b>" in page
    assert 'name="email"' not in page
    answer = client.post("/t/blog?thread=/post", data={"csrf_token": find_csrf(page), "body": "Mine"})
    assert answer.status_code == 303, answer.text
    [comment] = client.get("/api/v1/comments?site=blog&thread=/post").json["comments"]
    assert (comment["author"]["name"], comment["author"]["role"]) == ("Alice", "owner")


def test_where_signing_in_is_required_the_page_says_so_and_leads_there(client, site):
    set_policy(site, signin_required=True)
    page = client.get("/t/blog?thread=/post").text
    assert "Sign in</a> · Please sign in to comment here." in page
    assert 'name="email"' not in page and "Post Comment" not in page
