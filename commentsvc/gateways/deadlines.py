"""A time limit for a whole call to another server: a socket's timeout begins anew with every byte that drips in."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType


class Deadline:
    """Shuts down the sockets that are opened within it when the time is up; then it raises TimeoutError.

    Also when nothing else was raised: an answer that was cut off may look whole. Sockets report themselves by `watch`.
    A name server that does not answer is not cut off; the resolver has limits of its own.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._is_over = self._is_complete = False
        self._timer = threading.Timer(limit_s, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._token = _current.set(self)
        self._timer.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> None:
        _current.reset(self._token)
        self._timer.cancel()
        with self._lock:
            for copy in self._watched:
                copy.close()
            self._watched.clear()
        if self._is_over and not self._is_complete and (error is None or isinstance(error, Exception)):
            raise TimeoutError(f"the server took longer than {self._limit_s:g} seconds in all") from error

    def complete(self) -> None:
        """The request is complete; a slow shutdown of the connection is not an error."""
        self._is_complete = True

    def add(self, opened: socket.socket) -> None:
        # A copy: TLS takes the socket itself apart, and closing it elsewhere would hand its number to another one.
        copy = opened.dup()
        with self._lock:
            self._watched.append(copy)
        if self._is_over:
            self._cut()

    def _cut(self) -> None:
        with self._lock:
            self._is_over = True
            for copy in self._watched:
                with suppress(OSError):  # the other side has closed it already
                    copy.shutdown(socket.SHUT_RDWR)


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def watch(opened: socket.socket) -> socket.socket:
    """Put a new connection under the deadline of this thread, where there is one."""
    deadline = _current.get()
    if deadline is not None:
        deadline.add(opened)
    return opened
