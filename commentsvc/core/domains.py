"""Domains of links and mail addresses."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import unquote

from commentsvc.core import links

_HREF = re.compile(r'<a href="([^"]*)"')
_DOMAIN = re.compile(r"[^\s/@:?#\[\]]+\.[^\s/@:?#\[\]]+|localhost")


def host_of(url: str) -> str:
    """The host of a link in lower case ASCII, "" when it has none."""
    parts = links.parts_of(url)
    return domain(parts.hostname or "") if parts else ""


def domain(name: str) -> str:
    """A domain in the one way that look-ups know: lower case, ASCII, without `www.` and a dot at the end."""
    plain = unquote(name).strip().strip(".").lower()
    with contextlib.suppress(UnicodeError):  # not a name that DNS could hold: compare it unchanged
        plain = plain.encode("idna").decode("ascii")
    return plain.removeprefix("www.")


def is_domain(name: str) -> bool:
    return len(name) <= 253 and _DOMAIN.fullmatch(name) is not None


def with_parents(name: str) -> Iterator[str]:
    """`a.example.org`, `example.org`, `org`."""
    labels = name.split(".")
    for at in range(len(labels)):
        yield ".".join(labels[at:])


def link_hosts(html: str) -> list[str]:
    """The hosts of the links in cleaned HTML, in their order; mail addresses count with their domain."""
    found = []
    for target in _HREF.findall(html):
        url = unescape(target)
        is_mail = url.lower().startswith("mailto:")
        host = domain(url.partition("?")[0].rpartition("@")[2]) if is_mail else host_of(url)
        if host:
            found.append(host)
    return found
