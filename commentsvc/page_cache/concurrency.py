"""Limits how many requests run inside Flask at once; a request that waits on I/O gives its place back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class ConcurrencyLimit:
    """At most `most` requests inside `with limit:`; others wait. See release_while_waiting."""

    def __init__(self, most: int) -> None:
        self._places = threading.Semaphore(most)

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_error: object) -> None:
        self.leave()

    def enter(self) -> None:
        self._places.acquire()
        _entered.set(self)

    def leave(self) -> None:
        """Give the place back, unless release_while_waiting has done so."""
        if _entered.get() is self:
            _entered.set(None)
            self._places.release()


_entered: ContextVar[ConcurrencyLimit | None] = ContextVar("concurrency_limit", default=None)


@contextmanager
def release_while_waiting() -> Iterator[None]:
    """Give this request's place to another one while it waits for another request or another machine."""
    limit = _entered.get()
    if limit is not None:
        limit.leave()
    try:
        yield
    finally:
        if limit is not None:
            limit.enter()
