"""What people typed, checked and turned into safe HTML; only this file knows cmark, bleach and nh3."""

from __future__ import annotations

import ctypes
import dataclasses
import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape, unescape
from urllib.parse import quote

import bleach
import nh3
from cmarkgfm import _cmark, cmark

from commentsvc.core.errors import Invalid
from commentsvc.core.links import is_link as is_link
from commentsvc.core.links import is_web_url as is_web_url
from commentsvc.core.links import website as website
from commentsvc.core.phrases import phrase

YOUR_COMMENT = phrase("Your comment")
YOUR_TEXT = phrase("Your text")

# Kept beside each comment: bump it when the same source would give other HTML, so that all can be rendered again.
RENDERER = "md1"
HTML_RENDERER = "html1"

# Everything a comment may consist of: each tag, its attributes, and which of their values are sound.
# Headings are not here: they would enter the outline of the blog's page; they become a paragraph in bold.
# Images are not here: they would tell a third party who reads the page; they become links.
ALLOWED: dict[str, dict[str, Callable[[str], bool]]] = {
    "a": {"href": is_link, "title": lambda value: True},
    "code": {"class": lambda value: re.fullmatch(r"language-[A-Za-z0-9+#._-]{1,40}", value) is not None},
    "ol": {"start": lambda value: re.fullmatch(r"[0-9]{1,9}", value) is not None},
} | {name: {} for name in "p br em strong del pre blockquote ul ol li hr b i s cite q sub sup".split() if name != "ol"}
TAGS = frozenset(ALLOWED)
REL = "nofollow ugc noopener"
SCHEMES = {"http", "https", "mailto"}

# Tags of imported HTML without a counterpart here: the tag goes, its words stay. An unknown tag (`<your-name>`), a
# script or an embed is none of these: it stays readable as text, since a moderator wants to see that it was there.
_BLOCKS = frozenset(
    "address article aside caption center dd details div dl dt fieldset figcaption figure footer header main nav p"
    " section summary table tbody tfoot thead tr".split()
)
_CELLS = frozenset({"td", "th"})
_DROPPED = frozenset("abbr acronym bdi bdo big dfn font ins kbd label mark samp small span time tt u var wbr".split())
_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_TRANSLATED = _HEADINGS | {"img", "strike"}
_IMPORTED = TAGS | _TRANSLATED | _BLOCKS | _CELLS | _DROPPED

_VOID = frozenset({"br", "hr", "img", "wbr"})
_BREAKING = frozenset({"p", "br", "hr", "pre", "blockquote", "ul", "ol", "li"})  # tags that part two words

NESTING_MAX = 30  # some 14 quotes or lists in each other; bleach's work is quadratic in depth
_SIBLINGS_MAX = 500  # tags side by side in one tag; bleach's work is quadratic in these too
_PART = 100  # tags side by side that bleach is given at once; these need no limit, since nothing is around them
_TAG_MAX = 4_096  # characters; what is longer is no tag but text, which bounds the work that one "<" can cause
_SHRINKS = 4  # NFC makes at most this many characters one, so what is longer than this many limits is too long
_MARKS_MAX = 30  # as UAX 15, Stream-Safe Text; piles hide the lines around them, and NFC's work is quadratic in them
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_NEWLINE = re.compile("\r\n?|[\x85\u2028\u2029]")
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Drawn as nothing, though Unicode counts them as letters, marks or symbols (the invisible ones of category Cf besides).
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")


# What goes in


def normalised(value: str, name: str = "body", label: str = YOUR_TEXT) -> str:
    """NFC with `\\n` line ends, trimmed; raises Invalid(name, …) for control characters and lone surrogates."""
    return _normal_form(value, name, label).strip()


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
        raise _too_long(field, label, len(value), max_length)
    folded = " ".join(_normal_form(_NEWLINE.sub(" ", value.replace("\t", " ")), field, label).split())
    folded = " ".join(_BIDI.sub("", folded).split())
    if _is_invisible(folded):
        if required:
            raise Invalid(field, phrase("%(label)s is missing; please fill it in.", label=label))
        return ""
    if len(folded) > max_length:
        raise _too_long(field, label, len(folded), max_length)
    return folded


