"""Finds web and mail addresses in plain text, and where each ends in the sentence around it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# An address ends before each of these. Their order: white space and quotes that no address holds, quotation marks,
# punctuation of Chinese, Japanese, Arabic and Hindi, and characters that show nothing (links.py refuses these).
_ENDS = (
    r"\s<>\"`|\\^"
    "«»‹›“”„‟"
    "、。〈〉《》「」『』【】〔〕〖〗〘〙〚〛〝〞〟！（），：；？［］｛｝｟｠｡｢｣､،؛؟।॥"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
)
_LENGTH_MAX = 2_000
_WEB = rf"(?<![a-z0-9/@])(?:https?://|www\.(?!\.))[^{_ENDS}]{{1,{_LENGTH_MAX}}}+"
# Not `@name@host`, which names an account of the fediverse. Latin letters only: `写信给a@b.example吧`.
_MAIL_HOST = r"[a-z0-9\u00c0-\u024f-]++(?:\.[a-z0-9\u00c0-\u024f-]++)++"
_MAIL = rf"(?<![a-z0-9.+@/_-])(?:mailto:)?[a-z0-9][a-z0-9.+_-]*+@(?P<host>{_MAIL_HOST})(?![@/_])"
ADDRESS = re.compile(f"(?P<web>{_WEB})|{_MAIL}", re.I)
_PAIRS = {")": "(", "]": "[", "}": "{"}
_DEPTH_MAX = 8  # brackets in brackets
_AFTER = ".,;:!?'‘’*_~…–—&"  # at the end of an address these belong to the sentence
# A domain that ends in Latin letters ends there: no top-level domain mixes them with the letters of these scripts.
_JOINED = re.compile(r"(?<=\.)[a-z]{2,}(?=[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])", re.I)
_HOST_START = re.compile(r"(?:https?://)?", re.I)
_HOST_END = re.compile(r"[/?#:]")


class TextPart(NamedTuple):
    """A part of a text; `href` is empty for words that are no address."""

    words: str
    href: str


def parts(text: str) -> Iterator[TextPart]:
    """The text in parts, in order and complete. An `href` may still be unsound: `links.is_link` decides."""
    last = 0
    for start, end, href in _found(text):
        if last < start:
            yield TextPart(text[last:start], "")
        yield TextPart(text[start:end], href)
        last = end
    if last < len(text):
        yield TextPart(text[last:], "")


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where each address begins and ends in the text."""
    for start, end, _ in _found(text):
        yield start, end


def _found(text: str) -> Iterator[tuple[int, int, str]]:
    at = 0
    while found := ADDRESS.search(text, at):
        at = found.start() + _length(found)
        yield found.start(), at, _href(found, text[found.start() : at])


def _href(found: re.Match[str], words: str) -> str:
    if found["web"]:
        return words if "://" in words[:8] else f"http://{words}"
    return words if words[:7].lower() == "mailto:" else f"mailto:{words}"


def _length(found: re.Match[str]) -> int:
    address = found.group()
    if not found["web"]:
        return len(address.rstrip(".-"))
    address = address[: _bracket(address)]
    start = _HOST_START.match(address).end()  # type: ignore[union-attr]  # the pattern also matches nothing
    slash = _HOST_END.search(address, start)
    host_end = slash.start() if slash else len(address)
    if joined := _JOINED.search(address, start, host_end):
        address = address[: joined.end()]
    return len(address.rstrip(_AFTER))


def _bracket(address: str) -> int:
    """Where the first bracket without a partner is, else the length: `(see a.example/b_(c))` ends before the last."""
    opened: list[int] = []
    for at, char in enumerate(address):
        if char in "([{":
            opened.append(at)
            if len(opened) > _DEPTH_MAX:  # so that many addresses in a row do not each read all the others
                break
        elif char in _PAIRS:
            if not opened or address[opened[-1]] != _PAIRS[char]:
                return opened[0] if opened else at
            opened.pop()
    return opened[0] if opened else len(address)
