"""The difference of an edit, word by word."""

from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core.text_diff import PARTS_MAX, between


def test_what_went_and_what_came_is_shown_in_place():
    pieces = [(p.change.value, p.text) for p in between("I like it a lot.", "I hate it.")]
    assert pieces == [
        ("same", "I "),
        ("del", "like"),
        ("ins", "hate"),
        ("same", " it"),
        ("del", " a lot"),
        ("same", "."),
    ]


@given(st.text(max_size=200), st.text(max_size=200))
def test_the_pieces_hold_both_texts_whole(before, after):
    pieces = between(before, after)
    assert "".join(p.text for p in pieces if p.change != "ins") == before
    assert "".join(p.text for p in pieces if p.change != "del") == after


def test_texts_too_long_to_compare_are_shown_whole():
    longest = "word " * (PARTS_MAX // 2)
    one_more = longest + "!"
    for before, after in ((longest, one_more), (one_more, longest), (one_more, one_more)):
        assert [(p.change.value, p.text) for p in between(before, after)] == [("del", before), ("ins", after)]
    assert [(p.change.value, p.text) for p in between(longest, longest)] == [("same", longest)]
