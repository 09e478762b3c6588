"""Splits HTML into tokens, strictly; lists the tags and attributes that a comment may have."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import unescape

from commentsvc.core import linkify
from commentsvc.core.code_colours import CODE_CLASSES
from commentsvc.core.links import is_link
from commentsvc.core.text_input import sound

# Everything a comment may consist of: each tag, its attributes, and which of their values are sound.
# Headings are not here: they would enter the outline of the blog's page; they become a paragraph in bold.
# Images are not here: they would tell a third party who reads the page; they become links.
_ALIGN: dict[str, Callable[[str], bool]] = {"align": lambda value: value in ("left", "center", "right")}
ALLOWED: dict[str, dict[str, Callable[[str], bool]]] = {
    "a": {"href": is_link, "title": lambda value: True},
    "code": {"class": lambda value: re.fullmatch(r"language-[A-Za-z0-9+#._-]{1,40}", value) is not None},
    "ol": {"start": lambda value: re.fullmatch(r"[0-9]{1,9}", value) is not None},
    "li": {
        "class": lambda value: value == "task",
        "value": lambda value: re.fullmatch(r"[0-9]{1,9}", value) is not None,
    },
    "span": {"class": lambda value: value in CODE_CLASSES},
    "th": _ALIGN,
    "td": _ALIGN,
} | {name: {} for name in "p br em strong del pre blockquote ul hr b i s cite q sub sup table thead tbody tr".split()}
TAGS = frozenset(ALLOWED)

# Tags of imported HTML without a counterpart here: the tag goes, its words stay. An unknown tag (`<your-name>`), a
# script or an embed is none of these: it stays readable as text, since a moderator wants to see that it was there.
BLOCKS = frozenset(
    "address article aside caption center dd details div dl dt fieldset figcaption figure footer header main nav p"
    " section summary table tbody tfoot thead tr".split()
)
CELLS = frozenset({"td", "th"})
DROPPED = frozenset("abbr acronym bdi bdo big dfn font ins kbd label mark samp small span time tt u var wbr".split())
HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
TRANSLATED = HEADINGS | {"img", "strike"}
IMPORTED = TAGS | TRANSLATED | BLOCKS | CELLS | DROPPED

VOID = frozenset({"br", "hr", "img", "wbr"})
# Tags that part two words.
BREAKING = frozenset({"p", "br", "hr", "pre", "blockquote", "ul", "ol", "li", "table", "tr", "th", "td"})

NESTING_MAX = 30  # some 14 quotes or lists in each other; bleach's work is quadratic in depth
# A tag of a table is only one directly inside of one of these. Parsers move all else out of the table.
TABLE_PARENTS = {
    "table": frozenset({"", "blockquote", "li"}),
    "thead": frozenset({"table"}),
    "tbody": frozenset({"table"}),
    "tr": frozenset({"thead", "tbody"}),
    "th": frozenset({"tr"}),
    "td": frozenset({"tr"}),
}
_TAG_MAX = 4_096  # characters; a longer tag is read as text, which bounds the work that one "<" can cause


# Reading and writing HTML strictly: a "<" that does not begin a known tag, written properly, is text. So what we write
# has one reading only, and neither parser behind it has anything to guess or mend.


@dataclass(frozen=True)
class Tag:
    """`attributes` hold untrusted values, decoded; only `_written` decides which of them go out."""

    name: str
    is_end: bool = False
    attributes: dict[str, str] = dataclasses.field(default_factory=dict)


Token = Tag | str  # a str is text, decoded

TAG = re.compile(
    r"""<(?P<end>/?)(?P<name>[a-z][a-z0-9]*+)"""
    r"""(?P<attributes>(?:\s++[^\s"'<>/=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'=<>`]++))?+)*+)\s*+/?>""",
    re.I,
)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'=<>`]++)))?+""")
REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.I)


def read(html: str, known: frozenset[str]) -> Iterator[Token]:
    start = 0
    at = html.find("<")
    while at >= 0:
        found = TAG.match(html, at, at + _TAG_MAX)
        if found is None or found["name"].lower() not in known:
            at = html.find("<", at + 1)
            continue
        if start < at:
            yield sound(unescape(html[start:at]))
        yield Tag(found["name"].lower(), bool(found["end"]), attributes(found["attributes"]))
        start = found.end()
        at = html.find("<", start)
    if start < len(html):
        yield sound(unescape(html[start:]))


def attributes(source: str) -> dict[str, str]:
    """The first of each name counts. References need their `;` here: in `?a=1&copy=2` there is none."""
    attributes: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(source):
        value = REFERENCE.sub(lambda found: unescape(found.group()), double or single or bare)
        attributes.setdefault(name.lower(), sound(value))
    return attributes


def translated(tokens: Iterable[Token]) -> Iterator[Token]:
    """The same in the tags that comments have: headings in bold, images as links (their words inside of links)."""
    links = 0
    for token in tokens:
        if isinstance(token, str):
            yield token
            continue
        if token.name == "a":
            links = max(0, links + (-1 if token.is_end else 1))
        if token.name in HEADINGS:
            pair = [Tag("p", token.is_end), Tag("strong", token.is_end)]
            yield from reversed(pair) if token.is_end else pair
        elif token.name == "img":
            url = token.attributes.get("src", "")
            words = token.attributes.get("alt") or url
            title = {name: value for name, value in token.attributes.items() if name == "title"}
            if links:
                yield words
            else:
                yield from (Tag("a", False, {"href": url, **title}), words, Tag("a", True))
        elif token.name == "strike":
            yield Tag("s", token.is_end)
        else:
            yield token


def linked(text: str) -> Iterator[Token]:
    """Bare addresses in a text as links."""
    for words, href in linkify.parts(text):
        yield from (Tag("a", False, {"href": href}), words, Tag("a", True)) if href else (words,)


# What may stand in a cell: words and what emphasises them.
_INLINE = frozenset("a code strong em del b i s cite q sub sup span br".split())


def with_sound_tables(tokens: Iterable[Token], rows_max: int) -> Iterator[Token]:
    """Tables stay that are written as cmark writes them, with cells in rows and all tags closed in their order.

    Of any other table the words stay, with a space for each cell.
    """
    table: list[Token] = []
    for token in tokens:
        is_start = isinstance(token, Tag) and token.name == "table" and not token.is_end
        if table and is_start:
            yield from _without_table(table)
            table = []
        if not table and not is_start:
            yield token
            continue
        table.append(token)
        if isinstance(token, Tag) and token.name == "table" and token.is_end:
            yield from table if _is_table(table, rows_max) else _without_table(table)
            table = []
    yield from _without_table(table)


def _is_table(tokens: list[Token], rows_max: int) -> bool:
    stack = [""]
    children = [0]
    for token in tokens:
        name = stack[-1]
        is_layout = name in ("table", "thead", "tbody", "tr")
        if isinstance(token, str):
            if is_layout and token.strip():
                return False
        elif token.is_end:
            if token.name != name or (name in ("table", "tr") and not children[-1]):
                return False
            stack.pop()
            children.pop()
        elif token.name in TABLE_PARENTS:
            children[-1] += 1
            if (name not in TABLE_PARENTS[token.name]) or children[-1] > rows_max:
                return False
            stack.append(token.name)
            children.append(0)
        elif is_layout or token.name not in _INLINE:
            return False
        elif token.name not in VOID:
            stack.append(token.name)
            children.append(0)
    return stack == [""]


def _without_table(tokens: Iterable[Token]) -> Iterator[Token]:
    for token in tokens:
        if isinstance(token, str) or token.name not in TABLE_PARENTS:
            yield token
        elif token.name in CELLS and not token.is_end:
            yield " "
