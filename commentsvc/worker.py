"""Does background jobs: a thread looks what is due, and others do it, some for each kind of job."""

from __future__ import annotations

import logging
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from commentsvc.config import Config
from commentsvc.core.errors import NotFound
from commentsvc.gateways import metrics
from commentsvc.gateways.mail import Mailer, OutgoingMail, Undeliverable, mailer
from commentsvc.gateways.spam_service import NoService, SpamService, spam_service
from commentsvc.services import address_checks as address_checks_service
from commentsvc.services import avatars, notifications, spam_training, thread_pages
from commentsvc.services.notifications import MailLinks
from commentsvc.store import address_checks as stored_address_checks
from commentsvc.store import idempotency, jobs, proof_of_work, rule_hits
from commentsvc.store.db import begin_write, db, first_line, is_away, retried
from commentsvc.store.jobs import OWN, TRIES_MAX, Claim

log = logging.getLogger(__name__)

NOBODY = NoService()


@dataclass(frozen=True)
class Tools:
    """What jobs need of the outside world; `named_hosts` are those of the operator's settings."""

    post_office: Mailer
    named_hosts: Collection[str]
    spam_service: SpamService = NOBODY
    sender: MailLinks = notifications.NOBODY


@dataclass(frozen=True)
class Queue:
    """Jobs of one kind, or of all kinds that talk to no other server."""

    name: str
    at_once: int  # in one process
    has_hosts: bool = False  # then one at a time of each host


# A server that hangs keeps as many threads as `at_once` says, and those of no other queue.
QUEUES = (Queue(OWN, 1), Queue("mail", 4), Queue("picture", 4, has_hosts=True), Queue("teach", 1))
ROUND = 10  # jobs that a thread does before it looks whether it should stop
IDLE_S = 1.0
AWAY_S = 5.0
CLEAN_EVERY_S = 3600.0
DIGESTS_EVERY_S = 60.0
FAILED_AGAIN_S = 60.0  # until something that raised is tried again, or the log would hold nothing else
FINISH_MAX_S = 5.0  # jobs that run when we are told to stop


class Permanent(Exception):
    """A job failed, and another try would fail the same way."""


PERMANENT = (Permanent, Undeliverable, NotFound)


