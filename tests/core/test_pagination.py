"""Cursors and page sizes: cursors round-trip, and malformed ones are refused."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.core import pagination
from commentsvc.core.errors import Invalid
from commentsvc.core.pagination import Cursor, Sort

times = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (bounds are naive)


@given(st.sampled_from(Sort), times, st.integers(-(2**31), 2**31 - 1), st.integers(1, 2**63 - 1))
def test_a_cursor_comes_back_as_it_went(sort, at, score, number):
    written = Cursor(sort, at, score, number)
    assert pagination.cursor(str(written), sort) == written
    for other in set(Sort) - {sort}:
        with pytest.raises(Invalid):
            pagination.cursor(str(written), other)


@given(st.text(max_size=60))
def test_anything_else_is_refused_and_names_the_field(value):
    try:
        found = pagination.cursor(value, Sort.OLDEST)
    except Invalid as error:
        assert error.problems[0][0] == "cursor"
    else:
        assert found is None or str(found) == value


@pytest.mark.parametrize(
    "inside",
    ["oldest.1.2", "oldest.1.2.3.4.5", "oldest.1.2.3.x", "oldest.x.0.1", "oldest.9e9.0.1", f"oldest.{10**30}.0.1",
     f"oldest.1.0.{2**63}", f"oldest.1.{2**31}.1", "best.1.0.1", "oldest.01.0.1", "oldest. 1.0.1", "oldest.١.0.1"],
)  # fmt: skip
def test_a_made_up_cursor_is_refused(inside):
    value = base64.urlsafe_b64encode(inside.encode()).decode().rstrip("=")
    with pytest.raises(Invalid):
        pagination.cursor(value, Sort.OLDEST)


@pytest.mark.parametrize(("value", "want"), [("", 50), ("1", 1), ("100", 100), ("050", 50)])
def test_a_page_has_the_size_asked_for(value, want):
    assert pagination.limit(value) == want


@pytest.mark.parametrize("value", ["0", "101", "-1", "1.5", "ten", "٣", "1" * 5000, " 5"])
def test_a_size_that_is_none_is_refused(value):
    with pytest.raises(Invalid, match="1 to 100"):
        pagination.limit(value)
