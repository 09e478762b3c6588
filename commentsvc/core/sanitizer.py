"""Turns typed text into safe HTML; only this file uses bleach and nh3."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape

import bleach
import nh3

from commentsvc.core.errors import Invalid
from commentsvc.core.html_tokens import (
    ALLOWED,
    IMPORTED,
    NESTING_MAX,
    TABLE_PARENTS,
    TAGS,
    VOID,
    Tag,
    Token,
    read,
    translated,
    with_sound_tables,
)
from commentsvc.core.links import is_link
from commentsvc.core.markdown import to_tokens
from commentsvc.core.phrases import phrase
from commentsvc.core.text_input import sound
from commentsvc.core.wordpress_html import paragraphs

# Kept beside each comment: count up the number when the same source would give other HTML. `commentsvc rerender` then
# renders the older comments again.
RENDERER = "md2"
HTML_RENDERER = "html2"
REL = "nofollow ugc noopener"
SCHEMES = {"http", "https", "mailto"}
_SIBLINGS_MAX = 500  # tags side by side in one tag; bleach's work is quadratic in these too
_TABLE_DEPTH = 4  # tags that a table needs around its words: with fewer, parsers would move them out of the table
_PART = 100  # tags side by side that bleach is given at once; these need no limit, since nothing is around them
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


# What comes out


def to_html(source: str) -> str:
    """Markdown as safe HTML, as docs/formatting.md says; code in a known language is coloured.

    Raw HTML is shown as it was typed. Raises Invalid("body", …) when quotes and lists nest too deep.
    """
    tokens = list(to_tokens(sound(source)))
    if _nesting(tokens) > NESTING_MAX:
        sentence = phrase(
            "Quotes and lists are nested more than %(limit)s levels deep; please use fewer.", limit=NESTING_MAX
        )
        raise Invalid("body", sentence)
    return _gate(tokens)


def html_to_html(source: str) -> str:
    """Safe HTML from the HTML of exported comments: a blank line separates paragraphs, a newline breaks the line.

    Refuses nothing: unknown markup becomes text or is removed, and its words stay. Comments (`<!-- -->`) are removed.
    """
    source = sound(source)
    commented, end, rest = source.rpartition("-->")  # after the last end no comment closes: each search below succeeds
    return _gate(paragraphs(translated(read(_COMMENT.sub("", commented + end) + rest, IMPORTED))))


def render(source: str, renderer: str) -> str:
    """Safe HTML from a stored source, by today's version of the renderer that its comment names; raises as to_html."""
    return html_to_html(source) if current_name(renderer) == HTML_RENDERER else to_html(source)


def current_name(renderer: str) -> str:
    """Today's name of a renderer, whatever its version: `html2` for all that render HTML, `md2` for all others."""
    return HTML_RENDERER if renderer.rstrip("0123456789") == "html" else RENDERER


def clean(html: str) -> str:
    """The final step: well-formed HTML with tags of ALLOWED only, the rest as text. Idempotent."""
    return _gate(read(sound(html), TAGS))


def _nesting(tokens: Iterable[Token]) -> int:
    """The nesting depth of well-formed HTML."""
    depth = deepest = 0
    for token in tokens:
        if isinstance(token, Tag) and token.name not in VOID:
            depth += -1 if token.is_end else 1
            deepest = max(deepest, depth)
    return deepest


def balanced(tokens: Iterable[Token]) -> Iterator[str]:
    """Each start with its end and every link with a sound target, in parts that can be read one by one.

    A tag nested deeper than NESTING_MAX, or after _SIBLINGS_MAX others in the same tag, goes; its words stay.
    """
    out: list[str] = []
    stack: list[str] = []
    children = [0]  # of the whole part, and of each open tag
    dropped: Counter[str] = Counter()  # starts left out, whose ends are then left out too
    for token in with_sound_tables(tokens, _SIBLINGS_MAX):
        if isinstance(token, str):
            if out and out[-1] == "<pre>":  # parsers take a newline here for layout
                token = token.lstrip("\n")
            if token:
                out.append(escape(token, quote=False))
        elif token.name in VOID:
            if not token.is_end:
                out.append(f"<{token.name}>")
        elif not token.is_end:
            if not stack and children[0] >= _PART:
                yield "".join(out)
                out, children = [], [0]
            if len(stack) >= NESTING_MAX or children[-1] >= _SIBLINGS_MAX or not _is_welcome(token, stack):
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


def _is_welcome(tag: Tag, stack: list[str]) -> bool:
    """Whether a start tag may stand inside of the open tags."""
    match tag.name:
        case "a":
            return "a" not in stack and is_link(tag.attributes.get("href", ""))
        case "span":
            return _may_stay("span", "class", tag.attributes.get("class", ""))
        case "table" if len(stack) + _TABLE_DEPTH > NESTING_MAX:
            return False
    parents = TABLE_PARENTS.get(tag.name)
    return parents is None or (stack[-1] if stack else "") in parents


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
    parts = balanced(tokens)
    html = "".join(part if BARE.fullmatch(part) else bleach.clean(part, TAGS, _may_stay, SCHEMES) for part in parts)
    return _NO_TARGET.sub(r"\1", _NH3.clean(html))


# nh3 removes the target of a link whose host its URL parser refuses, though links.py accepts it. Remove such a link.
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
