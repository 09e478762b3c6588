"""The loop over due jobs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from commentsvc.config import Config
from commentsvc.gateways import metrics
from commentsvc.gateways.mail import Letter, Mailer, mailer
from commentsvc.gateways.spam_service import NoService, SpamService, spam_service
from commentsvc.services import learning, noticing, picturing, publishing
from commentsvc.services.noticing import Sender
from commentsvc.store import answers, challenges, jobs, spoken
from commentsvc.store.db import begin_write, db, first_line
from commentsvc.store.jobs import TRIES_MAX, Claim

log = logging.getLogger(__name__)

NOBODY = NoService()


@dataclass(frozen=True)
class Tools:
    """What jobs need of the outside world; `named_hosts` are those of the operator's settings."""

    post_office: Mailer
    named_hosts: Collection[str]
    spam_service: SpamService = NOBODY
    sender: Sender = noticing.NOBODY


ROUND = 10  # jobs between two looks at what else there is to do
IDLE_S = 1.0
AWAY_S = 5.0
CLEAN_EVERY_S = 3600.0
DIGESTS_EVERY_S = 60.0


def run(app: Flask, config: Config, stop: threading.Event) -> None:
    """Do jobs as they come due until `stop` is set; a database that is away is waited for."""
    post_office, sender = mailer(config), Sender(config.base_url, config.secret_key)
    service = spam_service(config)
    since_digests_s = DIGESTS_EVERY_S
    idle_s = 0.0
    since_cleaning_s = CLEAN_EVERY_S
    cleaned_at = datetime.now(UTC) - timedelta(seconds=CLEAN_EVERY_S)
    while not stop.wait(idle_s):
        try:
            with app.app_context():
                done = run_due(post_office, datetime.now(UTC), config.named_hosts, service, sender)
                done += learning.follow(datetime.now(UTC))
                if since_cleaning_s >= CLEAN_EVERY_S:
                    _clean(cleaned_at, datetime.now(UTC))
                    since_cleaning_s, cleaned_at = 0.0, datetime.now(UTC)
                if since_digests_s >= DIGESTS_EVERY_S:
                    noticing.send_digests(sender, datetime.now(UTC))
                    since_digests_s = 0.0
            idle_s = 0.0 if done else IDLE_S
        except (DBAPIError, PoolTimeout) as error:
            log.warning("the database is away; jobs wait: %s", first_line(error))
            idle_s = AWAY_S
        since_cleaning_s += idle_s
        since_digests_s += idle_s


def run_due(
    post_office: Mailer,
    now: datetime,
    named_hosts: Collection[str] = (),
    service: SpamService = NOBODY,
    sender: Sender = noticing.NOBODY,
) -> int:
    """Do jobs that are due, ROUND at most; gives how many were tried. One that fails is kept and tried again later."""
    tools, began, tried = Tools(post_office, named_hosts, service, sender), time.monotonic(), 0
    job = _take(now)
    while job is not None:
        error = _attempt(job, tools)
        tried += 1
        metrics.JOBS.labels(job.kind, "failed" if error else "done").inc()
        # Jobs take their time: a wait, and the next one's lease, begin when they really do.
        at = now + timedelta(seconds=time.monotonic() - began)
        begin_write()
        if error is None:
            jobs.finish(job, at)
        else:
            log.warning("job %s (%s), try %s, failed: %s", job.id, job.kind, job.tries, error)
            jobs.fail(job, error, at)
        # One is taken at a time, in the transaction that notes the last: a worker that dies has only one in its hands.
        job = jobs.claim(at) if tried < ROUND else None
        db.session.commit()
    return tried


def _take(now: datetime) -> Claim | None:
    begin_write()
    job = jobs.claim(now)
    db.session.commit()
    return job


def _attempt(job: Claim, tools: Tools) -> str | None:
    """Do one job outside of any transaction; gives what went wrong, or None."""
    if job.tries > TRIES_MAX:
        return "whoever tried it died of it, or lost the database"
    work = KINDS.get(job.kind)
    if work is None:
        return f"no worker knows jobs of the kind “{job.kind}”; a newer version wrote it"
    try:
        work(job.payload, job.id, tools)
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _mail(payload: dict[str, Any], job_id: int, tools: Tools) -> None:
    to, subject, text, html = (payload[part] for part in ("to", "subject", "text", "html"))
    tools.post_office.send(Letter(to, subject, text, html, f"job-{job_id}", payload.get("headers", {})))


def _picture(payload: dict[str, Any], job_id: int, tools: Tools) -> None:
    picturing.fetch(payload["account_id"], payload["url"], tools.named_hosts)


def _waiting(payload: dict[str, Any], _job_id: int, tools: Tools) -> None:
    noticing.tell_at_once(payload["comment_id"], tools.sender, datetime.now(UTC))


def _answered(payload: dict[str, Any], _job_id: int, tools: Tools) -> None:
    noticing.tell_answered(payload["comment_id"], tools.sender, datetime.now(UTC))


def _confirm(payload: dict[str, Any], _job_id: int, tools: Tools) -> None:
    noticing.ask_to_confirm(payload["subscription_id"], tools.sender, datetime.now(UTC))


def _learn(payload: dict[str, Any], job_id: int, tools: Tools) -> None:
    learning.learn_imported(payload["site_id"], payload["after_id"], datetime.now(UTC))


def _teach(payload: dict[str, Any], job_id: int, tools: Tools) -> None:
    learning.teach(payload["comment_id"], payload["is_spam"], tools.spam_service)


def _no_mail(payload: dict[str, Any], job_id: int, tools: Tools) -> None:
    """A sign-in code that nobody gets: asking for one costs the same whether the address has an account or not."""


KINDS: dict[str, Callable[[dict[str, Any], int, Tools], None]] = {
    "mail": _mail,
    "no_mail": _no_mail,
    "picture": _picture,
    "learn": _learn,
    "teach": _teach,
    "waiting": _waiting,
    "answered": _answered,
    "confirm": _confirm,
}


def _clean(since: datetime, now: datetime) -> None:
    begin_write()
    answers.forget_old(now)
    challenges.forget_old(now)
    spoken.forget_old(now)
    publishing.close_old(since, now)
    db.session.commit()
