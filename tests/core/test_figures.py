"""Figures: percentiles, the time a queue takes, and CSV that no spreadsheet runs."""

import csv
import io

import pytest
from cast import data
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core.figures import csv_text, empty_in_s, percentile, spoken


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None),
        ([5], 0.9, 5),
        ([1, 2, 3], 0.5, 2),
        ([1, 2, 3, 4], 0.5, 2),
        (range(1, 11), 0.9, 9),
        ([3, 1], 1, 3),
    ],
)
def test_percentiles(values, share, expected):
    assert percentile(values, share) == expected


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 seconds"), (59, "59 seconds"), (60, "1 minute"), (720, "12 minutes"), (7200, "2 hours"), (86400, "1 day")],
)
def test_stretches_of_time_are_said_in_one_unit(seconds, words):
    assert spoken(seconds) == words


@pytest.mark.parametrize(
    ("waiting", "decided", "now", "expected"),
    [
        (0, [], 0, 0.0),
        (10, [], 0, None),
        (10, [5], 6, None),
        (10, [0, 6, 12], 20, 60.0),
        (10, [0, 6, 5000, 5006], 5010, 60.0),
        (10, [0, 6], 90_000, None),
    ],
)
def test_a_queue_is_empty_in(waiting, decided, now, expected):
    assert empty_in_s(waiting, decided, now) == expected


def test_formulas_do_not_get_out():
    lines = data("csv/payloadbox.txt").read_text().splitlines()
    more = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\ufeff=1", "＝1"]
    for line in [*lines, *more]:
        cell = next(csv.reader(io.StringIO(csv_text([[line]]), newline="")))[0]
        assert cell == f"'{line}", line


@given(st.lists(st.lists(st.text(), min_size=1), min_size=1))
def test_csv_is_read_back_as_it_was_but_for_the_apostrophe(rows):
    read = list(csv.reader(io.StringIO(csv_text(rows), newline="")))
    assert [[cell.removeprefix("'") for cell in row] for row in read] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]


def test_numbers_stay_numbers():
    assert csv_text([[-5, None, "a"]]) == '"-5","","a"\r\n'
