"""Strangers' words in mails: readable, and nothing of them is a link."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core.quoting import quoted, tamed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://evil.example/x?a=1", "see https[:]//evil[.]example/x?a=1"),
        ("www.evil.example", "www[.]evil[.]example"),
        ("write me@evil.example", "write me[at]evil[.]example"),
        ("evil.com.", "evil[.]com."),
        ("It costs 3.50. Really. Yes... no", "It costs 3.50. Really. Yes... no"),
        ("10:30 a: b", "10:30 a: b"),
    ],
)
def test_addresses_are_bracketed_and_words_stay(text, shown):
    assert tamed(text) == shown


@given(st.text(max_size=200))
def test_nothing_is_left_that_looks_like_an_address(text):
    assert not re.search(r"[A-Za-z0-9]://|\w\.[a-z]{2}|\S@\S", tamed(text))


def test_each_line_is_quoted_and_not_too_long():
    lines = quoted("word " * 40 + "\nsecond").split("\n")
    assert all(line.startswith("> ") and len(line) <= 74 for line in lines)
    assert lines[-1] == "> second"
