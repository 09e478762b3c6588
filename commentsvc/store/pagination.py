"""Reads a list on from a place in it, at the same cost wherever that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, SQLColumnExpression, tuple_

Q = TypeVar("Q", bound=Select[Any])


def read_on(
    query: Q, columns: Sequence[SQLColumnExpression[Any]], after: Sequence[object] | None, is_rising: bool
) -> Q:
    """The query in the order of `columns`, from behind the row that has the values `after` there.

    One comparison of rows: of an `or` neither database sees that it can begin in the middle of the index.
    """
    if after is not None:
        place = tuple_(*columns)
        query = query.where(place > tuple(after) if is_rising else place < tuple(after))
    return query.order_by(*(column if is_rising else column.desc() for column in columns))
