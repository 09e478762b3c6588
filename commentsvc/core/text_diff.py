"""The word-by-word difference of an edit: removed, added and unchanged words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

PARTS_MAX = 2_000  # words and spaces; difflib's work can be quadratic in them
_PART = re.compile(r"\w+|\s+|[^\w\s]")


class WordChange(StrEnum):
    SAME = "same"
    GONE = "del"
    NEW = "ins"


@dataclass(frozen=True)
class Piece:
    change: WordChange
    text: str


def between(before: str, after: str) -> list[Piece]:
    """The pieces of both texts in order; a text too long to compare word by word is shown whole, old then new."""
    old, new = _PART.findall(before), _PART.findall(after)
    if len(old) > PARTS_MAX or len(new) > PARTS_MAX:
        return [Piece(WordChange.GONE, before), Piece(WordChange.NEW, after)]
    pieces = []
    for kind, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece(WordChange.SAME, "".join(old[old_from:old_to])))
            continue
        pieces.append(Piece(WordChange.GONE, "".join(old[old_from:old_to])))
        pieces.append(Piece(WordChange.NEW, "".join(new[new_from:new_to])))
    return [piece for piece in pieces if piece.text]
