"""Limits how many requests run inside Flask at once; a request that waits on I/O gives its place back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class ConcurrencyLimit:
    """Lets so many requests work at once; `with gate:` waits for a place (see outside)."""

    def __init__(self, most: int) -> None:
        self._places = threading.Semaphore(most)

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_error: object) -> None:
        self.leave()

    def enter(self) -> None:
        self._places.acquire()
        _passed.set(self)

    def leave(self) -> None:
        """Let the next one in, where that was not done already."""
        if _passed.get() is self:
            _passed.set(None)
            self._places.release()


_passed: ContextVar[ConcurrencyLimit | None] = ContextVar("passed_gate", default=None)


@contextmanager
def release_while_waiting() -> Iterator[None]:
    """Let others work at this request's place while it only waits, for other requests or for another machine."""
    gate = _passed.get()
    if gate is not None:
        gate.leave()
    try:
        yield
    finally:
        if gate is not None:
            gate.enter()
