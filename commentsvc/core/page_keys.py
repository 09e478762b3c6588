"""Makes the key of a thread from a page's address, for pages that other systems name by their address."""

from __future__ import annotations

from urllib.parse import urlsplit

from commentsvc.core import links


def key_of(value: str) -> str:
    """The key of the page at an address: its path, as the widget's default; with plain links (/?p=1) also its query.

    A path or another identifier is the key itself.
    """
    if not links.is_web_url(value):
        return value
    parts = links.parts_of(value) or urlsplit("")
    path = parts.path or "/"
    return f"{path}?{parts.query}" if path == "/" and parts.query else path
