"""Whole numbers from outside, in paths, queries, forms and tokens: of rows, versions and settings."""

from __future__ import annotations

ROW_ID_MAX = 2**63 - 1  # SQLite's INTEGER and PostgreSQL's bigint; their drivers fail on larger numbers
DIGITS_MAX = len(str(ROW_ID_MAX))


def is_row_id(number: int) -> bool:
    """Whether a row of the database may have this number."""
    return 0 < number <= ROW_ID_MAX


def find_number(text: str) -> int | None:
    """The number, from 0 to ROW_ID_MAX, that ASCII digits write; None for any other text."""
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        return None
    number = int(text)
    return number if number <= ROW_ID_MAX else None
