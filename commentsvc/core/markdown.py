"""Renders Markdown to HTML with cmark-gfm, which is linear in the length of the text."""

from __future__ import annotations

import ctypes
import itertools
import re
import threading
from collections.abc import Iterator

from cmarkgfm import _cmark, cmark

from commentsvc.core import code_colours, markdown_traps
from commentsvc.core.html_tokens import NESTING_MAX, TAGS, TRANSLATED, Tag, Token, linked, read, translated

# Never CMARK_OPT_UNSAFE. The positions tell what the author wrote where; `Markdown` reads them, and the cleaner drops
# them.
_OPTIONS = (
    cmark.Options.CMARK_OPT_HARDBREAKS
    | cmark.Options.CMARK_OPT_SOURCEPOS
    | cmark.Options.CMARK_OPT_STRIKETHROUGH_DOUBLE_TILDE
)
# cmark-gfm keeps the characters that extensions listen to in a global table, filled for the time of one parse: a
# second parse at that time would miss links (seen: half of all results with four threads).
_one_at_a_time = threading.Lock()
# cmarkgfm's own functions free neither tree nor text: some 130 kB for each comment. It does not pass these two on.
_library = ctypes.CDLL(_cmark.__file__)
_library.cmark_node_free.argtypes = [ctypes.c_void_p]
_library.cmark_node_free.restype = None
_library.cmark_get_default_mem_allocator.restype = ctypes.POINTER(ctypes.CFUNCTYPE(None, ctypes.c_void_p) * 3)
cmark.core_extensions_ensure_registered()
_free = _library.cmark_get_default_mem_allocator().contents[2]  # struct cmark_mem: calloc, realloc, free
_EXTENSIONS = [cmark.find_syntax_extension(name) for name in ("strikethrough", "table", "tasklist")]

_PARTINGS_MAX = 4  # a blank line can make a new quote or table of the lines below it
_BLOCK = re.compile(r'<(/?)(blockquote|table|li|th|tr)(?: (?:align="\w+" )?data-sourcepos="(\d+):\d+-(\d+):\d+")?>')
_BEFORE_TEXT = re.compile(r"[ \t>]*+")
_NUMBER = re.compile(r"([0-9]{1,9})[.)]")
_POSITION = re.compile(r"(\d+):(\d+)-(\d+):\d+")
_BOXES = {False: "☐", True: "☑"}  # check boxes as characters: read aloud, copied and mailed like the words


def to_tokens(source: str) -> Iterator[Token]:
    """Markdown as tokens of HTML, untrusted, with the tags that comments have.

    Bare addresses are links, and code in a known language is in `<span class>` by its kind.
    """
    html, lines = _html_and_lines(source)
    tokens = list(read(html, TAGS | TRANSLATED | {"input"}))
    _keep_numbers(tokens, lines)
    return translated(_coloured(_linked(_with_rules_and_boxes(tokens))))


def to_html_source(source: str) -> str:
    """The HTML that cmark writes, untrusted, with the position of each block in `data-sourcepos`."""
    return _html_and_lines(source)[0]


def _html_and_lines(source: str) -> tuple[str, list[str]]:
    lines = markdown_traps.hidden(source).split("\n")
    with _one_at_a_time:
        html = cmark_html("\n".join(lines))
        for _ in range(_PARTINGS_MAX):
            joined = _joined_lines(html, lines)
            if not joined:
                break
            lines = [part for number, line in enumerate(lines) for part in joined.get(number, (line,))]
            html = cmark_html("\n".join(lines))
    return markdown_traps.shown(html), lines


def cmark_html(source: str) -> str:
    parser = cmark.parser_new(_OPTIONS)
    try:
        for extension in _EXTENSIONS:
            cmark.parser_attach_syntax_extension(parser, extension)
        cmark.parser_feed(parser, source)
        root = cmark.parser_finish(parser)
        try:
            html = _cmark.lib.cmark_render_html(root, _OPTIONS, cmark.parser_get_syntax_extensions(parser))
            try:
                # cmark writes the noncharacters U+FFFE and U+FFFF of a reference as single bytes, which are no UTF-8.
                return bytes(_cmark.ffi.string(html)).decode(errors="replace")
            finally:
                _free(_address(html))
        finally:
            _library.cmark_node_free(_address(root))
    finally:
        cmark.parser_free(parser)


def _address(pointer: object) -> int:
    return int(_cmark.ffi.cast("uintptr_t", pointer))


