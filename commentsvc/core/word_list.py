"""Finds a long list of words and phrases in a text: in time that grows with the text, not with the list.

Words are looked up whole, by hash: “ass” is not in “class”. In scripts without spaces, and for entries of signs alone,
an entry may begin anywhere. Evasions that are seen through: case, width, invisible characters, look-alike letters of
other scripts, letters set apart (“v i a g r a”) or drawn out (“viaaagra”), digits and signs for letters (“v1agr@”).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from commentsvc.core import unicode_folding

ENTRY_WORDS_MAX = 12  # of a phrase: tokens that are looked up at each word of a text
ENTRY_MAX = 200  # characters of an entry
_GAP_MAX = 3  # characters between letters that are set apart
_APART_MIN = 3  # letters; two may occur alone by chance
_LONE = frozenset("ai")  # letters that are words; one may stand before or after letters set apart
_DRAWN_OUT = re.compile(r"(.)\1{2,}")
_NO_WORD = re.compile(r"[\W_]+")
_SIGNS = "@$!|€£+"  # that stand for letters inside of a word
_DISGUISED = re.compile(rf"[^\W\d_]*+[\d{re.escape(_SIGNS)}][\w{re.escape(_SIGNS)}]*+")
# One is read as i, and as l: both are tried.
_READ_AS = [str.maketrans("013457@$!|€£+" + "689", "o" + one + "eastasi" + one + "elt" + "bbg") for one in ("i", "l")]


@dataclass(frozen=True)
class _Entry:
    """`gaps` are the signs before, between and after its words; blanks do not count, so any stand for “ ”."""

    line: str
    gaps: tuple[str, ...]


@dataclass(frozen=True)
class Match:
    entry: str  # as it stands in the list
    text: str  # as it was written


class _Word(NamedTuple):
    text: str
    start: int
    end: int


class Text:
    """A text (NFC) made ready to be looked at with any number of lists."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = unicode_folding.folded(text)
        self.tokens = unicode_folding.tokens(self.folded)
        self.vocabulary = set(self.tokens)

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """The positions of the tokens."""
        return [found.span() for found in unicode_folding.words(self.folded)]

    @property
    def words(self) -> Iterator[_Word]:
        return (_Word(token, *span) for token, span in zip(self.tokens, self.spans, strict=True))

    @cached_property
    def without_gaps(self) -> str:
        """The text for lookups in scripts without spaces; "" when there is none."""
        return _NO_WORD.sub("", self.folded) if unicode_folding.is_spaceless(self.folded) else ""

    @cached_property
    def without_blanks(self) -> str:
        return "".join(self.folded.split())

    @cached_property
    def unmasked(self) -> list[_Word]:
        """Plain readings of disguised words."""
        return list(_unmasked(self))

    def original(self, start: int, end: int) -> str:
        return unicode_folding.original(self.text, start, end)


class WordList:
    """A list made ready; `value` has a word or phrase a line."""

    def __init__(self, value: str) -> None:
        self._entries: dict[str, list[_Entry]] = {}  # by their words, joined with a blank
        self._longest: dict[str, int] = {}  # by first word: how many words an entry has at most
        self._inside = Substrings()
        self._signs = Substrings()
        for line in value.splitlines():
            if line.strip():
                self._add(line.strip())

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._entries.values()) + len(self._inside) + len(self._signs)

    def _add(self, line: str) -> None:
        text = unicode_folding.folded(unicodedata.normalize("NFC", line))
        words = unicode_folding.words(text)
        if unicode_folding.is_spaceless(text):
            self._inside.add(_NO_WORD.sub("", text), line)
        elif not words:
            self._signs.add("".join(text.split()), line)
        else:
            ends = [0, *(word.end() for word in words)]
            starts = [*(word.start() for word in words), len(text)]
            gaps = tuple("".join(text[a:b].split()) for a, b in zip(ends, starts, strict=True))
            key = " ".join(word.group() for word in words)
            self._entries.setdefault(key, []).append(_Entry(line, gaps))
            first = words[0].group()
            self._longest[first] = max(self._longest.get(first, 0), len(words))

    def find(self, text: Text) -> Match | None:
        """The first entry that occurs in the text; plain words before disguised ones."""
        if not self._longest.keys().isdisjoint(text.vocabulary):
            for entry, start, end in self._plain(text):
                return Match(entry.line, text.original(start, end) or entry.line)
        if self._inside and (line := self._inside.find(text.without_gaps)):
            return Match(line, line)
        if self._signs and (line := self._signs.find(text.without_blanks)):
            return Match(line, line)
        for word in text.unmasked:
            for entry in self._entries.get(word.text, ()):
                if not any(entry.gaps):
                    return Match(entry.line, text.original(word.start, word.end) or entry.line)
        return None

    def _plain(self, text: Text) -> Iterator[tuple[_Entry, int, int]]:
        for at, token in enumerate(text.tokens):
            longest = self._longest.get(token)
            if longest is None:
                continue
            for count in range(1, min(longest, len(text.tokens) - at) + 1):
                for entry in self._entries.get(" ".join(text.tokens[at : at + count]), ()):
                    if _fits(entry, text, at, count):
                        start, end = text.spans[at][0], text.spans[at + count - 1][1]
                        yield entry, start - len(entry.gaps[0]), end + len(entry.gaps[-1])


