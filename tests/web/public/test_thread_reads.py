"""Which page's comments are read: by path, address and canonical link, the same in every public read."""

import re
from urllib.parse import urlencode

import pytest

from tests.support.answers import decide, post
from tests.support.cast import BLOG, set_policy

NAMES = (
    "/日本語/",
    "/%E6%97%A5%E6%9C%AC%E8%AA%9E/",
    "/%e6%97%a5%e6%9c%ac%e8%aa%9e",
    f"{BLOG}/日本語/index.html?utm_source=x",
)
OTHER = "https://elsewhere.example"


def fragment(client, **query):
    return client.get("/embed/v1/comments?" + urlencode({"site": "blog", **query})).text


@pytest.mark.parametrize("name", NAMES)
def test_all_spellings_of_a_page_are_one_thread_in_every_read(client, site, make_comment, name):
    make_comment("/日本語", body="Konnichiwa")
    query = urlencode({"thread": name})
    assert "Konnichiwa" in client.get(f"/embed/v1/comments?site=blog&{query}").text
    assert client.get(f"/api/v1/comments?site=blog&{query}").json["thread"]["key"] == "/日本語"
    assert client.get(f"/api/v1/counts?site=blog&{query}").json["counts"] == {name: 1}
    assert "Konnichiwa" in client.get(f"/t/blog?{query}").text
    assert "Konnichiwa" in client.get(f"/feeds/blog.atom?{query}").text


def test_the_widget_is_told_the_threads_key_and_the_sites_rules(client, site):
    drawn = fragment(client, thread="/Post/index.html?p=3&x=4")
    rules = 'data-trailing-slash="drop" data-letter-case="keep" data-page-params="p,page_id,attachment_id"'
    assert f'data-key="/Post?p=3" {rules}' in drawn
    assert "data-key" not in fragment(client, thread="/post", form="0")


def test_the_elements_title_is_no_tooltip_over_the_comments(client, site):
    assert 'title="" data-key' in fragment(client, thread="/post")
    assert 'title=""' not in fragment(client, thread="/post", form="0")


@pytest.mark.parametrize(("name", "letter"), [("émile", "É"), ("★ Ann", "A"), ("🦊", "🦊")])
def test_an_author_without_a_picture_has_a_letter_of_the_name(client, site, make_comment, name, letter):
    make_comment("/post", name=name)
    assert re.search(r'<span class="avatar"[^>]*>(.*?)</span>', fragment(client, thread="/post"))[1] == letter


def test_a_canonical_link_counts_when_its_origin_is_one_of_the_sites(client, site, make_comment):
    make_comment("/post", body="On the post")
    asked = {"thread": "/preview/post"}
    assert "On the post" in fragment(client, canonical=f"{BLOG}/post/?utm_source=x", **asked)
    assert "On the post" not in fragment(client, canonical=f"{OTHER}/post", **asked)
    assert "On the post" not in fragment(client, canonical="not an address", **asked)
    counts = client.get("/api/v1/counts?" + urlencode({"site": "blog", "canonical": f"{BLOG}/post", **asked})).json
    assert counts["counts"] == {"/preview/post": 0, f"{BLOG}/post": 1}
    counts = client.get("/api/v1/counts?" + urlencode({"site": "blog", "canonical": f"{OTHER}/post", **asked})).json
    assert counts["counts"] == {"/preview/post": 0}


def test_a_canonical_link_to_the_home_page_is_ignored_and_its_owner_told(client, site, make_comment):
    make_comment("/", body="At home")
    inner = fragment(client, thread="/post", canonical=f"{BLOG}/")
    assert "At home" not in inner and 'data-warning="the canonical link of this page is the home page' in inner
    home = fragment(client, thread="/?utm_source=x", canonical=f"{BLOG}/index.html")
    assert "At home" in home and "data-warning" not in home
    assert "data-warning" not in fragment(client, thread="/post", canonical=f"{BLOG}/post")


def test_the_home_page_of_a_blog_in_a_folder_is_a_setting(client, site, make_comment):
    make_comment("/blog", body="At home")
    asked = {"thread": "/blog/post", "canonical": f"{BLOG}/blog/"}
    other = {**asked, "thread": "/blog/page/2"}
    assert "At home" in fragment(client, **other), "another form of one page may name it"
    set_policy(site, home_path="/blog/")
    inner = fragment(client, **asked)
    assert "At home" not in inner and 'data-warning="the canonical link of this page is the home page' in inner
    counts = client.get("/api/v1/counts?" + urlencode({"site": "blog", **asked})).json["counts"]
    assert counts == {"/blog/post": 0}
    home = fragment(client, thread="/blog/?utm_source=x", canonical=f"{BLOG}/blog/index.html")
    assert "At home" in home and "data-warning" not in home
    assert "data-warning" in fragment(client, thread="/blog/post", canonical=f"{BLOG}/")


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"url": f"{BLOG}/post/?utm_source=x&fbclid=y"}, f"{BLOG}/post/"),
        ({"url": f"{BLOG}/post/?from=carol#comments"}, f"{BLOG}/post/"),
        ({"url": f"{BLOG}/show?id=5&utm_source=x", "thread": "post-5"}, f"{BLOG}/show?id=5"),
        ({"url": f"{BLOG}/copy", "canonical": f"{BLOG}/post"}, f"{BLOG}/post"),
        ({"url": f"{BLOG}/post", "canonical": f"{OTHER}/@me/post"}, f"{BLOG}/post"),
        ({"url": f"{BLOG}/post", "canonical": f"{BLOG}/"}, f"{BLOG}/post"),
        ({"url": f"{BLOG}/app/#/post", "thread": "/app//post"}, f"{BLOG}/app/#/post"),
    ],
)
def test_the_stored_address_is_the_pages(client, site, alice, token, given, stored):
    posted = post(client, **given)
    assert posted.status_code == 202, posted.json
    decide(client, token(alice), "approve", posted.json["id"])
    recent = client.get("/api/v1/recent?site=blog").json["comments"][0]
    assert recent["thread"]["url"] == stored
    assert recent["permalink"] == f"{stored}#comment-{posted.json['id']}"


def test_links_with_tracking_share_one_cached_page(client, app, site, make_comment):
    make_comment("/post")
    client.get("/embed/v1/comments?site=blog&thread=/post")
    builds = app.extensions["page_cache"].builds
    for one in ("fbclid=a", "fbclid=b&utm_source=c"):
        assert "Hello" in fragment(client, thread=f"/post?{one}")
    assert app.extensions["page_cache"].builds == builds


def test_identifiers_are_not_addresses_to_the_cache(client, site, make_comment):
    make_comment("x?utm_source=1", body="One")
    assert "One" in fragment(client, thread="x?utm_source=1")
    assert "One" not in fragment(client, thread="x?utm_source=2")


def test_the_first_page_says_how_many_comments_follow(client, site, make_comment):
    for number in range(3):
        make_comment("/post", body=f"Number {number}")
    assert "Show 2 more comments</a>" in fragment(client, thread="/post", limit="1")
    assert "More comments</a>" in fragment(client, thread="/post", limit="1", form="0")