class InHand:
    """The jobs that threads of this process do now, and by queue the servers that they talk to.

    Such a job is claimed by no other thread, also when its lease is over because the clock was put forward.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: dict[str, set[str]] = {queue.name: set() for queue in QUEUES}
        self._ids: set[int] = set()

    def busy(self, queue: Queue) -> frozenset[str]:
        return frozenset(self._busy[queue.name] - {""}) if queue.has_hosts else frozenset()

    def ids(self) -> frozenset[int]:
        return frozenset(self._ids)

    def claim(self, queue: Queue, now: datetime) -> Claim | None:
        """Within a transaction of the caller: two threads must not choose the same host."""
        with self._lock:
            job = jobs.claim(now, queue.name, self.busy(queue), self.ids())
            if job is not None:
                self._busy[queue.name].add(job.host)
                self._ids.add(job.id)
            return job

    def leave_host(self, queue: Queue, job: Claim) -> None:
        with self._lock:
            self._busy[queue.name].discard(job.host)

    def let_go(self, job: Claim) -> None:
        with self._lock:
            self._ids.discard(job.id)


def run(app: Flask, config: Config, stop: threading.Event) -> None:
    """Do jobs as they come due until `stop` is set; a database that is away is waited for."""
    sender = MailLinks(config.base_url, config.secret_key)
    tools = Tools(mailer(config), config.named_hosts, spam_service(config), sender)
    crew = Crew(app, tools, stop)
    chores = (
        Chore("learning", IDLE_S, lambda now: spam_training.follow(now) > 0),
        Chore("cleaning", CLEAN_EVERY_S, _Cleaning()),
        Chore("digests", DIGESTS_EVERY_S, lambda now: bool(notifications.send_digests(sender, now))),
    )
    is_told = False
    while not stop.is_set():
        idle_s = IDLE_S
        try:
            with app.app_context():
                crew.begin_what_is_due(datetime.now(UTC))
                for chore in chores:
                    if chore.do():
                        idle_s = 0.0
            is_told = False
        except Exception as error:  # nothing may end this loop: mail would stop without anybody noticing
            # Once while the database is away, which may be for hours.
            if not (is_told and _is_away(error)):
                _log_trouble(error, "the look for due jobs failed; it is repeated")
            is_told = _is_away(error)
            idle_s = AWAY_S
        stop.wait(idle_s)
    crew.join(FINISH_MAX_S)


def _is_away(error: BaseException) -> bool:
    return isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and is_away(error))


def _log_trouble(error: Exception, otherwise: str) -> None:
    if _is_away(error):
        log.warning("the database is away; jobs wait: %s", first_line(error))
    else:
        log.exception(otherwise)


class Crew:
    """The threads that do jobs: started for what is due, ended when nothing is."""

    def __init__(self, app: Flask, tools: Tools, stop: threading.Event) -> None:
        self._app, self._tools, self._stop = app, tools, stop
        self._in_hand = InHand()
        self._running: Counter[str] = Counter()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def begin_what_is_due(self, now: datetime) -> None:
        for queue in QUEUES:
            free = queue.at_once - self._running[queue.name]
            due = jobs.count_due(now, queue.name, self._in_hand.busy(queue), free, self._in_hand.ids()) if free else 0
            for _ in range(due):
                thread = threading.Thread(target=self._work, args=(queue,), name=f"jobs {queue.name}", daemon=True)
                with self._lock:
                    self._running[queue.name] += 1
                    self._threads.add(thread)
                thread.start()
        db.session.rollback()

    def join(self, limit_s: float) -> None:
        """Wait for the jobs that run; those that take longer are done again by another worker."""
        ends_at = time.monotonic() + limit_s
        for thread in list(self._threads):
            thread.join(max(0.0, ends_at - time.monotonic()))

    def _work(self, queue: Queue) -> None:
        try:
            with self._app.app_context():
                while not self._stop.is_set():
                    if not run_queue(queue, self._tools, datetime.now(UTC), self._in_hand, self._stop):
                        break
        except Exception as error:  # a thread that ends is started again for what is due
            _log_trouble(error, "a thread for jobs failed; another is started")
        finally:
            with self._lock:
                self._running[queue.name] -= 1
                self._threads.discard(threading.current_thread())


@dataclass
class Chore:
    """Something besides jobs that is done now and then; `work` gives whether there is more to do at once."""

    name: str
    every_s: float
    work: Callable[[datetime], bool]
    _next_at: float = field(default=0.0)

    def do(self) -> bool:
        """Do it if it is time. One that raises is tried again later, and keeps no other from being done."""
        if time.monotonic() < self._next_at:
            return False
        try:
            has_more = self.work(datetime.now(UTC))
        except Exception as error:
            db.session.rollback()
            if _is_away(error):
                raise
            log.exception("%s failed; it is tried again in %d s", self.name, FAILED_AGAIN_S)
            self._next_at = time.monotonic() + FAILED_AGAIN_S
            return False
        self._next_at = time.monotonic() + (0.0 if has_more else self.every_s)
        return has_more


def run_due(
    post_office: Mailer,
    now: datetime,
    named_hosts: Collection[str] = (),
    service: SpamService = NOBODY,
    sender: MailLinks = notifications.NOBODY,
) -> int:
    """Do what is due in this thread, ROUND jobs of each queue at most; gives how many were tried."""
    tools = Tools(post_office, named_hosts, service, sender)
    return sum(run_queue(queue, tools, now, InHand(), threading.Event()) for queue in QUEUES)


def run_queue(queue: Queue, tools: Tools, now: datetime, in_hand: InHand, stop: threading.Event) -> int:
    """Do jobs of a queue that are due, ROUND at most; gives how many were tried. One that fails is kept."""
    began, tried = time.monotonic(), 0
    job = _take(queue, now, in_hand)
    while job is not None:
        try:
            try:
                failure = _attempt(job, tools)
            finally:
                in_hand.leave_host(queue, job)
            tried += 1
            metrics.JOBS.labels(job.kind, "failed" if failure else "done").inc()
            # Jobs take their time: a wait, and the next one's lease, begin when they really do.
            at = now + timedelta(seconds=time.monotonic() - began)
            is_last = tried == ROUND or stop.is_set()
            following = _note_and_take(job, failure, queue, in_hand, at, is_last, stop)
        finally:
            in_hand.let_go(job)
        job = following
    return tried


@retried
def _take(queue: Queue, now: datetime, in_hand: InHand) -> Claim | None:
    begin_write()
    job = in_hand.claim(queue, now)
    _commit(queue, job, in_hand)
    return job


@retried
def _note_and_take(
    job: Claim,
    failure: Failure | None,
    queue: Queue,
    in_hand: InHand,
    at: datetime,
    is_last: bool,
    stop: threading.Event,
) -> Claim | None:
    """Note what became of a job and take the next one, in one transaction: a worker that dies has only one in hand.

    While the database is away it is tried again for as long as the lease runs: what was done (a mail that was sent)
    would else be done a second time.
    """
    ends_at = time.monotonic() + (job.lease_until - at).total_seconds()
    while True:
        try:
            begin_write()
            if failure is None:
                jobs.finish(job, at)
            else:
                jobs.fail(job, failure.reason, at, failure.is_final)
            following = None if is_last else in_hand.claim(queue, at)
            _commit(queue, following, in_hand)
            return following
        except (DBAPIError, PoolTimeout) as error:
            with suppress(DBAPIError):
                db.session.rollback()
            if not _is_away(error) or stop.is_set() or time.monotonic() > ends_at:
                raise
        stop.wait(IDLE_S)


def _commit(queue: Queue, claimed: Claim | None, in_hand: InHand) -> None:
    try:
        db.session.commit()
    except BaseException:
        if claimed is not None:
            in_hand.leave_host(queue, claimed)
            in_hand.let_go(claimed)
        raise


@dataclass(frozen=True)
class Failure:
    """Why a job failed; `is_final` when another try would fail the same way."""

    reason: str
    is_final: bool = False


def _attempt(job: Claim, tools: Tools) -> Failure | None:
    """Do one job outside of any transaction; gives what went wrong, or None. Whatever it raises is its own failure."""
    if job.tries > TRIES_MAX:
        return Failure("whoever tried it died of it, or lost the database")
    work = KINDS.get(job.kind)
    if work is None:
        return Failure(f"no worker knows jobs of the kind “{job.kind}”; a newer version wrote it")
    try:
        work(job, tools)
    except (Exception, SystemExit) as error:
        with suppress(DBAPIError):
            db.session.rollback()
        is_final = isinstance(error, PERMANENT)
        said = first_line(error) if isinstance(error, DBAPIError) else str(error)
        after = "it is given up" if is_final or job.tries >= TRIES_MAX else "it is tried again"
        log.warning("job %s (%s), try %s, failed, and %s: %s", job.id, job.kind, job.tries, after, _for_logs(error))
        return Failure(said if is_final else f"{type(error).__name__}: {said}", is_final)
    return None


def _for_logs(error: BaseException) -> str:
    """What the log may hold of an error: no address and no words of a commenter. `commentsvc jobs list` shows all."""
    name = type(error).__name__
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{name} {error.smtp_code}"
    if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException):
        return f"{name}: {error}"
    return f"{name}; see: commentsvc jobs list"


def _mail(job: Claim, tools: Tools) -> None:
    payload = job.payload
    to, subject, text, html = (payload[part] for part in ("to", "subject", "text", "html"))
    if not all(isinstance(part, str) for part in (to, subject, text, html)):
        raise Permanent("the job holds no whole mail")
    tools.post_office.send(OutgoingMail(to, subject, text, html, job.key, payload.get("headers", {})))


def _picture(job: Claim, tools: Tools) -> None:
    try:
        avatars.fetch(job.payload["account_id"], job.payload["url"], tools.named_hosts)
    except ValueError as error:  # what is there is no picture
        raise Permanent(str(error)) from error


def _waiting(job: Claim, tools: Tools) -> None:
    notifications.tell_at_once(job.payload["comment_id"], tools.sender, datetime.now(UTC))


def _answered(job: Claim, tools: Tools) -> None:
    notifications.tell_answered(job.payload["comment_id"], tools.sender, datetime.now(UTC))


def _confirm(job: Claim, tools: Tools) -> None:
    notifications.ask_to_confirm(job.payload["subscription_id"], tools.sender, datetime.now(UTC))


def _confirm_comment(job: Claim, tools: Tools) -> None:
    address_checks_service.mail(job.payload["comment_id"], job.payload["language"], tools.sender, datetime.now(UTC))


def _learn(job: Claim, _tools: Tools) -> None:
    spam_training.learn_imported(job.payload["site_id"], job.payload["after_id"], datetime.now(UTC))


def _teach(job: Claim, tools: Tools) -> None:
    spam_training.teach(job.payload["comment_id"], job.payload["is_spam"], tools.spam_service)


def _no_mail(_job: Claim, _tools: Tools) -> None:
    """A sign-in code that nobody gets: asking for one costs the same whether the address has an account or not."""


KINDS: dict[str, Callable[[Claim, Tools], None]] = {
    "mail": _mail,
    "no_mail": _no_mail,
    "picture": _picture,
    "learn": _learn,
    "teach": _teach,
    "waiting": _waiting,
    "answered": _answered,
    "confirm": _confirm,
    "confirm_comment": _confirm_comment,
}


class _Cleaning:
    """Deletes what is kept for a while only, and closes old threads."""

    def __init__(self) -> None:
        self._since = datetime.now(UTC) - timedelta(seconds=CLEAN_EVERY_S)

    def __call__(self, now: datetime) -> bool:
        pruned = _clean(self._since, now)
        self._since = now
        return pruned > 0


@retried
def _clean(since: datetime, now: datetime) -> int:
    """Gives how many finished jobs were deleted: a part of them at a time."""
    begin_write()
    idempotency.forget_old(now)
    proof_of_work.forget_old(now)
    stored_address_checks.forget_old(now)
    rule_hits.forget_old(now)
    thread_pages.close_old(since, now)
    pruned = jobs.prune(now)
    db.session.commit()
    return pruned