def _fits(entry: _Entry, text: Text, at: int, count: int) -> bool:
    """Whether the signs of the entry stand around and between these words of the text."""
    if not any(entry.gaps):
        return True
    spans = text.spans
    for place, gap in enumerate(entry.gaps):
        if not gap:
            continue
        before = spans[at + place - 1][1] if at + place > 0 else 0
        after = spans[at + place][0] if at + place < len(spans) else len(text.folded)
        signs = "".join(text.folded[before:after].split())
        if place == 0:
            if not signs.endswith(gap):
                return False
        elif place == count:
            if not signs.startswith(gap):
                return False
        elif signs != gap:
            return False
    return True


def _unmasked(text: Text) -> Iterator[_Word]:
    """Plain readings of disguised words, a few for each word."""
    folded = text.folded
    if not folded.isascii():
        reads_foreign = unicode_folding.is_mainly_ascii(folded)
        for word in text.words:
            if not word.text.isascii() and (reads_foreign or unicode_folding.is_disguised(word.text)):
                yield _Word(unicode_folding.as_ascii(word.text), word.start, word.end)
    if _DRAWN_OUT.search(folded):
        for word in text.words:
            if _DRAWN_OUT.search(word.text):
                for kept in (r"\1", r"\1\1"):
                    yield _Word(_DRAWN_OUT.sub(kept, word.text), word.start, word.end)
    for found in _DISGUISED.finditer(folded):
        disguised = found.group()
        # “A55” is a road: where digits outnumber the letters they are digits.
        if unicode_folding.has_ascii_letters(disguised) and _letters_lead(disguised):
            for table in _READ_AS:
                yield _Word(unicode_folding.as_ascii(disguised.strip("+!|")).translate(table), *found.span())
    if sum(len(token) == 1 for token in text.tokens) >= _APART_MIN:
        yield from _set_apart(folded, text.words)


def _letters_lead(word: str) -> bool:
    return sum(char.isalpha() for char in word) >= sum(char.isdigit() for char in word)


def _set_apart(folded: str, words: Iterable[_Word]) -> Iterator[_Word]:
    """Words spelled with separators (`s p a m`, `s.p.a.m`), joined."""
    run: list[_Word] = []
    gap = ""
    for word in words:
        between = folded[run[-1].end : word.start] if run else ""
        is_near = len(word.text) == 1 and bool(run) and len(between) <= _GAP_MAX
        if is_near and (len(run) == 1 or between == gap):
            run.append(word)
        else:
            yield from _together(run)
            run = ([run[-1], word] if is_near else [word]) if len(word.text) == 1 else []
        gap = between
    yield from _together(run)


def _together(run: Sequence[_Word]) -> Iterator[_Word]:
    for first, last in ((0, len(run)), (1, len(run)), (0, len(run) - 1), (1, len(run) - 1)):
        part = run[first:last]
        trimmed = [*run[:first], *run[last:]]
        if len(part) >= _APART_MIN and all(word.text in _LONE for word in trimmed):
            yield _Word(unicode_folding.as_ascii("".join(w.text for w in part)), part[0].start, part[-1].end)


class Substrings:
    """Entries that may begin anywhere: at each place as many look-ups as there are lengths with this beginning."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}
        self._lengths: dict[str, set[int]] = {}  # by the first two characters, or the only one

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, part: str, line: str) -> None:
        self._lines.setdefault(part, line)
        self._lengths.setdefault(part[:2], set()).add(len(part))

    def find(self, text: str) -> str | None:
        for at in range(len(text)):
            for beginning in (text[at : at + 2], text[at]):
                for length in self._lengths.get(beginning, ()):
                    if (line := self._lines.get(text[at : at + length])) is not None:
                        return line
        return None