def body(value: object, max_length: int) -> str:
    """A comment's source: NFC, `\\n` line ends, without blanks at its end and blank lines at its start.

    Raises Invalid("body", sentence) for what is no text, shows nothing, or is longer than `max_length` characters.
    """
    if not isinstance(value, str):
        raise Invalid("body", phrase("%(label)s must be text.", label=YOUR_COMMENT))
    if len(value) > max_length * _SHRINKS:
        raise _too_long("body", YOUR_COMMENT, len(value), max_length)
    source = _normal_form(value, "body", YOUR_COMMENT).rstrip()
    source = re.sub(r"\A(?:[^\S\n]*+\n)++", "", source)
    if _is_invisible(source):
        raise Invalid("body", phrase("Please write your comment first."))
    if len(source) > max_length:
        raise _too_long("body", YOUR_COMMENT, len(source), max_length)
    return source


def _normal_form(value: str, name: str, label: str) -> str:
    value = _NEWLINE.sub("\n", value)
    if found := _UNWANTED.search(value):
        code = f"U+{ord(found.group()):04X}"
        sentence = phrase(
            "%(label)s has a character that cannot be shown (%(code)s); please take it out.", label=label, code=code
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


def _too_long(name: str, label: str, length: int, limit: int) -> Invalid:
    sentence = phrase(
        "%(label)s is %(length)s characters long; %(limit)s fit here.", label=label, length=length, limit=limit
    )
    return Invalid(name, sentence)


# What comes out


def to_html(source: str) -> str:
    """Markdown as safe HTML: CommonMark, ~~strikethrough~~, bare addresses as links, a newline as a line break.

    Raw HTML is shown as it was typed. Raises Invalid("body", …) when quotes and lists nest too deep.
    """
    tokens = list(_translated(_read(_markdown(_sound(source)), TAGS | _TRANSLATED)))
    if _nesting(tokens) > NESTING_MAX:
        sentence = phrase(
            "Quotes and lists are nested more than %(limit)s levels deep; please use fewer.", limit=NESTING_MAX
        )
        raise Invalid("body", sentence)
    return _gate(tokens)


def html_to_html(source: str) -> str:
    """Safe HTML from HTML as blogs keep comments: a blank line parts paragraphs, a newline breaks the line.

    Refuses nothing: what has no place in a comment becomes text or goes, and its words stay. Comments (`<!-- -->`) go.
    """
    source = _sound(source)
    commented, end, rest = source.rpartition("-->")  # after the last end no comment closes: each search below succeeds
    return _gate(_paragraphs(_translated(_read(_COMMENT.sub("", commented + end) + rest, _IMPORTED))))


def clean(html: str) -> str:
    """The last gate: only what ALLOWED holds, well formed; the rest is text. Cleaning twice changes nothing."""
    return _gate(_read(_sound(html), TAGS))


def plain(html: str, limit: int) -> str:
    """The words of cleaned HTML on one line, at most `limit` characters; cut between words, then ending in `…`."""
    text = "".join(_text_of(token) for token in _read(html, TAGS))
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
    for tag in _TAG.finditer(html):
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


def _text_of(token: Token) -> str:
    if isinstance(token, str):
        return token
    return " " if token.name in _BREAKING else ""


# Markdown

# cmark drops raw HTML. A noncharacter after "<" (Unicode keeps them for such inner use) makes it text for cmark, and
# leaves alone what else "<" does: autolinks, link targets, the end of a bare address.
_MARK = "\ufdd0"
_MARK_IN_URL = quote(_MARK)
_HTML_START = re.compile(r"<(?=[/!?]|[a-z][a-z0-9-]*+(?:[\s/>]|\Z))", re.I)
_OPTIONS = cmark.Options.CMARK_OPT_HARDBREAKS  # never CMARK_OPT_UNSAFE
# cmark-gfm keeps the characters that extensions listen to in a global table, filled for the time of one parse: a
# second parse at that time would miss links (seen: half of all results with four threads).
_one_at_a_time = threading.Lock()
# cmarkgfm's own functions free neither tree nor text: some 130 kB for each comment. It does not pass these two on.
_library = ctypes.CDLL(_cmark.__file__)
_library.cmark_node_free.argtypes = [ctypes.c_void_p]
_library.cmark_node_free.restype = None
_library.cmark_get_default_mem_allocator.restype = ctypes.POINTER(ctypes.CFUNCTYPE(None, ctypes.c_void_p) * 3)
_free = _library.cmark_get_default_mem_allocator().contents[2]  # struct cmark_mem: calloc, realloc, free
cmark.core_extensions_ensure_registered()
_EXTENSIONS = [cmark.find_syntax_extension(name) for name in ("autolink", "strikethrough")]


def _markdown(source: str) -> str:
    marked = _HTML_START.sub("<" + _MARK, source.replace(_MARK, ""))
    with _one_at_a_time:
        html = _cmark_html(marked)
    return html.replace(_MARK, "").replace(_MARK_IN_URL, "")


def _cmark_html(source: str) -> str:
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


# Reading and writing HTML strictly: a "<" that does not begin a known tag, written properly, is text. So what we write
# has one reading only, and neither parser behind it has anything to guess or mend.


@dataclass(frozen=True)
class Tag:
    """`attributes` hold untrusted values, decoded; only `_written` decides which of them go out."""

    name: str
    is_end: bool = False
    attributes: dict[str, str] = dataclasses.field(default_factory=dict)


Token = Tag | str  # a str is text, decoded

_TAG = re.compile(
    r"""<(?P<end>/?)(?P<name>[a-z][a-z0-9]*+)"""
    r"""(?P<attributes>(?:\s++[^\s"'<>/=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'=<>`]++))?+)*+)\s*+/?>""",
    re.I,
)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'=<>`]++)))?+""")
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.I)


