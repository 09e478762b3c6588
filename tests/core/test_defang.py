"""Strangers' words in mails: readable, and nothing of them is a link."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core.defang import defang, quoted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://evil.example/x?a=1", "see https[:]//evil[.]example/x?a=1"),
        ("www.evil.example", "www[.]evil[.]example"),
        ("write me@evil.example", "write me[at]evil[.]example"),
        ("evil.com.", "evil[.]com."),
        ("It costs 3.50. Really. Yes... no", "It costs 3.50. Really. Yes... no"),
        ("10:30 a: b", "10:30 a: b"),
        ("call tel:+4930123, TEL:1", "call tel[:]+4930123, TEL[:]1"),
        ("sms:123?body=x", "sms[:]123?body=x"),
        ("skype:echo123?call", "skype[:]echo123?call"),
        ("javascript:alert(1)", "javascript[:]alert(1)"),
        ("magnet:?xt=urn:btih:c", "magnet[:]?xt=urn[:]btih:c"),
        ("file:\\\\srv\\share", "file[:][\\]\\srv\\share"),
        ("file:///etc/passwd", "file[:]///etc/passwd"),
        ("\\\\srv\\share\\x", "[\\]\\srv\\share\\x"),
        ("see //evil/x", "see [/]/evil/x"),
        ("ms-word:ofe|u|x", "ms-word[:]ofe|u|x"),
        ("note: this, data: that", "note: this, data: that"),
        ("C:\\a\\b and/or 1/2", "C:\\a\\b and/or 1/2"),
    ],
)
def test_addresses_are_bracketed_and_words_stay(text, shown):
    assert defang(text) == shown


@given(st.text(max_size=200))
def test_nothing_is_left_that_looks_like_an_address(text):
    assert not re.search(r"[A-Za-z0-9]://|\w\.[a-z]{2}|\S@\S|\\\\\w", defang(text))


@given(st.sampled_from("tel sms skype file javascript magnet data mailto".split()), st.text(min_size=1, max_size=40))
def test_no_scheme_is_left(scheme, rest):
    assert not re.search(rf"\b{scheme}:\S", defang(f"{scheme}:{rest}"))


def test_each_line_is_quoted_and_not_too_long():
    lines = quoted("word " * 40 + "\nsecond").split("\n")
    assert all(line.startswith("> ") and len(line) <= 74 for line in lines)
    assert lines[-1] == "> second"


def test_a_line_is_broken_when_the_next_word_would_not_fit():
    assert quoted("aaa bbb ccc", width=7) == "> aaa bbb\n> ccc"
    assert quoted("aaa bbbb ccc", width=7) == "> aaa\n> bbbb\n> ccc"
