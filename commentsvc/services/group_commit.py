"""Lets what comes at the same moment share one transaction, and so one commit and one wait for the disk."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

from commentsvc.page_cache.concurrency import release_while_waiting
from commentsvc.store.availability import OutcomeUnknown, unavailable
from commentsvc.store.db import is_of_one

E = TypeVar("E")
R = TypeVar("R")

BATCH_MAX = 32
# How long to wait for one more; each works half a millisecond before it gets here, when its turn in Python has come.
GATHER_S = 0.005
LOOK_S = 0.001
# So long nothing may come of a queue before those who wait are answered: longer than the database is waited for.
STUCK_S = 1.8


@dataclass(eq=False)
class _QueuedEntry(Generic[E, R]):
    entry: E
    is_woken: threading.Event = field(default_factory=threading.Event)
    outcome: R | None = None  # woken with neither of the two: it is this one's turn to lead
    error: DBAPIError | None = None
    is_alone: bool = False
    is_given_up: bool = False  # its request was answered already: it must not be tried again

    @property
    def is_over(self) -> bool:
        return self.outcome is not None or self.error is not None


class GroupCommitQueue(Generic[E, R]):
    """A queue before a write transaction. Whoever finds it free leads: takes along who waits, and works for all.

    `work` gives an outcome for each entry, in their order, once all is committed; when it raises, nothing is.
    `may_join` says whether an entry may be in one transaction with those taken already. A leader that hangs holds up
    nobody for longer than `stuck_s`: the others are refused, and the next one leads.
    """

    def __init__(
        self,
        work: Callable[[Sequence[E]], Sequence[R]],
        may_join: Callable[[Sequence[E], E], bool],
        stuck_s: float = STUCK_S,
    ) -> None:
        self._work = work
        self._may_join = may_join
        self._lock = threading.Lock()
        self._queue: deque[_QueuedEntry[E, R]] = deque()
        self._leader: _QueuedEntry[E, R] | None = None
        self._stuck_s = stuck_s
        self._moved_at = time.monotonic()  # when somebody began to lead, or a transaction ended
        self._expected = 1  # who writes again as soon as they are answered

    def run(self, entry: E) -> R:
        """The entry's outcome; raises what `work` raises, and an OperationalError when the leader hangs."""
        turn: _QueuedEntry[E, R] = _QueuedEntry(entry)
        with self._lock:
            self._queue.append(turn)
            if self._leader is None:
                self._wake_next()
        with release_while_waiting():
            self._wait(turn)
        if not turn.is_over:
            try:
                while not turn.is_over:
                    self._lead(turn)
            finally:
                self._pass_on(turn)
        if turn.error is not None:
            raise turn.error
        assert turn.outcome is not None
        return turn.outcome

    @property
    def _is_led(self) -> bool:
        return self._leader is not None

    def _wait(self, turn: _QueuedEntry[E, R]) -> None:
        """Until somebody has worked for this turn, or it has the lead; raises when the leader hangs."""
        came_at = time.monotonic()
        until = came_at + self._stuck_s
        while not turn.is_woken.wait(max(0.0, until - time.monotonic())):
            with self._lock:
                if turn.is_woken.is_set():
                    return
                until = max(came_at, self._moved_at) + self._stuck_s
                if time.monotonic() < until:
                    continue
                turn.is_given_up = True
                is_waiting = turn in self._queue
                if is_waiting:
                    self._queue.remove(turn)
                self._wake_next()
            if is_waiting:
                raise unavailable("nothing was written for some time")
            # The leader has it in its transaction, which may still be committed.
            raise OperationalError(None, None, OutcomeUnknown("the transaction did not end in time"))

    def _lead(self, turn: _QueuedEntry[E, R]) -> None:
        """Work once for this turn and whoever may come along; this turn's outcome may take another round."""
        if not turn.is_alone:
            self._gather()
        batch = self._batch(turn)
        others = batch[1:]
        try:
            outcomes = self._work([one.entry for one in batch])
        except DBAPIError as error:
            if others and is_of_one(error):
                turn.is_alone = True
                self._put_back(others)
                return
            for one in batch:
                one.error = error
        except BaseException:
            self._put_back(others)
            raise
        else:
            for one, outcome in zip(batch, outcomes, strict=True):
                one.outcome = outcome
        self._moved_at = time.monotonic()
        self._expected = max(len(batch) + len(self._queue), self._expected // 2)
        for one in others:
            one.is_woken.set()

    def _gather(self) -> None:
        """Where many came at once, wait for them while they come: much of what is to do is done once for all."""
        count, grown_at = 0, time.monotonic()
        while len(self._queue) < min(self._expected, BATCH_MAX):
            if len(self._queue) > count:
                count, grown_at = len(self._queue), time.monotonic()
            elif time.monotonic() > grown_at + GATHER_S:
                return
            time.sleep(LOOK_S)  # a signal for each arrival would wake the leader as often as there are others

    def _batch(self, turn: _QueuedEntry[E, R]) -> list[_QueuedEntry[E, R]]:
        """The leader, and of those who wait whoever may come along."""
        with self._lock:
            waiting = [one for one in self._queue if one is not turn]
            batch = [turn]
            for one in waiting:
                has_room = len(batch) < BATCH_MAX and not turn.is_alone and not one.is_alone
                if has_room and self._may_join([taken.entry for taken in batch], one.entry):
                    batch.append(one)
            self._queue = deque(one for one in waiting if one not in batch)
        return batch

    def _put_back(self, turns: Sequence[_QueuedEntry[E, R]]) -> None:
        """Each of them tries by itself, before all others."""
        with self._lock:
            left = [one for one in turns if not one.is_given_up]
            for one in left:
                one.is_alone = True
            self._queue.extendleft(reversed(left))

    def _pass_on(self, turn: _QueuedEntry[E, R]) -> None:
        with self._lock:
            if self._leader is turn:  # else it hung, and somebody else leads
                self._wake_next()

    def _wake_next(self) -> None:
        self._leader = self._queue[0] if self._queue else None
        self._moved_at = time.monotonic()
        if self._leader is not None:
            self._leader.is_woken.set()
