"""Group commit: submissions that arrive at the same moment are written in one transaction, with one wait for the disk.

Wraps `posting.post`, which knows nothing of it. The first thread to arrive becomes the leader: it writes the entries
of all threads that wait, and each of them gets its own outcome.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

from commentsvc.gateways.spam_service import NO_SPAM_SERVICE, SpamService
from commentsvc.page_cache.concurrency import release_while_waiting
from commentsvc.services import posting
from commentsvc.services.posting import Outcome
from commentsvc.services.submissions import Pending, Posted, Submission
from commentsvc.store.availability import OutcomeUnknown, unavailable
from commentsvc.store.db import db
from commentsvc.store.db_errors import is_caused_by_one_row
from commentsvc.store.process_cache import Section
from commentsvc.store.sites import Site

E = TypeVar("E")
R = TypeVar("R")

BATCH_MAX = 32
# How long to wait for one more follower. Each needs half a millisecond of Python before it arrives here.
FOLLOWER_S = 0.005
POLL_S = 0.001
# Waiting threads are answered when the queue has not moved for this long: longer than the database is waited for.
STUCK_S = 1.8


def post(
    site: Site, submission: Submission, secret: str, now: datetime, spam_service: SpamService = NO_SPAM_SERVICE
) -> Posted:
    """As `posting.post`, in one transaction with other submissions of the same moment.

    Raises what that raises, and OperationalError when the leader's transaction does not end in time.
    """
    return posting.post(site, submission, secret, now, spam_service, queue().run)


# One queue in front of each database's write transaction.
_queues: Section[None, GroupCommitQueue[Pending, Outcome]] = Section(1)


def queue() -> GroupCommitQueue[Pending, Outcome]:
    """The queue in front of the database's write transaction; one in each process."""
    return _queues.get_or_add(None, lambda: GroupCommitQueue(_write_batch, _may_join))


def _write_batch(batch: Sequence[Pending]) -> list[Outcome]:
    outcomes = posting.write_all(batch)
    # All but the first belong to other requests' threads, which must not read their comments through this session.
    for outcome in outcomes[1:]:
        if isinstance(outcome, Posted) and outcome.comment in db.session:
            db.session.expunge(outcome.comment)
    return outcomes


def _may_join(batch: Sequence[Pending], other: Pending) -> bool:
    """Whether `other` changes nothing that the checks of the batch look at, nor they what its checks look at."""
    return all(
        one.site_id == other.site_id
        and one.writer.key != other.writer.key
        and not (one.is_limited and one.network == other.network)
        for one in batch
    )


@dataclass(frozen=True)
class QueueState:
    """`waiting` entries have no outcome yet and no leader has taken them; `has_leader`: a transaction is running."""

    waiting: int
    has_leader: bool
    largest_batch: int


@dataclass(eq=False)
class _QueuedEntry(Generic[E, R]):
    entry: E
    is_woken: threading.Event = field(default_factory=threading.Event)
    outcome: R | None = None  # woken without outcome and error: this entry's thread leads now
    error: DBAPIError | None = None
    is_alone: bool = False
    is_given_up: bool = False  # its request was answered already: it must not be tried again

    @property
    def is_over(self) -> bool:
        return self.outcome is not None or self.error is not None


