"""Rewrites the addresses of pages while comments are imported: a page has another path, or a site another origin."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin, urlsplit

from commentsvc.core import links, page_keys
from commentsvc.core.errors import Invalid
from commentsvc.core.policy import Policy


@dataclass(frozen=True)
class AddressMap:
    """`pages` has new addresses or paths by the key of the old one; `moved` is an old and a new origin.

    `policy` is the site's: it says which addresses are one page.
    """

    pages: Mapping[str, str] = field(default_factory=dict)
    moved: tuple[str, str] | None = None
    policy: Policy = field(default_factory=Policy)

    def rewrite(self, address: str) -> str:
        """The new address of a page, or the same."""
        if self.moved and _origin(address) == self.moved[0]:
            address = self.moved[1] + address[len(self.moved[0]) :]
        new = self.pages.get(page_keys.key_of(address, self.policy))
        if new is None:
            return address
        # A path takes the page's origin along, so that the thread keeps a full address.
        return urljoin(address, new) if links.is_web_url(address) and new.startswith("/") else new


def read_pages(lines: Iterable[str], policy: Policy) -> dict[str, str]:
    """New addresses by old key from CSV with the columns old and new, with or without a header.

    Raises Invalid("map", …) with the line for a row without two columns, an empty one, or an old page named twice.
    """
    pages: dict[str, str] = {}
    rows = csv.reader(lines)
    for row in rows:
        values = [value.strip() for value in row]
        if not any(values) or (rows.line_num == 1 and [value.lower() for value in values[:2]] == ["old", "new"]):
            continue
        if len(values) < 2 or not values[0] or not values[1]:
            raise Invalid("map", f"Line {rows.line_num} of the map must have two columns: the old and the new address.")
        key = page_keys.key_of(values[0], policy)
        if pages.get(key, values[1]) != values[1]:
            raise Invalid("map", f"Line {rows.line_num} of the map gives {values[0]} a second new address.")
        pages[key] = values[1]
    return pages


def with_move(addresses: AddressMap, old: str, new: str) -> AddressMap:
    """The same with another origin; raises Invalid when one of the two is no origin."""
    for field_name, value in (("from", old), ("to", new)):
        if _origin(value) != value.rstrip("/"):
            raise Invalid(
                field_name, f"“{value}” is not an origin. Write it like https://blog.example, without a path."
            )
    return replace(addresses, moved=(old.rstrip("/"), new.rstrip("/")))


def _origin(address: str) -> str:
    if not links.is_web_url(address):
        return ""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
