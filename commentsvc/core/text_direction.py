"""Gives each block of a comment the direction of its own words, left to right or right to left."""

from __future__ import annotations

import re

_BLOCK = re.compile(r"<(/?)(p|ul|ol|blockquote|table)(?=[ >])")


def with_direction(html: str) -> str:
    """Cleaned HTML with `dir="auto"` on each outermost paragraph, list, quote and table.

    Only on these: a browser ignores the words of an element that has a direction when it looks for that of the element
    around it, so a quote of paragraphs would lose its own. The widget's styles order the lines within.
    """
    depth = 0

    def block(found: re.Match[str]) -> str:
        nonlocal depth
        end, name = found.groups()
        depth += -1 if end else 1
        return f'<{name} dir="auto"' if not end and depth == 1 else found.group()

    return _BLOCK.sub(block, html)
