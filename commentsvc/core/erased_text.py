"""Takes the names and addresses of an erased person out of texts and JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

IN_PLACE = "…"
NAME_MIN = 2  # characters: a shorter name would be found in too many texts


@dataclass(frozen=True)
class Identifiers:
    """What a person is known by: e-mail addresses, IP addresses and names, as stored."""

    emails: frozenset[str]
    ips: frozenset[str]
    names: frozenset[str]

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        names = {name for name in self.names if len(name) >= NAME_MIN}
        words = sorted({*self.emails, *self.ips, *names} - {""}, key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE) if words else None

    def without(self, value: Any) -> Any:
        """The text, or the JSON value with all its texts, without any of them; keys stay."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self._pattern.sub(IN_PLACE, value)
        if isinstance(value, list):
            return [self.without(one) for one in value]
        if isinstance(value, dict):
            return {key: self.without(one) for key, one in value.items()}
        return value

    def without_matches(self, reasons: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Reasons of a verdict; what their checks found is taken out, the names of rules and outcomes stay."""
        kept = ("rule", "outcome", "template")
        return [{k: v if k in kept else self.without(v) for k, v in reason.items()} for reason in reasons]
