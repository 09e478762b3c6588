"""Folding: similar characters become equal; scripts are recognised."""

import pytest

from commentsvc.core import unicode_folding


@pytest.mark.parametrize(
    ("text", "is_mainly"),
    [
        ("casino", True),
        ("casinо", True),  # the last letter is Cyrillic
        ("cаsо", True),  # two of four
        ("cаsо\u0455", False),  # two of five
        ("казино", False),
        ("1 + 1", True),
        ("", True),
    ],
)
def test_a_text_is_mainly_ascii_when_half_of_its_letters_are(text, is_mainly):
    assert unicode_folding.is_mainly_ascii(text) == is_mainly


@pytest.mark.parametrize(("text", "has"), [("a", True), ("1a", True), ("1!", False), ("ж", False), ("", False)])
def test_ascii_letters_are_seen(text, has):
    assert unicode_folding.has_ascii_letters(text) == has


@pytest.mark.parametrize(
    ("word", "is_disguised"),
    [("сasino", True), ("казино", False), ("ᴄᴀ", True), ("οδος", False), ("münchen", True)],
)
def test_letters_of_two_alphabets_in_one_word_are_a_disguise(word, is_disguised):
    assert unicode_folding.is_disguised(word) == is_disguised


@pytest.mark.parametrize(
    ("text", "start", "end", "original"),
    [
        ("Straße!", 0, 7, "Straße"),
        ("Straße!", 4, 6, "ß"),
        ("ABC", 1, 2, "B"),
        ("ÄBC", 1, 3, "BC"),
        ("v\u200bi", 0, 2, "v\u200bi"),
        ("Ä", 0, 1, "Ä"),
        ("Ä", 0, 2, ""),
        ("Ä", 1, 1, ""),
    ],
)
def test_what_was_written_is_found_again(text, start, end, original):
    assert unicode_folding.original(text, start, end) == original