def _sound(text: str) -> str:
    return _UNWANTED.sub("", _NEWLINE.sub("\n", text))


def _read(html: str, known: frozenset[str]) -> Iterator[Token]:
    start = 0
    at = html.find("<")
    while at >= 0:
        found = _TAG.match(html, at, at + _TAG_MAX)
        if found is None or found["name"].lower() not in known:
            at = html.find("<", at + 1)
            continue
        if start < at:
            yield _sound(unescape(html[start:at]))
        yield Tag(found["name"].lower(), bool(found["end"]), _attributes(found["attributes"]))
        start = found.end()
        at = html.find("<", start)
    if start < len(html):
        yield _sound(unescape(html[start:]))


def _attributes(source: str) -> dict[str, str]:
    """The first of each name counts. References need their `;` here: in `?a=1&copy=2` there is none."""
    attributes: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(source):
        value = _REFERENCE.sub(lambda found: unescape(found.group()), double or single or bare)
        attributes.setdefault(name.lower(), _sound(value))
    return attributes


def _translated(tokens: Iterable[Token]) -> Iterator[Token]:
    """The same in the tags that comments have: headings in bold, images as links (their words inside of links)."""
    links = 0
    for token in tokens:
        if isinstance(token, str):
            yield token
            continue
        if token.name == "a":
            links = max(0, links + (-1 if token.is_end else 1))
        if token.name in _HEADINGS:
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


def _nesting(tokens: Iterable[Token]) -> int:
    """How deep the tags of well-formed HTML nest."""
    depth = deepest = 0
    for token in tokens:
        if isinstance(token, Tag) and token.name not in _VOID:
            depth += -1 if token.is_end else 1
            deepest = max(deepest, depth)
    return deepest


def _balanced(tokens: Iterable[Token]) -> Iterator[str]:
    """Each start with its end and every link with a sound target, in parts that can be read one by one.

    A tag nested deeper than NESTING_MAX, or after _SIBLINGS_MAX others in the same tag, goes; its words stay.
    """
    out: list[str] = []
    stack: list[str] = []
    children = [0]  # of the whole part, and of each open tag
    dropped: Counter[str] = Counter()  # starts left out, whose ends are then left out too
    for token in tokens:
        if isinstance(token, str):
            if out and out[-1] == "<pre>":  # parsers take a newline here for layout
                token = token.lstrip("\n")
            if token:
                out.append(escape(token, quote=False))
        elif token.name in _VOID:
            if not token.is_end:
                out.append(f"<{token.name}>")
        elif not token.is_end:
            if not stack and children[0] >= _PART:
                yield "".join(out)
                out, children = [], [0]
            is_new_link = token.name != "a" or ("a" not in stack and is_link(token.attributes.get("href", "")))
            if len(stack) >= NESTING_MAX or children[-1] >= _SIBLINGS_MAX or not is_new_link:
                dropped[token.name] += 1
                continue
            children[-1] += 1
            children.append(0)
            stack.append(token.name)
            out.append(_written(token))
        elif dropped[token.name]:
            dropped[token.name] -= 1
        else:
            while token.name in stack:
                out.append(f"</{(name := stack.pop())}>")
                children.pop()
                if name == token.name:
                    break
    out.extend(f"</{name}>" for name in reversed(stack))
    yield "".join(out)


