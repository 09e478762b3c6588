"""Reads what a web page says about itself: its title, its address and its redirect, from the HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import urljoin

import webencodings

from commentsvc.core.policy import TITLE_MAX
from commentsvc.core.text_input import sound

ELEMENT = "comment-thread"
# A longer tag is skipped, and after so many that cannot be read the rest of the page is: both bound the work.
TAG_MAX = 8_192  # characters
BROKEN_MAX = 1_000  # tags
_CHARSET_WITHIN = 1_024  # bytes in which a page declares its encoding (HTML standard, 4.2.5.4)
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s{0,9}=\s{0,9}["']?\s{0,9}([A-Za-z0-9._:-]{1,40})""", re.I)
_HEADER_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.I)
_TAG = re.compile(r"""<([a-z][a-z0-9-]*+)((?:[^>"']++|"[^"]*+"|'[^']*+')*+)>""", re.I)
_REFRESH = re.compile(r"""\s*[0-9]{1,2}(?:\.[0-9]*)?\s*[;,]\s*(?:url\s*=\s*)?["']?([^"']+)""", re.I)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'<>]++)))?+""")
# Their content is text, or belongs to no page that a reader sees; a title in an SVG is one of a picture.
_WITHOUT_TAGS = frozenset("title script style textarea noscript template svg iframe xmp".split())
UTF_8, LATIN = "utf-8", "windows-1252"
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}  # keeps the length, as str.lower does not


@dataclass(frozen=True)
class EmbeddedThread:
    """A `<comment-thread>` of the page: its attributes, "" where there is none."""

    site: str = ""
    thread: str = ""
    title: str = ""
    url: str = ""


@dataclass(frozen=True)
class PageHead:
    """`title` is one line of at most TITLE_MAX characters; `canonical` and `refresh` are whole addresses; or ""."""

    title: str = ""
    canonical: str = ""
    refresh: str = ""
    embedded: tuple[EmbeddedThread, ...] = ()


def read(body: bytes, content_type: str, address: str) -> PageHead:
    """What the HTML of the page at `address` says; `content_type` is its HTTP header. Linear in the length."""
    titles: dict[str, str] = {}
    base, canonical, refresh = address, "", ""
    embedded: list[EmbeddedThread] = []
    for name, attributes, content in _elements(_decoded(body, content_type)):
        if name == "title":
            titles.setdefault("title", _line(unescape(content)))
        elif name == "base" and attributes.get("href") and base == address:
            base = _joined(address, attributes["href"])
        elif name == "link" and "canonical" in attributes.get("rel", "").lower().split():
            canonical = canonical or attributes.get("href", "").strip()
        elif name == "meta" and attributes.get("property", "").lower() == "og:title":
            titles.setdefault("og:title", _line(attributes.get("content", "")))
        elif name == "meta" and attributes.get("http-equiv", "").lower() == "refresh":
            found = _REFRESH.match(attributes.get("content", ""))
            refresh = refresh or (found[1].strip() if found else "")
        elif name == ELEMENT:
            values = {one: _line(attributes.get(one, "")) for one in ("site", "thread", "title", "url")}
            embedded.append(EmbeddedThread(**values))
    title = titles.get("og:title") or titles.get("title", "")
    return PageHead(title, _joined(base, canonical), _joined(base, refresh), tuple(embedded))


def _joined(base: str, href: str) -> str:
    try:
        return urljoin(base, href) if href else ""
    except ValueError:  # an address that urllib refuses to read
        return ""


def _line(value: str) -> str:
    return " ".join(_BIDI.sub("", sound(value)).split())[:TITLE_MAX].rstrip()


def _decoded(body: bytes, content_type: str) -> str:
    """The text: by its byte order mark, the header, or its own declaration; else UTF-8, or Windows-1252."""
    in_header = _HEADER_CHARSET.search(content_type)
    declared = _CHARSET.search(body[:_CHARSET_WITHIN])
    label = in_header[1] if in_header else declared[1].decode() if declared else ""
    encoding = webencodings.lookup(label) if label else None
    name = encoding.name if encoding else UTF_8 if _is_utf8(body) else LATIN
    if not in_header and name.startswith("utf-16"):
        name = UTF_8  # a declaration that could be read is none of UTF-16 (HTML standard, 13.2.3.2)
    return str(webencodings.decode(body, name)[0])


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"  # the page was cut within a character
    return True


def _attributes(source: str) -> dict[str, str]:
    """The first of each name counts."""
    attributes: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(source):
        attributes.setdefault(name.lower(), unescape(double or single or bare))
    return attributes


def _elements(html: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Start tags in their order, with the content of those that hold no tags."""
    lower = html.translate(_LOWER)
    at, broken = html.find("<"), 0
    while at >= 0 and broken < BROKEN_MAX:
        if html.startswith("<!--", at):
            at = html.find("-->", at + 4)
            if at < 0:
                return
        elif found := _TAG.match(html, at, at + TAG_MAX):
            name, at, content = found[1].lower(), found.end(), ""
            if name in _WITHOUT_TAGS and not found[0].endswith("/>"):
                end = lower.find(f"</{name}", at)
                if end < 0:
                    return
                content, at = html[at:end], end + 2
            yield name, _attributes(found[2]), content
        else:
            is_tag = html[at + 1 : at + 2].isalpha()
            at, broken = at + 1, broken + is_tag
        at = html.find("<", at)
