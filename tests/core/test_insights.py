"""Figures: percentiles, the time a queue takes, and CSV that no spreadsheet runs."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core.insights import csv_text, empty_in_s, format_duration, percentile
from tests.support.cast import data


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
    assert format_duration(seconds) == words


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


MORE_FORMULAS = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\ufeff=1", "＝1", "＋1", "－1", "＠SUM(A1)", "\u2003=1"),
    *(
        ";=1+1;",
        ";=cmd|' /C calc'!A0;",
        '"";=1+1;""',
        "\t=1+1\t",
        '"\t=1+1\t"',
        "a;=2+2;b",
        "a; =2;",
        'a;"=2"',
        "a;＝2",
    ),
    *("=1;=2", "a|=2", "a;\u200b=2", "a\r\n=2", "'=1", '"=1"', "a;DDE (x)"),
]
FORMULA = re.compile("[=+@＝＋－＠-]|DDE")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_no_spreadsheet_finds_a_formula_whatever_separates_its_cells(separator):
    for line in [*data("csv/payloadbox.txt").read_text().splitlines(), *MORE_FORMULAS]:
        written = csv_text([["page", line, "3"]])
        kept = csv.reader(io.StringIO(written, newline=""), delimiter=separator)
        torn = [written.replace('"', "").split(separator)]
        for row in [*kept, *(torn if separator != "," else [])]:
            for cell in row:
                assert not FORMULA.match(cell.strip(' "\u200b\u2003\ufeff\r\n\t')), (line, cell)


@given(st.lists(st.lists(st.text(), min_size=1), min_size=1))
def test_csv_is_read_back_as_it_was_but_for_apostrophes(rows):
    read = list(csv.reader(io.StringIO(csv_text(rows), newline="")))
    assert [[cell.replace("'", "") for cell in row] for row in read] == [
        [cell.replace("'", "") for cell in row] for row in rows
    ]


@pytest.mark.parametrize("text", ["Tea, cake", "a; b", "50 % of it", "a - b", "x=1", "me@example.org", 'say "hi"; bye'])
def test_harmless_text_stays_as_it_is(text):
    assert list(csv.reader(io.StringIO(csv_text([[text]]), newline=""))) == [[text]]


def test_numbers_stay_numbers():
    assert csv_text([[-5, None, "a"]]) == '"-5","","a"\r\n'
