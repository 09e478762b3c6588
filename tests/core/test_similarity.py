"""Texts that say nearly the same: found through changed links and numbers, not where only a few words agree."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core.similarity import likeness, shingles, sketch
from tests.support.cast import data

OFFER = "I earn 900 dollars every week working from home, and so can you: just look at https://a.example/win today"


@pytest.mark.parametrize(
    ("other", "is_alike"),
    [
        (OFFER, True),
        (OFFER.upper(), True),
        (OFFER.replace("900", "1,500").replace("a.example/win", "b.example/?x=1"), True),
        (OFFER.replace(" ", "  \n"), True),
        (OFFER.replace("today", "now"), True),
        (OFFER.replace("a", "а"), False),
        (f"> {OFFER}\n\nThis is a swindle, please do not fall for it, dear readers", False),
        ("I earn nothing by working from home every week, and neither can you, sorry to say", False),
    ],
)
def test_a_copy_is_told_from_an_answer(other, is_alike):
    assert (likeness(shingles(OFFER), shingles(other)) >= 0.7) == is_alike


@pytest.mark.parametrize(
    "source", ["", "Great post!", "Thanks a lot, Bob", "https://a.example/ 1 2 3", "> a b c d e f g"]
)
def test_short_texts_are_alike_by_chance_and_have_no_sketch(source):
    assert shingles(source) == frozenset()
    assert sketch(shingles(source)) is None


def test_texts_without_blanks_are_compared_too():
    one, other = "最好的在线赌博网站欢迎您来玩吧朋友们", "最好的在线赌博网站欢迎您来玩吧大家好"
    assert likeness(shingles(one), shingles(other)) > 0.5
    assert sketch(shingles(one)) == sketch(shingles(one + " https://a.example"))


@given(st.text(max_size=300))
def test_a_sketch_fits_into_the_database_and_is_the_same_twice(source):
    found = sketch(shingles(source))
    assert found == sketch(shingles(source))
    assert found is None or all(-(2**63) <= number < 2**63 for number in found)


def test_alike_texts_of_a_real_corpus_share_a_number_of_their_sketch():
    texts = [row["text"] for row in json.loads(data("spam/youtube_01-03.json").read_text())]
    known = [s for s in map(shingles, texts) if s]
    pairs = [(a, b) for at, a in enumerate(known) for b in known[at + 1 : at + 200] if likeness(a, b) >= 0.7]
    assert len(pairs) > 50
    shared = sum(any(x == y for x, y in zip(sketch(a), sketch(b), strict=True)) for a, b in pairs)
    assert shared / len(pairs) > 0.95