def _written(tag: Tag) -> str:
    kept = [(name, tag.attributes[name]) for name in ALLOWED[tag.name] if name in tag.attributes]
    attributes = [f' {name}="{escape(value)}"' for name, value in kept if _may_stay(tag.name, name, value)]
    return f"<{tag.name}{''.join(attributes)}>"


def _may_stay(tag: str, name: str, value: str) -> bool:
    rule = ALLOWED.get(tag, {}).get(name)
    return rule is not None and rule(value)


# Paragraphs of words and emphasis as `_balanced` writes them, which most comments are: bleach would give back the same,
# in ten times as long as all the rest takes.
BARE = re.compile(r"(?:<p>(?:[^<]|</?(?:br|strong|em|del|code|b|i|s|q|cite|sub|sup)>)*+</p>\n*+)++")


def _gate(tokens: Iterable[Token]) -> str:
    """bleach makes the policy; its makers promise no more security fixes, so nh3 checks the same table after it."""
    parts = _balanced(tokens)
    html = "".join(part if BARE.fullmatch(part) else bleach.clean(part, TAGS, _may_stay, SCHEMES) for part in parts)
    return _NO_TARGET.sub(r"\1", _NH3.clean(html))


# nh3 takes the target of a link whose host its URL parser refuses, though links.py does not. What is left is no link.
# `_written` puts `href` first, and nh3 keeps that order and escapes ">" in values.
_NO_TARGET = re.compile(r'<a(?! href=")[^>]*>(.*?)</a>', re.S)
_NH3 = nh3.Cleaner(
    tags=set(TAGS),
    clean_content_tags=set(),
    attributes={name: set(rules) for name, rules in ALLOWED.items()},
    attribute_filter=lambda tag, name, value: value if name == "rel" or _may_stay(tag, name, value) else None,
    url_schemes=SCHEMES,
    url_relative="deny",
    link_rel=REL,
)


# Imported HTML, where newlines mean something

_CONTAINERS = frozenset({"blockquote", "ul", "ol", "li", "pre"})
_ADDRESS = re.compile(r"""(?<![\w/])https?://[^\s<>"'()]++""", re.I)
_INLINE_MAX = 4  # emphasis in emphasis; all of it begins anew in each paragraph
_AFTER_ADDRESS = ".,;:!?"  # belongs to the sentence around it


def _paragraphs(tokens: Iterable[Token]) -> Iterator[Token]:
    """As WordPress shows its comments: paragraphs for blank lines, `<br>` for newlines, links for bare addresses."""
    page = _Page()
    for token in tokens:
        if isinstance(token, str):
            page.text(token)
        elif token.name in _BLOCKS:
            page.part()
        elif token.name in _CELLS:
            page.text(" ")
        elif token.name == "br":
            page.line_break()
        elif token.name == "hr":
            page.part()
            page.out.append(token)
        elif token.name in _CONTAINERS:
            page.leave(token.name) if token.is_end else page.enter(token)
        elif token.name in TAGS:
            page.end(token.name) if token.is_end else page.begin(token)
    page.part()
    return iter(page.out)


class _Page:
    """Paragraphs open with their first word and close where a block begins or ends; emphasis goes on across them."""

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
        start = 0
        if not any(tag.name in ("a", "code") for tag in self._inline):
            for found in _ADDRESS.finditer(words):
                url = found.group().rstrip(_AFTER_ADDRESS)
                yield from (words[start : found.start()], Tag("a", False, {"href": url}), url, Tag("a", True))
                start = found.start() + len(url)
        yield words[start:]
