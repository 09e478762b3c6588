"""Reads the fields of a line of an export, which may have been written or changed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from commentsvc.core.errors import Invalid


class Fields:
    """The fields of one line; each method raises Invalid naming the field that is missing or of the wrong kind."""

    def __init__(self, line: Mapping[str, Any]) -> None:
        self._line = line

    def text(self, name: str, length_max: int, required: bool = True) -> str:
        """A text of at most `length_max` characters; "" for null where it is not required."""
        value = self._line.get(name)
        if value is None and not required:
            return ""
        if not isinstance(value, str) or (required and not value):
            raise Invalid(name, f"{name} is missing or is no text")
        if len(value) > length_max:
            raise Invalid(name, f"{name} is longer than {length_max} characters")
        return value.replace("\0", "")

    def optional_text(self, name: str, length_max: int) -> str | None:
        """As text; None for null."""
        return None if self._line.get(name) is None else self.text(name, length_max, required=False)

    def time(self, name: str) -> datetime:
        """An RFC 3339 time, in UTC."""
        found = self.optional_time(name)
        if found is None:
            raise Invalid(name, f"{name} is missing")
        return found

    def optional_time(self, name: str) -> datetime | None:
        """As time; None for null."""
        value = self._line.get(name)
        if value is None:
            return None
        try:
            at = datetime.fromisoformat(value)
            return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        except (TypeError, ValueError, OverflowError):
            raise Invalid(name, f"{name} is no RFC 3339 time") from None

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false; the default where it is missing."""
        value = self._line.get(name, default)
        if not isinstance(value, bool):
            raise Invalid(name, f"{name} is neither true nor false")
        return value

    def number(self, name: str, default: int = 0) -> int:
        """A whole number of 32 bits; the default where it is missing."""
        value = self._line.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 2**31:
            raise Invalid(name, f"{name} is no whole number")
        return value

    def optional_number(self, name: str) -> float | None:
        """A number, or None for null."""
        value = self._line.get(name)
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
            raise Invalid(name, f"{name} is no number")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """An object; {} for null."""
        value = self._line.get(name)
        if value is not None and not isinstance(value, dict):
            raise Invalid(name, f"{name} is no object")
        return value or {}

    def list(self, name: str) -> list[Any]:
        """A list; [] for null."""
        value = self._line.get(name)
        if value is not None and not isinstance(value, list):
            raise Invalid(name, f"{name} is no list")
        return value or []

    def digest(self, name: str) -> bytes | None:
        """A SHA-256 of 64 hexadecimal digits, or None for null."""
        value = self._line.get(name)
        try:
            found = bytes.fromhex(value) if value is not None else None
        except (TypeError, ValueError):
            found = b""
        if found is not None and len(found) != 32:
            raise Invalid(name, f"{name} is no hash of 64 hexadecimal digits")
        return found
