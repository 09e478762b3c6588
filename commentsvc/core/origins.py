"""Origins of a site's pages: their normal form, and wildcards for previews, such as `https://*.preview.example.com`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from commentsvc.core import links
from commentsvc.core.errors import Invalid

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9.:-]+")
_WILDCARD = re.compile(r"(?P<scheme>[a-z]+://)\*\.(?P<parent>[^*]+)", re.I)
_BELOW = re.compile(r"(?P<scheme>https?://)[a-z0-9-]+\.(?P<parent>[a-z0-9.-]+(?::[0-9]+)?)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def normal(value: str) -> str:
    """`value` as a browser would send it in `Origin` (RFC 6454 §6.2); raises Invalid when it is no origin."""
    parts = links.parts_of(value.strip())
    if (
        parts is None
        or parts.scheme not in PORTS
        or not parts.hostname
        or parts.path.rstrip("/")
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or not _HOST.fullmatch(parts.hostname)
    ):
        raise Invalid("origin", f"“{value}” is not a valid origin. Write it like https://blog.example, without a path.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, PORTS[parts.scheme]) else "")


def normal_list(values: Iterable[str], field: str = "origins") -> list[str]:
    """The origins of a site, each once: at least one whole origin, and wildcards besides.

    `*` stands for exactly one label of the host. Raises Invalid(`field`) without a whole origin, and Invalid("origin")
    for a value that is neither, or for a wildcard whose hosts would belong to different people: one below a public
    suffix (https://publicsuffix.org, the private section too), such as `https://*.netlify.app`.
    """
    found = list(dict.fromkeys(_normal_wildcard(v) if "*" in v else normal(v) for v in values if v.strip()))
    if not any(not is_wildcard(origin) for origin in found):
        besides = " A wildcard alone is not enough: links need a whole address." if found else ""
        raise Invalid(field, f"Enter at least one address, such as https://blog.example.{besides}")
    return found


def is_wildcard(origin: str) -> bool:
    return "*" in origin


def wildcard_of(origin: str) -> str | None:
    """The wildcard that would allow this origin; None where there can be none."""
    found = _BELOW.fullmatch(origin)
    return f"{found['scheme']}*.{found['parent']}" if found else None


def allows(known: Iterable[str], origin: str) -> bool:
    """Whether one of the origins `known`, which may be wildcards, is or covers `origin`, as the browser sends it."""
    return not is_wildcard(origin) and not {origin, wildcard_of(origin)}.isdisjoint(known)


def _normal_wildcard(value: str) -> str:
    found = _WILDCARD.fullmatch(value.strip())
    if found is None:
        raise Invalid(
            "origin",
            f"“{value}” is not a valid origin. A wildcard is the first part of the host, "
            "such as https://*.preview.example.com.",
        )
    whole = normal(found["scheme"] + found["parent"])
    scheme, _, place = whole.partition("://")
    parent = place.partition(":")[0]
    if not _belongs_to_one(parent):
        raise Invalid(
            "origin",
            f"“{value}” would let pages of other people in: anybody can get a name below {parent}. "
            f"Write your own name before it, such as {scheme}://*.my-blog.{parent}.",
        )
    return f"{scheme}://*.{place}"


def _belongs_to_one(parent: str) -> bool:
    """Whether all hosts one label below `parent` are of one registrant."""
    if _NUMBER.fullmatch(parent.rpartition(".")[2]) or "" in parent.split("."):
        return False  # an IP address, or an empty label
    registered = _public_suffixes().privatesuffix(f"preview.{parent}")
    return registered is not None and f".{parent}".endswith(f".{registered}")


@cache
def _public_suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # 75 ms and some MB, needed only to add a wildcard

    return PublicSuffixList()