class GroupCommitQueue(Generic[E, R]):
    """A queue in front of a write transaction.

    `work` gives an outcome for each entry, in their order, once all is committed; when it raises, nothing is.
    `may_join` says whether an entry may be in one transaction with those of a batch. A leader that hangs holds up
    nobody for longer than `stuck_s`: the others are refused, and the next one leads. A leader that expects more
    entries waits `follower_s` for each next one.
    """

    def __init__(
        self,
        work: Callable[[Sequence[E]], Sequence[R]],
        may_join: Callable[[Sequence[E], E], bool],
        stuck_s: float = STUCK_S,
        follower_s: float = FOLLOWER_S,
        expected: int = 1,
    ) -> None:
        self._work = work
        self._may_join = may_join
        self._lock = threading.Lock()
        self._queue: deque[_QueuedEntry[E, R]] = deque()
        self._leader: _QueuedEntry[E, R] | None = None
        self._stuck_s = stuck_s
        self._follower_s = follower_s
        self._moved_at = time.monotonic()  # when an entry began to lead, or a transaction ended
        self._expected = expected  # entries in the next batch: clients write again as soon as they are answered
        self._largest_batch = 0

    def run(self, entry: E) -> R:
        """The entry's outcome; raises what `work` raises, and an OperationalError when the leader hangs."""
        queued: _QueuedEntry[E, R] = _QueuedEntry(entry)
        with self._lock:
            self._queue.append(queued)
            if self._leader is None:
                self._wake_next()
        with release_while_waiting():
            self._wait(queued)
        if not queued.is_over:
            try:
                while not queued.is_over:
                    self._run_batch(queued)
            finally:
                self._hand_over(queued)
        if queued.error is not None:
            raise queued.error
        assert queued.outcome is not None
        return queued.outcome

    def state(self) -> QueueState:
        with self._lock:
            return QueueState(len(self._queue), self._leader is not None, self._largest_batch)

    def _wait(self, queued: _QueuedEntry[E, R]) -> None:
        """Return when the entry has its outcome or is the leader; raise when the leader hangs."""
        arrived_at = time.monotonic()
        until = arrived_at + self._stuck_s
        while not queued.is_woken.wait(max(0.0, until - time.monotonic())):
            with self._lock:
                if queued.is_woken.is_set():
                    return
                until = max(arrived_at, self._moved_at) + self._stuck_s
                if time.monotonic() < until:
                    continue
                queued.is_given_up = True
                is_in_queue = queued in self._queue
                if is_in_queue:
                    self._queue.remove(queued)
                self._wake_next()
            if is_in_queue:
                raise unavailable("nothing was written for some time")
            # The leader has it in its transaction, which may still be committed.
            raise OperationalError(None, None, OutcomeUnknown("the transaction did not end in time"))

    def _run_batch(self, leader: _QueuedEntry[E, R]) -> None:
        """Run one transaction for the leader and those that may join; the leader may need another one after it."""
        if not leader.is_alone:
            self._wait_for_followers()
        batch = self._take_batch(leader)
        followers = batch[1:]
        try:
            outcomes = self._work([one.entry for one in batch])
        except DBAPIError as error:
            if followers and is_caused_by_one_row(error):
                leader.is_alone = True
                self._put_back(followers)
                return
            for one in batch:
                one.error = error
        except BaseException:
            self._put_back(followers)
            raise
        else:
            for one, outcome in zip(batch, outcomes, strict=True):
                one.outcome = outcome
        self._moved_at = time.monotonic()
        self._largest_batch = max(self._largest_batch, len(batch))
        self._expected = max(len(batch) + len(self._queue), self._expected // 2)
        for one in followers:
            one.is_woken.set()

    def _wait_for_followers(self) -> None:
        """After a large batch, wait while entries keep arriving: one transaction for all costs each of them less."""
        count, grown_at = 0, time.monotonic()
        while len(self._queue) < min(self._expected, BATCH_MAX):
            if len(self._queue) > count:
                count, grown_at = len(self._queue), time.monotonic()
            elif time.monotonic() > grown_at + self._follower_s:
                return
            time.sleep(POLL_S)  # polling: a condition would wake the leader once for every arrival

    def _take_batch(self, leader: _QueuedEntry[E, R]) -> list[_QueuedEntry[E, R]]:
        with self._lock:
            waiting = [one for one in self._queue if one is not leader]
            batch = [leader]
            for one in waiting:
                has_room = len(batch) < BATCH_MAX and not leader.is_alone and not one.is_alone
                if has_room and self._may_join([taken.entry for taken in batch], one.entry):
                    batch.append(one)
            self._queue = deque(one for one in waiting if one not in batch)
        return batch

    def _put_back(self, entries: Sequence[_QueuedEntry[E, R]]) -> None:
        """Each of them is tried in a transaction of its own, before all others."""
        with self._lock:
            left = [one for one in entries if not one.is_given_up]
            for one in left:
                one.is_alone = True
            self._queue.extendleft(reversed(left))

    def _hand_over(self, leader: _QueuedEntry[E, R]) -> None:
        with self._lock:
            if self._leader is leader:  # otherwise it hung, and another one leads
                self._wake_next()

    def _wake_next(self) -> None:
        self._leader = self._queue[0] if self._queue else None
        self._moved_at = time.monotonic()
        if self._leader is not None:
            self._leader.is_woken.set()