def _joined_lines(html: str, lines: list[str]) -> dict[int, tuple[str, str]]:
    """Lines that cmark takes into a quote or table though they lack its sign, each parted from it by a blank line.

    They are numbered from 0. The signs are `>` for each quote, and `|` for a table of more than one column.
    """
    if "<blockquote" not in html and "<table" not in html:
        return {}
    found: dict[int, tuple[str, str]] = {}
    quotes = items = columns = 0
    for block in _BLOCK.finditer(html):
        end, name, first, last = block.groups()
        start = int(first or 0) - 1
        if name == "li":
            items += -1 if end else 1
        elif name == "blockquote":
            quotes += -1 if end else 1
            if end or quotes > NESTING_MAX:  # refused for its depth
                continue
            for number in range(start + 1, min(int(last), len(lines))):
                before = _before_text(lines[number])
                if before.count(">") < quotes and len(before) < len(lines[number]):
                    found[number] = _parted(lines[number], items > 0)
        elif end:
            continue
        elif name == "table":
            columns = 0
        elif name == "th":
            columns += 1
        elif name == "tr" and columns > 1 and "|" not in lines[start]:
            found[start] = _parted(lines[start], items > 0)
    return found


def _before_text(line: str) -> str:
    found = _BEFORE_TEXT.match(line)
    return found.group() if found else ""


def _parted(line: str, is_in_list: bool) -> tuple[str, str]:
    """A blank line and the line. Outside of lists its indentation goes, which would make code of it."""
    before = _before_text(line)
    quotes = ">" * before.count(">")
    return (before.rstrip(), line) if is_in_list else (quotes, quotes + line[len(before) :])


def _keep_numbers(tokens: list[Token], lines: list[str]) -> None:
    """Gives list items the numbers that their author wrote, unless all are the same (`1. 1. 1.` counts by itself)."""
    lists: list[list[tuple[Tag, int]] | None] = []
    for token in tokens:
        if not isinstance(token, Tag):
            continue
        if token.name in ("ol", "ul"):
            if not token.is_end:
                lists.append([] if token.name == "ol" else None)
            elif numbered := lists.pop():
                _number(numbered)
        elif token.name == "li" and not token.is_end and (items := lists[-1]) is not None:
            line, column = (int(part) for part in token.attributes["data-sourcepos"].split("-")[0].split(":"))
            if written := _NUMBER.match(lines[line - 1], column - 1):
                items.append((token, int(written[1])))


def _number(items: list[tuple[Tag, int]]) -> None:
    if len({number for _, number in items}) > 1:
        for (_, before), (item, number) in itertools.pairwise(items):
            if number != before + 1:
                item.attributes["value"] = str(number)


def _with_rules_and_boxes(tokens: list[Token]) -> Iterator[Token]:
    """A line of dashes below text is a rule, and makes no heading of the text; check boxes become characters."""
    item = Tag("li")
    is_underlined = False
    for token in tokens:
        if not isinstance(token, Tag):
            yield token
        elif token.name == "h2":
            if not token.is_end:
                is_underlined = _line_count(token) > 1  # "## heading" is on one line
            yield Tag("p", token.is_end) if is_underlined else token
            if token.is_end and is_underlined:
                yield Tag("hr")
        elif token.name == "input":
            item.attributes["class"] = "task"
            yield _BOXES["checked" in token.attributes]
        else:
            item = token if token.name == "li" else item
            yield token


def _line_count(block: Tag) -> int:
    found = _POSITION.match(block.attributes["data-sourcepos"])
    return int(found[3]) - int(found[1]) + 1 if found else 1


def _linked(tokens: Iterator[Token]) -> Iterator[Token]:
    """Bare addresses outside of links and code as links; a link without words has its address."""
    inside = 0
    before: Token = ""
    for token in tokens:
        if isinstance(token, Tag):
            if token == Tag("a", True) and isinstance(before, Tag) and before.name == "a":
                yield before.attributes.get("href", "")
            if token.name in ("a", "code"):
                inside += -1 if token.is_end else 1
            yield token
        elif inside:
            yield token
        else:
            yield from linked(token)
        before = token


def _coloured(tokens: Iterator[Token]) -> Iterator[Token]:
    """Blocks of code in colours, up to code_colours.COLOURED_MAX characters altogether; a longer block has none."""
    left = code_colours.COLOURED_MAX
    language = ""
    for token in tokens:
        if isinstance(token, Tag):
            language = token.attributes.get("class", "").removeprefix("language-") if token.name == "code" else ""
            yield token
        elif language and len(token) <= left and code_colours.is_known(language):
            left -= len(token)
            for colour, words in code_colours.parts(token, language):
                yield from (Tag("span", False, {"class": colour}), words, Tag("span", True)) if colour else (words,)
        else:
            yield token
