"""Page keys: one key for all spellings of a page's address, and identifiers as they are."""

import json
import re
import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core.page_keys import key_of, moved_url, stored_url, without_tracking
from commentsvc.core.policy import LetterCase, Policy, TrailingSlash, changed

# Shared with embed/tests/page-key.test.ts.
CASES = json.loads(Path(__file__).with_name("page_keys.json").read_text("utf-8"))
KEEP = Policy(trailing_slash=TrailingSlash.KEEP)


def policy_of(case):
    names = ("trailing_slash", "letter_case", "page_params")
    return changed(Policy(), {name: case[name] for name in names if name in case})


@pytest.mark.parametrize("case", CASES["keys"], ids=lambda case: repr(case["value"]))
def test_one_key_for_all_spellings_of_an_address(case):
    assert key_of(case["value"], policy_of(case)) == case["key"]


@pytest.mark.parametrize("case", CASES["without_tracking"], ids=lambda case: case["address"])
def test_parameters_that_follow_readers_are_removed(case):
    assert without_tracking(case["address"]) == case["without"]


@pytest.mark.parametrize(
    ("url", "key", "stored"),
    [
        ("https://blog.example/p/?color=red&utm_source=x&p=3", "/p?p=3", "https://blog.example/p/?p=3"),
        ("https://blog.example/p/?ref=carol#comments", "/p", "https://blog.example/p/"),
        ("https://blog.example/show?id=5&fbclid=x", "article-5", "https://blog.example/show?id=5"),
        ("https://blog.example/#/post?utm_source=x", "/post", "https://blog.example/#/post?utm_source=x"),
        ("", "/p", ""),
    ],
)
def test_the_stored_address_has_only_what_tells_pages_apart(url, key, stored):
    assert stored_url(url, key, Policy()) == stored


def test_a_moved_page_takes_no_tracking_along():
    moved = moved_url("https://blog.example/old", "/old", "https://blog.example/new?utm_source=x&id=5", Policy())
    assert moved == "https://blog.example/new?id=5"


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


@given(ADDRESSES, st.sampled_from([Policy(), KEEP, Policy(page_params=""), Policy(letter_case=LetterCase.IGNORE)]))
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


SEGMENTS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="/?#%\\"), min_size=1, max_size=4), max_size=4
)


def in_lower_case(segment):
    return re.sub("%..", lambda octet: octet[0].lower(), encoded(segment))


def encoded(segment):
    return quote(segment, safe="!$&'()*+,;=:@")


@given(SEGMENTS, st.data())
def test_two_addresses_that_a_server_treats_as_one_are_one(segments, data):
    """Another host, other encodings, dot segments, doubled slashes, the folder's page, a fragment, tracking."""
    segments = [segment for segment in segments if segment not in (".", "..")]
    path = "".join(f"/{segment}" for segment in segments) or "/"
    other = data.draw(st.sampled_from(["", "https://blog.example", "http://www.blog.example:8080"]))
    for segment in segments:
        other += data.draw(st.sampled_from(["/", "//", "/./", "/x/../", "/%2e/"]))
        other += data.draw(st.sampled_from([str, encoded, in_lower_case]))(segment)
    other += data.draw(st.sampled_from(["/", "/index.html", "/.", ""] if segments else ["/", "/index.html"]))
    other += data.draw(st.sampled_from(["", "?utm_source=x", "?fbclid=y&a=b", "#top", "?#"]))
    assert key_of(other, Policy()) == key_of(path, Policy())
