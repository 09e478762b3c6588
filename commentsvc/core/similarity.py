"""Similarity of texts, and two numbers by which near-duplicates are found (min-wise hashing)."""

from __future__ import annotations

import hashlib
import re

from commentsvc.core import unicode_folding

WORDS_MIN = 5  # shorter texts are alike by chance: “Great post!” is no copy
_SHINGLE = 3  # words that stand together
_SPACELESS_SHINGLE = 6  # characters, where words have no blanks between
_SHINGLES_MAX = 2_000  # looked at; 10,000 characters have some 1,800 words
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+\.\S+")  # copies lead to ever new addresses
_DIGITS = re.compile(r"\d+")
_NO_WORD = re.compile(r"[\W_]+")
_QUOTED = re.compile(r"^[ \t]*>.*$", re.MULTILINE)  # a comment that quotes another is not a copy
_HALF = 2**63  # databases count from -2**63


def shingles(text: str) -> frozenset[str]:
    """The text as overlapping groups of words, without quotes, addresses and numbers; empty when it is short."""
    plain = _DIGITS.sub("", _ADDRESS.sub(" ", unicode_folding.folded(_QUOTED.sub("", text))))
    if unicode_folding.is_spaceless(plain):
        letters = _NO_WORD.sub("", plain)
        count = len(letters) - _SPACELESS_SHINGLE + 1
        return frozenset(letters[at : at + _SPACELESS_SHINGLE] for at in range(min(count, _SHINGLES_MAX)))
    words = [found.group() for found in unicode_folding.words(plain)]
    if len(words) < WORDS_MIN:
        return frozenset()
    count = min(len(words) - _SHINGLE + 1, _SHINGLES_MAX)
    return frozenset(" ".join(words[at : at + _SHINGLE]) for at in range(count))


def sketch(of: frozenset[str]) -> tuple[int, int] | None:
    """Two signed 64-bit numbers, each the same for two texts as often as they share shingles; None for short ones."""
    if not of:
        return None
    digests = [hashlib.blake2b(shingle.encode(), digest_size=16).digest() for shingle in of]
    first = min(int.from_bytes(digest[:8], "big") for digest in digests)
    second = min(int.from_bytes(digest[8:], "big") for digest in digests)
    return first - _HALF, second - _HALF


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of their shingles that both texts have, from 0 to 1 (Jaccard index)."""
    return len(one & other) / len(one | other) if one and other else 0.0
