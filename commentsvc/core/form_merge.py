"""Merges the changes of one form with those that others have saved since the form was opened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HASH_LENGTH = 16  # hexadecimal digits; nobody but the person at the form could gain by two values of one hash


@dataclass(frozen=True)
class Merged:
    """`changes` are the fields that this person changed; `overlaps` those of them that others have changed too."""

    changes: dict[str, Any]
    overlaps: list[str]


def fingerprint(values: Mapping[str, Any]) -> str:
    """Fingerprints of the values that a form shows: `name:hash name:hash …`."""
    return " ".join(f"{name}:{_hash(value)}" for name, value in values.items())


def merge(shown: str, sent: Mapping[str, Any], current: Mapping[str, Any]) -> Merged:
    """Compare a form as it was shown (its fingerprint), as it was sent back, and the values of now, by field.

    A field that the form did not show is a change in any case. Two people who chose the same do not overlap.
    """
    hashes = {name: value for name, _, value in (pair.partition(":") for pair in shown.split())}
    changes = {name: value for name, value in sent.items() if hashes.get(name) != _hash(value)}
    overlaps = [
        name
        for name, value in changes.items()
        if name in hashes and _hash(current.get(name)) not in (hashes[name], _hash(value))
    ]
    return Merged(changes, overlaps)


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]
