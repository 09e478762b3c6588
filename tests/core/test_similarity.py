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


def test_a_text_is_taken_apart_into_groups_of_words_or_of_characters():
    assert shingles("One two, THREE four five 6!") == {"one two three", "two three four", "three four five"}
    assert shingles("最好的在线赌博") == {"最好的在线赌", "好的在线赌博"}
    assert shingles("最好的在线") == frozenset()


def test_the_last_words_of_a_text_are_looked_at_too():
    assert shingles("one two three four five six") == {
        "one two three", "two three four", "three four five", "four five six",
    }  # fmt: skip


def test_the_numbers_of_a_sketch_use_all_64_bits():
    numbers = [number for n in range(50) for number in sketch(frozenset({f"shingle {n}"}))]
    assert min(numbers) < -(2**62) and max(numbers) > 2**62


def test_only_the_beginning_of_a_very_long_text_is_looked_at():
    assert len(shingles(" ".join(f"word{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(676)) * 4)) <= 2000
    letters = "".join(chr(0x4E00 + n) for n in range(3000))
    assert len(shingles(letters)) == 2000


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
