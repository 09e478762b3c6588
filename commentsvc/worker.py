"""Runs background jobs: one thread looks for due jobs, and a few threads for each queue do them."""

from __future__ import annotations

import logging
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from commentsvc.config import Config
from commentsvc.core.errors import NotFound
from commentsvc.core.job_kinds import PAYLOADS, JobKind
from commentsvc.core.outbound import ALLOW_NONE, OutboundAllow
from commentsvc.gateways import metrics
from commentsvc.gateways.mail import Mailer, Undeliverable, mailer
from commentsvc.gateways.spam_service import SpamService, spam_service
from commentsvc.services import backups, cleaning, mail_links, notifications, spam_training
from commentsvc.services import jobs as jobs_service
from commentsvc.services.jobs import NO_SPAM_SERVICE, JobTools, PermanentFailure
from commentsvc.services.mail_links import MailLinks
from commentsvc.store import jobs as stored_jobs
from commentsvc.store import time_limits
from commentsvc.store.db_errors import first_line, is_away
from commentsvc.store.jobs import LOCAL_QUEUE, LONG_QUEUE, TRIES_MAX, ClaimedJob
from commentsvc.store.transactions import end_read_transaction, retried, write

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobQueue:
    """Jobs of one kind, or of several that talk to no other server."""

    name: str
    threads_max: int  # in one process
    has_hosts: bool = False  # then one job at a time for each host


# A server that hangs occupies at most `threads_max` threads, and none of another queue.
QUEUES = (
    JobQueue(LOCAL_QUEUE, 1),
    JobQueue(LONG_QUEUE, 1),
    JobQueue(JobKind.MAIL, 4),
    JobQueue(JobKind.AVATAR, 4, has_hosts=True),
    JobQueue(JobKind.TEACH_SPAM_SERVICE, 1),
    JobQueue(JobKind.READ_PAGE, 4, has_hosts=True),
)
ROUND = 10  # jobs that a thread does before it checks whether it should stop
IDLE_S = 1.0
AWAY_S = 5.0
CLEAN_EVERY_S = 3600.0
DIGESTS_EVERY_S = 60.0
BACKUPS_EVERY_S = 60.0  # a look at whether one is due
RETRY_FAILED_S = 60.0  # before a periodic task that raised runs again, so that it does not flood the log
FINISH_MAX_S = 5.0  # for running jobs, when the process is told to stop


PERMANENT = (PermanentFailure, Undeliverable, NotFound)


class HeldJobs:
    """The jobs that threads of this process run now, and for each queue the hosts that they talk to.

    No other thread claims such a job, even when its lease has ended because the clock was put forward.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[str, set[str]] = {queue.name: set() for queue in QUEUES}
        self._ids: set[int] = set()

    def busy_hosts(self, queue: JobQueue) -> frozenset[str]:
        return frozenset(self._hosts[queue.name] - {""}) if queue.has_hosts else frozenset()

    def ids(self) -> frozenset[int]:
        return frozenset(self._ids)

    def claim(self, queue: JobQueue, now: datetime) -> ClaimedJob | None:
        """Claim the next job of a queue in the caller's transaction; two threads never get jobs of the same host."""
        with self._lock:
            job = stored_jobs.claim(now, queue.name, self.busy_hosts(queue), self.ids())
            if job is not None:
                self._hosts[queue.name].add(job.host)
                self._ids.add(job.id)
            return job

    def release_host(self, queue: JobQueue, job: ClaimedJob) -> None:
        with self._lock:
            self._hosts[queue.name].discard(job.host)

    def release(self, job: ClaimedJob) -> None:
        with self._lock:
            self._ids.discard(job.id)


def run(app: Flask, config: Config, stop: threading.Event) -> None:
    """Do jobs as they come due until `stop` is set; while the database is away, wait for it."""
    links = MailLinks(config.base_url, config.secret_key)
    tools = JobTools(mailer(config), config.named_hosts, spam_service(config), links, config.outbound_allow)
    threads = JobThreads(app, tools, stop)
    tasks = (
        PeriodicTask("learning", IDLE_S, lambda now: spam_training.follow(now) > 0),
        PeriodicTask("cleaning", CLEAN_EVERY_S, _Cleaning(config)),
        PeriodicTask("digests", DIGESTS_EVERY_S, lambda now: bool(notifications.send_digests(links, now))),
    )
    if config.backup_dir is not None:
        # A thread of its own: a backup may take minutes, and jobs must not wait for it.
        threading.Thread(target=_back_up, args=(app, config, stop), name="backups", daemon=True).start()
    is_logged = False
    while not stop.is_set():
        idle_s = IDLE_S
        try:
            with app.app_context():
                threads.start_for_due_jobs(datetime.now(UTC))
                for task in tasks:
                    if task.run_if_due():
                        idle_s = 0.0
            is_logged = False
        except Exception as error:  # nothing may end this loop: mail would stop and nobody would notice
            # One line while the database is away, which may be for hours.
            if not (is_logged and _is_away(error)):
                _log_trouble(error, "the look for due jobs failed; it is repeated")
            is_logged = _is_away(error)
            idle_s = AWAY_S
        stop.wait(idle_s)
    threads.join(FINISH_MAX_S)


