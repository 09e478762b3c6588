"""Text folded so that what reads alike is alike: width, case, invisible characters, look-alikes of other scripts."""

from __future__ import annotations

import re
import unicodedata

from commentsvc.core.homoglyphs import CAPITALS, LOOKS_LIKE, LOOKS_LIKE_IN_NAMES

_KEPT_MAX = 20_000  # characters whose folding is remembered; a text of nothing but rare ones must not fill the memory

# Written without spaces, or with endings that grow on: a word is looked for anywhere in these.
SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
# `\w` of Python knows letters and digits; the vowel signs of Indic scripts belong to words too.
_MARKS = "".join(chr(code) for code in range(0x300, 0x2000) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
_WORD = re.compile(rf"(?:[^\W_{SPACELESS}]|[{_MARKS}](?<![{SPACELESS}]))+")
_SPACELESS = re.compile(f"[{SPACELESS}]")
_ASCII_LETTER = re.compile("[a-z]")
# Drawn as nothing, though they are letters or marks (core/sanitizer.py has the same list).
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")


class _Folds(dict[int, str]):
    """The folding of each character, computed when it is first needed."""

    def __missing__(self, code: int) -> str:
        folded = _folded(chr(code))
        if len(self) < _KEPT_MAX:
            self[code] = folded
        return folded


def _folded(char: str) -> str:
    if _BLANK.match(char) or unicodedata.category(char) == "Cf":
        return ""
    plain = unicodedata.normalize("NFKC", char).casefold()
    return "".join(c for c in plain if not _is_ornament(c))


def _is_ornament(char: str) -> bool:
    """Marks that NFC could not join to their letter: strokes, piles, Arabic vowels. No vowel sign of a script."""
    order = unicodedata.combining(char)
    return order == 1 or 27 <= order <= 35 or order >= 200


_FOLDS = _Folds()
_ALPHABETS = frozenset(map(chr, range(0x370, 0x590)))  # Greek, Cyrillic, Armenian: whole words of these are theirs
_STROKES = {ord("l"): "i", ord("1"): "i", ord("|"): "i", ord("0"): "o"}
# Accents of Latin, Greek and Cyrillic letters; the vowel signs of other scripts are no ornaments.
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")


def folded(text: str) -> str:
    """`text` (NFC) without case, width and what cannot be seen."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", text.translate(_FOLDS))


def as_ascii(word: str) -> str:
    """A folded word with every letter that looks like an ASCII one read as that."""
    return word if word.isascii() else word.translate(LOOKS_LIKE)


def words(text: str) -> list[re.Match[str]]:
    """The words of a folded text, but for those of scripts without spaces."""
    return list(_WORD.finditer(text))


def tokens(text: str) -> list[str]:
    """The same without their places, which costs half."""
    return _WORD.findall(text)


def is_spaceless(text: str) -> bool:
    """Whether the text has anything of a script without spaces."""
    return not text.isascii() and _SPACELESS.search(text) is not None


def is_disguised(word: str) -> bool:
    """Whether a folded word has letters that stand in no alphabet together with its others, or in none at all."""
    return has_ascii_letters(word) or any(ord(char) in LOOKS_LIKE and char not in _ALPHABETS for char in word)


def has_ascii_letters(text: str) -> bool:
    return _ASCII_LETTER.search(text) is not None


def is_mainly_ascii(text: str) -> bool:
    """Whether a folded text is written in ASCII letters, but for a few."""
    return 2 * len(_ASCII_LETTER.findall(text)) >= sum(char.isalpha() for char in text)


def original(text: str, start: int, end: int) -> str:
    """The part of `text` that became `folded(text)[start:end]`; "" where joining characters moved their places."""
    if text.isascii():
        return text[start:end]
    places = [at for at, char in enumerate(text) for _ in _FOLDS[ord(char)]]
    if len(places) != len(folded(text)) or not start < end <= len(places):
        return ""
    return text[places[start] : places[end - 1] + 1]


def skeleton(name: str) -> str:
    """A name as it reads at a glance: two that are read alike have the same."""
    return "".join(char for char in _bare(name) if unicodedata.category(char)[0] in "LMN")


def _bare(name: str) -> str:
    """A name without case, accents, look-alikes and strokes that are read as another letter; its spaces stay."""
    capitals = unicodedata.normalize("NFKC", name.translate(CAPITALS)).translate(CAPITALS)
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", folded(capitals)))
    # The rest of a decomposed script, such as Hangul, is joined again.
    read = as_ascii(unicodedata.normalize("NFC", plain).translate(LOOKS_LIKE_IN_NAMES)).translate(_STROKES)
    return read.replace("rn", "m").replace("vv", "w")
