"""Which e-mail addresses are taken, and that nothing dangerous rides on one."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core import emails
from commentsvc.core.errors import Invalid
from tests.support.cast import data

# Addresses that the corpus accepts but that nobody has: host names without a dot.
NOT_HERE = {"test@io"}


def cases():
    for test in ElementTree.parse(data("mail/isemail_tests.xml")).iter("test"):
        address = test.findtext("address") or ""
        # The corpus writes control characters as their pictures.
        yield (
            test.findtext("category"),
            "".join(chr(ord(c) - 0x2400) if 0x2400 <= ord(c) < 0x2420 else c for c in address),
        )


def taken(value):
    try:
        return emails.address(value, "email", required=True)
    except Invalid:
        return None


def test_every_sound_address_of_the_corpus_is_taken_and_no_broken_one():
    seen = set()
    for category, value in cases():
        found = taken(value)
        if category == "ISEMAIL_VALID_CATEGORY" and value not in NOT_HERE:
            assert found == value.lower() or "xn--" in value, value
        if category == "ISEMAIL_ERR" and value == value.strip():
            assert found is None, value
        if found is not None:
            assert found.isprintable() and not set(found) & set(' "()<>,;:\\[]'), value
        seen.add((category, found is None))
    assert len(seen) >= 8, "the corpus has all its categories"


def test_no_header_rides_on_an_address():
    rows = [r for r in json.loads(data("mail/header_injection.json").read_text()) if r["field"] == "email"]
    assert len(rows) >= 6
    for row in rows:
        found = taken(row["value"])
        assert found is None or (found.count("@") == 1 and found.isprintable()), row


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_taken_is_one_printable_address(local, domain):
    found = taken(f"{local}@{domain}")
    assert found is None or (found.isprintable() and found.count("@") == 1 and " " not in found)


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (" Carol@Example.ORG ", "carol@example.org"),
        ("jürgen@bücher.example", "jürgen@bücher.example"),
        ("a@xn--bcher-kva.example", "a@bücher.example"),
        ("a@closed.test", "a@closed.test"),
    ],
)
def test_an_address_is_kept_in_one_form(value, want):
    assert taken(value) == want


def test_an_encoded_word_is_no_address():
    assert taken("=?utf-8?q?=0d=0aBcc:_x?=@evil.test") is None


def test_none_is_none_where_none_is_required():
    assert emails.address("  ", "email", required=False) == ""
    with pytest.raises(Invalid, match="will not be published"):
        emails.address("  ", "author.email", required=True)


def test_the_longest_address_fits_and_a_longer_one_says_so():
    domain = ".".join(["b" * 60] * 3) + ".org"
    assert len(taken("a" * 60 + "@" + domain)) <= 254
    with pytest.raises(Invalid, match="254"):
        emails.address("a" * 250 + "@b.org", "email", required=True)