def _back_up(app: Flask, config: Config, stop: threading.Event) -> None:
    """Write backups when they are due, until `stop` is set; one that fails is tried again."""
    while not stop.is_set():
        try:
            with app.app_context(), time_limits.within(time_limits.COMMAND):
                if backups.keep_up(config, datetime.now(UTC)):
                    log.info("a backup was written to %s", config.backup_dir)
        except Exception as error:  # a full disk must not end the thread: the next try may have room
            _log_trouble(error, "the backup failed; it is tried again")
        stop.wait(BACKUPS_EVERY_S)


def _is_away(error: BaseException) -> bool:
    return isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and is_away(error))


def _log_trouble(error: Exception, otherwise: str) -> None:
    if _is_away(error):
        log.warning("the database is away; jobs wait: %s", first_line(error))
    else:
        log.exception(otherwise)


class JobThreads:
    """The threads that do jobs: each is started for due jobs, and ends when its queue has none."""

    def __init__(self, app: Flask, tools: JobTools, stop: threading.Event) -> None:
        self._app, self._tools, self._stop = app, tools, stop
        self._held = HeldJobs()
        self._running: Counter[str] = Counter()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def start_for_due_jobs(self, now: datetime) -> None:
        for queue in QUEUES:
            free = queue.threads_max - self._running[queue.name]
            busy_hosts, held_ids = self._held.busy_hosts(queue), self._held.ids()
            due = stored_jobs.count_due(now, queue.name, busy_hosts, free, held_ids) if free else 0
            for _ in range(due):
                thread = threading.Thread(target=self._work, args=(queue,), name=f"jobs {queue.name}", daemon=True)
                with self._lock:
                    self._running[queue.name] += 1
                    self._threads.add(thread)
                thread.start()
        end_read_transaction()

    def join(self, limit_s: float) -> None:
        """Wait for running jobs; another worker does those again that take longer."""
        ends_at = time.monotonic() + limit_s
        for thread in list(self._threads):
            thread.join(max(0.0, ends_at - time.monotonic()))

    def _work(self, queue: JobQueue) -> None:
        try:
            with self._app.app_context():
                while not self._stop.is_set():
                    if not run_queue(queue, self._tools, datetime.now(UTC), self._held, self._stop):
                        break
        except Exception as error:  # the loop starts another thread for the due jobs
            _log_trouble(error, "a thread for jobs failed; another is started")
        finally:
            with self._lock:
                self._running[queue.name] -= 1
                self._threads.discard(threading.current_thread())


@dataclass
class PeriodicTask:
    """Work besides the jobs, done every `every_s`; `work` returns whether it has more to do at once."""

    name: str
    every_s: float
    work: Callable[[datetime], bool]
    _next_at: float = field(default=0.0)

    def run_if_due(self) -> bool:
        """Run the task if it is time; a task that raises is tried again later and stops no other task."""
        if time.monotonic() < self._next_at:
            return False
        try:
            has_more = self.work(datetime.now(UTC))
        except Exception as error:
            end_read_transaction()
            if _is_away(error):
                raise
            log.exception("%s failed; it is tried again in %d s", self.name, RETRY_FAILED_S)
            self._next_at = time.monotonic() + RETRY_FAILED_S
            return False
        self._next_at = time.monotonic() + (0.0 if has_more else self.every_s)
        return has_more


def run_due(
    mailer: Mailer,
    now: datetime,
    named_hosts: Collection[str] = (),
    service: SpamService = NO_SPAM_SERVICE,
    links: MailLinks = mail_links.NO_LINKS,
    outbound_allow: OutboundAllow = ALLOW_NONE,
) -> int:
    """Do due jobs in this thread, at most ROUND of each queue; returns how many were tried."""
    tools = JobTools(mailer, named_hosts, service, links, outbound_allow)
    return sum(run_queue(queue, tools, now, HeldJobs(), threading.Event()) for queue in QUEUES)


