"""Page keys: one key for all spellings of a page's address, and identifiers as they are."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core.page_keys import key_of
from commentsvc.core.policy import Policy, TrailingSlash

KEEP = Policy(trailing_slash=TrailingSlash.KEEP)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/index.html", "/"),
        ("https://blog.example", "/"),
        ("HTTPS://Blog.example:8443/Hello/", "/Hello"),
        ("/2026/hello/", "/2026/hello"),
        ("/2026/hello", "/2026/hello"),
        ("/2026/hello/index.html", "/2026/hello"),
        ("/2026/hello/index.html/", "/2026/hello"),
        ("/my-index.html", "/my-index.html"),
        ("/hello.html", "/hello.html"),
        ("/a//b///c", "/a/b/c"),
        ("/a/./b/../c", "/a/c"),
        ("/a//../b", "/a/b"),
        ("/../../etc", "/etc"),
        ("/a/..", "/"),
        ("/a/%2e%2E/b", "/b"),
        ("/%7Ecarol/%61", "/~carol/a"),
        ("/caf%c3%a9", "/café"),
        ("/café", "/café"),
        ("/%E4%B8%AD%E6%96%87/", "/中文"),
        ("/a%2fb", "/a%2Fb"),
        ("/a%2Fb", "/a%2Fb"),
        ("/a b", "/a%20b"),
        ("/a%20b", "/a%20b"),
        ("/100%", "/100%25"),
        ("/100%25", "/100%25"),
        ("/%ff%fe", "/%FF%FE"),
        ("/%c2%a0%e2%80%ae", "/%C2%A0%E2%80%AE"),  # white space and a mark of direction are never shown
        ("/a\\b", "/a%5Cb"),
        ("/a#part", "/a"),
        ("/a%23part", "/a%23part"),
        ("/?p=12", "/?p=12"),
        ("/?utm_source=x&p=12&fbclid=y", "/?p=12"),
        ("/?page_id=3&p=12", "/?p=12&page_id=3"),
        ("/?p=12&page_id=3", "/?p=12&page_id=3"),
        ("/?%70=12", "/?p=12"),
        ("/?p=", "/"),
        ("/?p", "/"),
        ("/hello/?lang=de", "/hello"),
        ("https://blog.example?p=12#comment-5", "/?p=12"),
        ("/a?p=1?2", "/a?p=1?2"),
        ("post-12", "post-12"),
        ("disqus id 5", "disqus id 5"),
        ("Post/12/", "Post/12/"),
        ("?p=12", "?p=12"),
        ("mailto:carol@example.org", "mailto:carol@example.org"),
        ("ftp://blog.example/a/", "ftp://blog.example/a/"),
    ],
)
def test_one_key_for_all_spellings_of_an_address(value, key):
    assert key_of(value, Policy()) == key


@pytest.mark.parametrize(
    ("value", "key"),
    [("/", "/"), ("/a/", "/a/"), ("/a", "/a"), ("/a/index.html", "/a/"), ("/index.html", "/"), ("/a//", "/a/")],
)
def test_a_site_can_keep_the_slash(value, key):
    assert key_of(value, KEEP) == key


def test_a_site_names_the_parameters_that_tell_its_pages_apart():
    policy = Policy(page_params="id,lang")
    assert key_of("/show?lang=de&p=3&id=7", policy) == "/show?id=7&lang=de"
    assert key_of("/show?id=2&id=1", policy) == "/show?id=2&id=1"
    assert key_of("/show?p=3", Policy(page_params="")) == "/show"


PIECES = [
    "/",
    "//",
    ".",
    "..",
    "index.html",
    "?",
    "&",
    "=",
    "p=1",
    "#",
    "%",
    "%2",
    "%2e",
    "%2F",
    "%C3",
    "%A9",
    "%ED%A0%80",
]
ADDRESSES = st.lists(st.one_of(st.sampled_from([*PIECES, "https://blog.example"]), st.text(max_size=3)), max_size=9)


@given(ADDRESSES, st.sampled_from([Policy(), KEEP, Policy(page_params="")]))
def test_the_key_of_a_key_is_the_key(pieces, policy):
    for value in ("".join(pieces), "/" + "".join(pieces)):
        key = key_of(value, policy)
        assert key_of(key, policy) == key


@given(st.text(st.characters(codec="utf-8", exclude_characters="!$&'()*+,;=:@/?#%"), min_size=1, max_size=8))
def test_encoded_and_plain_characters_make_one_key(text):
    key = key_of(f"/x{text}x", Policy())
    assert key == key_of("/x" + "".join(f"%{octet:02x}" for octet in text.encode()) + "x", Policy())
    assert not any(c.isspace() or unicodedata.category(c) == "Cc" for c in key)


def test_a_lone_surrogate_is_encoded():
    assert key_of("/\ud800", Policy()) == "/%ED%A0%80"
