"""Time limits for the database's answers and locks, for each kind of caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

# After an answer did not come in time, what else the same request asks of the database has only this.
SPENT_S = 0.05


@dataclass(frozen=True)
class TimeLimit:
    """`answer_s` bounds one answer of the server (None: no bound), `connect_s` a new connection, `lock_s` a lock.

    `later_s` bounds an answer once the server has answered this request before: a long query is not a dead server.
    """

    answer_s: float | None
    connect_s: float
    lock_s: float
    later_s: float | None = None


# A request is refused with 503 within two seconds: one wait, and what is left for everything else.
REQUEST = TimeLimit(answer_s=1.4, connect_s=1.5, lock_s=1.2)
# Pages for moderators and account holders may ask queries that take long.
LONG_REQUEST = TimeLimit(answer_s=1.4, connect_s=1.5, lock_s=1.2, later_s=30.0)
# A published page waits for its confirmation; without one, the last page is given.
CONFIRMATION = TimeLimit(answer_s=0.8, connect_s=0.8, lock_s=0.8)
PROBE = TimeLimit(answer_s=1.0, connect_s=1.4, lock_s=0.3)
# PostgreSQL itself ends a statement after 30 s.
BACKGROUND = TimeLimit(answer_s=1.4, connect_s=5.0, lock_s=5.0, later_s=40.0)
# Commands of the operator: imports, migrations.
COMMAND = TimeLimit(answer_s=None, connect_s=10.0, lock_s=30.0)


@dataclass
class Allowance:
    """A time limit and what one request has used of it."""

    limit: TimeLimit
    is_spent: bool = False
    has_answer: bool = False

    def answer_s(self) -> float | None:
        return SPENT_S if self.is_spent else self.limit.answer_s

    def longest_answer_s(self) -> float | None:
        """As answer_s, or longer where the server has begun to answer and long queries are allowed."""
        if self.is_spent or not self.has_answer or self.limit.later_s is None:
            return self.answer_s()
        return self.limit.later_s

    def connect_s(self) -> float:
        return SPENT_S if self.is_spent else self.limit.connect_s


_current: ContextVar[Allowance | None] = ContextVar("database_allowance", default=None)


def current() -> Allowance:
    found = _current.get()
    # Background work is no request: each of its statements has its full time.
    return Allowance(BACKGROUND, has_answer=True) if found is None else found


@contextmanager
def within(limit: TimeLimit) -> Iterator[None]:
    """Hold what the block asks of the database to the limit."""
    token = _current.set(Allowance(limit))
    try:
        yield
    finally:
        _current.reset(token)
