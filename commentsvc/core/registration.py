"""What another server gave us when we registered there as a client."""

from __future__ import annotations

from typing import NamedTuple


class Client(NamedTuple):
    """`scope` is the one that the server knows."""

    id: str
    secret: str
    scope: str
