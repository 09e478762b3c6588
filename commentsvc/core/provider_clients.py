"""The servers that readers name as their own, and what one gave us when we registered there as a client."""

from __future__ import annotations

import re
from typing import NamedTuple

HOST = re.compile(r"(?=.{4,253}$)([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")


class Client(NamedTuple):
    """`scope` is the one that the server knows."""

    id: str
    secret: str
    scope: str


def host_of(typed: str) -> str:
    """The server in what people type: `example.social`, `@ann@example.social`, an address; '' when there is none."""
    name = typed.strip().lower().removeprefix("https://").partition("/")[0].rpartition("@")[2]
    return name if HOST.fullmatch(name) else ""
