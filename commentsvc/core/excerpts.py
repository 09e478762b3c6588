"""Plain text of a comment's HTML, and excerpts with search words marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape, unescape

from commentsvc.core.html_tokens import BREAKING, TAG, TAGS, Token, read


def plain(html: str, limit: int) -> str:
    """The words of cleaned HTML on one line, at most `limit` characters; cut between words, then ending in `…`."""
    text = "".join(_numbered(read(html, TAGS)))
    words = " ".join(text.split())
    if len(words) <= limit:
        return words
    cut = words[: limit - 1]
    if words[limit - 1] != " ":
        cut = cut.rpartition(" ")[0] or cut
    return cut.rstrip() + "…"


def marked(html: str, words: Iterable[str]) -> str:
    """Cleaned HTML with each of `words` in `<mark>`, in any case; one that runs across tags is not found."""
    wanted = sorted({word for word in words if word.strip()}, key=len, reverse=True)
    if not wanted:
        return html
    pattern = re.compile("|".join(re.escape(word) for word in wanted), re.I)
    out = []
    last = 0
    for tag in TAG.finditer(html):
        out += [_with_marks(html[last : tag.start()], pattern), tag.group()]
        last = tag.end()
    return "".join([*out, _with_marks(html[last:], pattern)])


def _with_marks(html: str, pattern: re.Pattern[str]) -> str:
    text = unescape(html)
    out = []
    last = 0
    for found in pattern.finditer(text):
        out += [escape(text[last : found.start()], quote=False), f"<mark>{escape(found.group(), quote=False)}</mark>"]
        last = found.end()
    return "".join([*out, escape(text[last:], quote=False)])


def _numbered(tokens: Iterable[Token]) -> Iterator[str]:
    """The text of tokens, with the numbers of ordered lists, which are words of the author."""
    lists: list[int | None] = []  # the last number of each open list; None for one without numbers
    for token in tokens:
        yield text_of(token)
        if isinstance(token, str) or token.name not in ("ol", "ul", "li"):
            continue
        if token.name != "li":
            if not token.is_end:
                lists.append(int(token.attributes.get("start", "1")) - 1 if token.name == "ol" else None)
            elif lists:
                lists.pop()
        elif not token.is_end and lists and (last := lists[-1]) is not None:
            lists[-1] = int(token.attributes.get("value", last + 1))
            yield f"{lists[-1]}. "


def text_of(token: Token) -> str:
    if isinstance(token, str):
        return token
    return " " if token.name in BREAKING else ""