def run_queue(queue: JobQueue, tools: JobTools, now: datetime, held: HeldJobs, stop: threading.Event) -> int:
    """Do due jobs of a queue, at most ROUND; returns how many were tried. A job that fails is kept."""
    began, tried = time.monotonic(), 0
    job = _claim(queue, now, held)
    while job is not None:
        try:
            try:
                failure = _attempt(job, tools)
            finally:
                held.release_host(queue, job)
            tried += 1
            metrics.JOBS.labels(job.kind, "failed" if failure else "done").inc()
            # Retry delays, and the lease of the next job, count from the end of this job, not from `now`.
            at = now + timedelta(seconds=time.monotonic() - began)
            is_last = tried == ROUND or stop.is_set()
            following = _record_and_claim(job, failure, queue, held, at, is_last, stop)
        finally:
            held.release(job)
        job = following
    return tried


@retried
def _claim(queue: JobQueue, now: datetime, held: HeldJobs) -> ClaimedJob | None:
    with _releasing(held, queue) as claimed, write():
        claimed += [held.claim(queue, now)]
    return claimed[0]


@retried
def _record_and_claim(
    job: ClaimedJob,
    failure: Failure | None,
    queue: JobQueue,
    held: HeldJobs,
    at: datetime,
    is_last: bool,
    stop: threading.Event,
) -> ClaimedJob | None:
    """Record the result of a job and claim the next one, in one transaction: a worker holds one job at a time.

    While the database is away, retry until the lease ends; otherwise another worker would repeat the job, such as
    send its mail a second time.
    """
    ends_at = time.monotonic() + (job.lease_until - at).total_seconds()
    while True:
        try:
            with _releasing(held, queue) as claimed, write():
                if failure is None:
                    stored_jobs.finish(job, at)
                else:
                    stored_jobs.fail(job, failure.reason, at, failure.is_final)
                claimed += [None if is_last else held.claim(queue, at)]
            return claimed[0]
        except (DBAPIError, PoolTimeout) as error:
            if not _is_away(error) or stop.is_set() or time.monotonic() > ends_at:
                raise
        stop.wait(IDLE_S)


@contextmanager
def _releasing(held: HeldJobs, queue: JobQueue) -> Iterator[list[ClaimedJob | None]]:
    """Collects the job that a transaction claims, and releases it when the transaction fails."""
    claimed: list[ClaimedJob | None] = []
    try:
        yield claimed
    except BaseException:
        for job in claimed:
            if job is not None:
                held.release_host(queue, job)
                held.release(job)
        raise


@dataclass(frozen=True)
class Failure:
    """The reason why a job failed; `is_final` when another try would fail the same way."""

    reason: str
    is_final: bool = False


def _attempt(job: ClaimedJob, tools: JobTools) -> Failure | None:
    """Do one job outside of any transaction; returns its failure, or None. Any exception is a failure of this job."""
    if job.tries > TRIES_MAX:
        return Failure("each worker that tried it died, or lost the database")
    if job.kind not in PAYLOADS:
        return Failure(f"no worker knows jobs of the kind “{job.kind}”; a newer version wrote it")
    try:
        jobs_service.perform(job.payload, job.key, tools, datetime.now(UTC))
    except (Exception, SystemExit) as error:
        with suppress(DBAPIError):
            end_read_transaction()
        is_final = isinstance(error, PERMANENT)
        said = first_line(error) if isinstance(error, DBAPIError) else str(error)
        after = "it is given up" if is_final or job.tries >= TRIES_MAX else "it is tried again"
        log.warning("job %s (%s), try %s, failed, and %s: %s", job.id, job.kind, job.tries, after, _for_logs(error))
        return Failure(said if is_final else f"{type(error).__name__}: {said}", is_final)
    return None


def _for_logs(error: BaseException) -> str:
    """An error without addresses and without words of a commenter; `commentsvc jobs list` shows the whole error."""
    name = type(error).__name__
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{name} {error.smtp_code}"
    if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException):
        return f"{name}: {error}"
    return f"{name}; see: commentsvc jobs list"


class _Cleaning:
    """Deletes expired rows, and closes old threads."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._since = datetime.now(UTC) - timedelta(seconds=CLEAN_EVERY_S)

    def __call__(self, now: datetime) -> bool:
        has_more = cleaning.clean(self._since, now, self._config)
        self._since = now
        return has_more
