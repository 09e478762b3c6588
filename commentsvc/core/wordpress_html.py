"""Turns the text of WordPress's comments into paragraphs, as WordPress shows it, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape

from commentsvc.core.html_tokens import BLOCKS, CELLS, DROPPED, NESTING_MAX, TAGS, Tag, Token, linked, read

# Imported HTML, where newlines mean something

_CONTAINERS = frozenset({"blockquote", "ul", "ol", "li", "pre"})
_INLINE_MAX = 4  # emphasis in emphasis; all of it begins anew in each paragraph


def paragraphs(tokens: Iterable[Token]) -> Iterator[Token]:
    """Tokens as WordPress displays comments: paragraphs for blank lines, `<br>` for newlines, links for bare URLs."""
    page = _PageText()
    for token in tokens:
        if isinstance(token, str):
            page.text(token)
        elif token.name in BLOCKS:
            page.part()
        elif token.name in CELLS:
            page.text(" ")
        elif token.name == "br":
            page.line_break()
        elif token.name == "hr":
            page.part()
            page.out.append(token)
        elif token.name in _CONTAINERS:
            page.leave(token.name) if token.is_end else page.enter(token)
        elif token.name in TAGS - DROPPED:
            page.end(token.name) if token.is_end else page.begin(token)
    page.part()
    return iter(page.out)


class _PageText:
    """Builds paragraphs: they open with their first word and end at blocks; inline tags are reopened in each."""

    def __init__(self) -> None:
        self.out: list[Token] = []
        self._inline: list[Tag] = []
        self._blocks: list[str] = []
        self._has_words: list[bool] = []  # of each block
        self._is_open = False
        self._newlines = self._brs = 0  # since the last word

    def text(self, text: str) -> None:
        if self._is_in("pre"):
            self.out.append(text)
            return
        for number, words in enumerate(text.split("\n")):
            self._newlines += number > 0
            if words.strip():
                self._open()
                self.out.extend(self._linked(words))
            elif words and self._is_open and not self._newlines + self._brs:
                self.out.append(" ")

    def line_break(self) -> None:
        if self._is_in("pre"):
            self.out.append("\n")
        self._brs += 1

    def part(self) -> None:
        """End the paragraph, if one is open."""
        if self._is_open and not self._is_in("pre"):
            self._close()
        self._newlines = self._brs = 0

    def begin(self, tag: Tag) -> None:
        if len(self._inline) >= _INLINE_MAX or any(other.name == tag.name for other in self._inline):
            return
        if self._is_open:
            self._open()
            self.out.append(tag)
        self._inline.append(tag)

    def end(self, name: str) -> None:
        for at in reversed(range(len(self._inline))):
            if self._inline[at].name == name:
                del self._inline[at]
                if self._is_open:
                    self.out.append(Tag(name, True))
                return

    def enter(self, tag: Tag) -> None:
        self.part()
        if tag.name == "li" and self._is_in("li"):
            self.leave("li")
        if self._is_in("pre") or len(self._blocks) >= NESTING_MAX:
            return
        self._blocks.append(tag.name)
        self._has_words.append(False)
        self.out.append(tag)
        if tag.name == "pre":
            self._open()

    def leave(self, name: str) -> None:
        self.part()
        while name in self._blocks:
            if self._is_open:
                self._close()
            self._has_words.pop()
            self.out.append(Tag(last := self._blocks.pop(), True))
            if last == name:
                return

    def _is_in(self, name: str) -> bool:
        return bool(self._blocks) and self._blocks[-1] == name

    def _has_p(self) -> bool:
        return not self._is_in("li") and not self._is_in("pre")

    def _open(self) -> None:
        """Make ready for words: in a new paragraph, on a new line, or just where we are."""
        if self._is_open and max(self._newlines, self._brs) > 1:
            self._close()
        if self._is_open:
            if self._newlines + self._brs:
                self.out.append(Tag("br"))
        else:
            if self._has_p():
                self.out.append(Tag("p"))
            elif self._has_words[-1]:
                self.out.extend([Tag("br"), Tag("br")])
            self.out.extend(self._inline)
            self._is_open = True
        if self._blocks:
            self._has_words[-1] = True
        self._newlines = self._brs = 0

    def _close(self) -> None:
        self.out.extend(Tag(tag.name, True) for tag in reversed(self._inline))
        if self._has_p():
            self.out.append(Tag("p", True))
        self._is_open = False

    def _linked(self, words: str) -> Iterator[Token]:
        return iter([words]) if any(tag.name in ("a", "code") for tag in self._inline) else linked(words)


# Our HTML, as the text of a comment in WordPress

_NEWLINE = re.compile(r"[ \t\n\f\r]*\n[ \t\n\f\r]*")  # in HTML no more than a space
_SPACE = " \t\n\f\r"
_OF_TABLES = frozenset({"table", "thead", "tbody", "tr", *CELLS})
_NEWLINES_AROUND = {"p": 2, "blockquote": 2, "pre": 2, "ul": 2, "ol": 2, "li": 1}


def from_html(html: str) -> str:
    """The text of a comment that WordPress shows as `html`, which comes from core/sanitizer.py.

    Where the person who imports may not write any HTML, WordPress removes tags that its own commenters can't write,
    such as <p>, <br> and <li>, and puts nothing in their place: so newlines stand for paragraphs and lines, and a table
    becomes a line for each row, with “|” between the cells.
    """
    text = _CommentText()
    for token in read(html, TAGS):
        if isinstance(token, str):
            text.words(token)
        elif token.name == "br":
            text.line_break()
        elif token.name == "hr":
            text.part(2)
            text.tag(token)
            text.part(2)
        elif token.name in _NEWLINES_AROUND:
            text.block(token)
        elif token.name in _OF_TABLES:
            text.table(token)
        elif token.name != "span":  # colours of code, which are ours
            text.tag(token)
    return "".join(text.out)


class _CommentText:
    """Builds the text; newlines are written before the words or the tag that they separate from what is above."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._lines = 0  # <br> since the last word
        self._newlines = 0
        self._space = ""
        self._is_at_start = True  # of the text, a quote or an item
        self._is_in_pre = False
        self._is_first_cell = True

    def words(self, text: str) -> None:
        if self._is_in_pre:
            self.out.append(escape(text, quote=False))
            return
        text = _NEWLINE.sub("\n", text)
        words = text.strip(_SPACE)
        self._space += text[: len(text) - len(text.lstrip(_SPACE))]
        if words:
            self._separate()
            self.out.append(escape(words.replace("\n", " "), quote=False))
            self._space = text[len(text.rstrip(_SPACE)) :]

    def tag(self, tag: Tag) -> None:
        if not tag.is_end or not self._newlines + self._lines:
            self._separate()
        self.out.append(_written(tag))

    def line_break(self) -> None:
        self._lines += 1
        self._space = ""

    def part(self, newlines: int) -> None:
        self._newlines = max(self._newlines, newlines)
        self._space = ""

    def table(self, tag: Tag) -> None:
        if tag.name in CELLS:
            if not tag.is_end and not self._is_first_cell:
                self._space = " | "
            self._is_first_cell = False
        else:
            self._is_first_cell = True
            self.part(2 if tag.name == "table" else 1)

    def block(self, tag: Tag) -> None:
        if tag.name == "p":
            self.part(_NEWLINES_AROUND["p"])
            return
        is_list = tag.name in ("ul", "ol")
        if tag.is_end:
            self._newlines, self._lines, self._space = int(is_list), 0, ""
        else:
            self.part(_NEWLINES_AROUND[tag.name])
        self._separate()
        self.out.append(_written(tag))
        self._newlines = _NEWLINES_AROUND[tag.name] if tag.is_end else int(is_list)
        self._is_at_start = not tag.is_end and not is_list
        self._is_in_pre = tag.name == "pre" and not tag.is_end

    def _separate(self) -> None:
        if not self._is_at_start:
            newlines = "\n" * max(self._newlines, self._lines)
            space = self._space if "\n" not in self._space else "" if newlines else " "
            self.out += [newlines, space]
        self._newlines = self._lines = 0
        self._space, self._is_at_start = "", False


def _written(tag: Tag) -> str:
    attributes = [f' {name}="{escape(value)}"' for name, value in tag.attributes.items() if name != "rel"]
    return f"</{tag.name}>" if tag.is_end else f"<{tag.name}{''.join(attributes)}>"
