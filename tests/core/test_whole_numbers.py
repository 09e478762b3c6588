import pytest

from commentsvc.core.whole_numbers import ROW_ID_MAX, find_number, is_row_id


@pytest.mark.parametrize(
    ("number", "is_one"), [(-1, False), (0, False), (1, True), (ROW_ID_MAX, True), (ROW_ID_MAX + 1, False)]
)
def test_a_row_has_a_positive_number_of_64_bits(number, is_one):
    assert ROW_ID_MAX == 9_223_372_036_854_775_807
    assert is_row_id(number) is is_one


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("12", 12),
        ("007", 7),
        (str(ROW_ID_MAX), ROW_ID_MAX),
        (str(ROW_ID_MAX + 1), None),
        ("1" + "0" * 5000, None),  # int() raises for this many digits
        ("", None),
        ("-1", None),
        ("1.0", None),
        (" 1", None),
        ("١", None),  # an Arabic digit
        ("²", None),
    ],
)
def test_a_number_is_written_with_ascii_digits(text, number):
    assert find_number(text) == number
