"""Checks and normalises what people type: line breaks, Unicode form, invisible characters, length."""

from __future__ import annotations

import re
import unicodedata

from commentsvc.core.errors import Invalid
from commentsvc.core.phrases import phrase

YOUR_COMMENT = phrase("Your comment")
YOUR_TEXT = phrase("Your text")
_SHRINKS = 4  # NFC makes at most this many characters one, so what is longer than this many limits is too long
_MARKS_MAX = 30  # as UAX 15, Stream-Safe Text; piles hide the lines around them, and NFC's work is quadratic in them
NEWLINE = re.compile("\r\n?|[\x85\u2028\u2029]")
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Drawn as nothing, though Unicode counts them as letters, marks or symbols (the invisible ones of category Cf besides).
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")


# What goes in


def normalised(value: str, name: str = "body", label: str = YOUR_TEXT) -> str:
    """NFC with `\\n` line ends, trimmed; raises Invalid(name, …) for control characters and lone surrogates."""
    return normal_form(value, name, label).strip()


def line(value: object, field: str, label: str, max_length: int, required: bool) -> str:
    """One line such as a name: NFC, blanks folded, trimmed; '' when there is none and none is required.

    `label` begins the sentences ("Your name"). Bidi overrides and isolates are taken out: they would turn what stands
    around the name. Raises Invalid(field, sentence).
    """
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise Invalid(field, phrase("%(label)s must be text.", label=label))
    if len(value) > max_length * _SHRINKS:
        raise too_long(field, label, len(value), max_length)
    folded = " ".join(normal_form(NEWLINE.sub(" ", value.replace("\t", " ")), field, label).split())
    folded = " ".join(_BIDI.sub("", folded).split())
    if _is_invisible(folded):
        if required:
            raise Invalid(field, phrase("Please fill in this field: %(label)s.", label=label))
        return ""
    if len(folded) > max_length:
        raise too_long(field, label, len(folded), max_length)
    return folded


def body(value: object, max_length: int) -> str:
    """A comment's source: NFC, `\\n` line ends, without blanks at its end and blank lines at its start.

    Raises Invalid("body", sentence) for what is no text, shows nothing, or is longer than `max_length` characters.
    """
    if not isinstance(value, str):
        raise Invalid("body", phrase("%(label)s must be text.", label=YOUR_COMMENT))
    if len(value) > max_length * _SHRINKS:
        raise too_long("body", YOUR_COMMENT, len(value), max_length)
    source = normal_form(value, "body", YOUR_COMMENT).rstrip()
    source = re.sub(r"\A(?:[^\S\n]*+\n)++", "", source)
    if _is_invisible(source):
        raise Invalid("body", phrase("Please write your comment first."))
    if len(source) > max_length:
        raise too_long("body", YOUR_COMMENT, len(source), max_length)
    return source


def normal_form(value: str, name: str, label: str) -> str:
    """The text in NFC with "\\n" line breaks; raises Invalid(name, …) for characters that cannot be shown."""
    value = NEWLINE.sub("\n", value)
    if found := _UNWANTED.search(value):
        code = f"U+{ord(found.group()):04X}"
        sentence = phrase(
            "%(label)s has a character that cannot be shown (%(code)s); please remove it.", label=label, code=code
        )
        raise Invalid(name, sentence)
    return unicodedata.normalize("NFC", value if value.isascii() else _without_piles(value))


def _without_piles(value: str) -> str:
    """At most _MARKS_MAX combining marks in a row."""
    kept: list[str] = []
    marks = 0
    for char in value:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MARKS_MAX:
            kept.append(char)
    return "".join(kept)


def _is_invisible(value: str) -> bool:
    return all(char.isspace() or _BLANK.match(char) or unicodedata.category(char) == "Cf" for char in value)


def too_long(name: str, label: str, length: int, limit: int) -> Invalid:
    sentence = phrase(
        "%(label)s is %(length)s characters long; the limit is %(limit)s.", label=label, length=length, limit=limit
    )
    return Invalid(name, sentence)


def sound(text: str) -> str:
    return _UNWANTED.sub("", NEWLINE.sub("\n", text))
