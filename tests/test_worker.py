"""Background jobs: each done once, kept with its reason when it fails, taken over from a worker that died."""

import itertools
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from commentsvc import worker
from commentsvc.store import jobs
from commentsvc.store.db import db, write
from commentsvc.store.jobs import LEASE_S, TRIES_MAX, Job

MAIL = {"to": "carol@example.org", "subject": "S", "text": "T", "html": "<p>T</p>"}


class PostOffice:
    """Takes letters, or is closed."""

    def __init__(self, is_open=True):
        self.letters, self.is_open = [], is_open

    def send(self, letter):
        if not self.is_open:
            raise ConnectionRefusedError("the mail server does not answer")
        self.letters.append(letter)


@pytest.fixture
def job(app, now):
    def add(kind="mail", payload=MAIL):
        with write():
            jobs.add(kind, payload, now)

    return add


def row():
    db.session.rollback()
    return db.session.scalars(select(Job)).one()


def test_a_job_is_done_once(job, now):
    job()
    office = PostOffice()
    assert [worker.run_due(office, now) for _ in range(3)] == [1, 0, 0]
    assert [(letter.to, letter.key) for letter in office.letters] == [("carol@example.org", row().key)]
    assert timedelta() <= row().done_at - now < timedelta(seconds=5)


def test_a_job_that_fails_is_kept_with_its_reason_and_tried_later(job, now):
    job()
    office = PostOffice(is_open=False)
    worker.run_due(office, now)
    assert row().tries == 1
    assert timedelta() <= row().run_at - (now + timedelta(minutes=1)) < timedelta(seconds=5)
    assert "ConnectionRefusedError: the mail server does not answer" in row().last_error
    office.is_open = True
    assert worker.run_due(office, now + timedelta(seconds=59)) == 0
    assert worker.run_due(office, now + timedelta(seconds=66)) == 1
    assert len(office.letters) == 1
    assert row().done_at and row().payload == {}


def test_after_the_last_try_it_is_given_up_and_kept(job, now):
    job()
    office, at, waits = PostOffice(is_open=False), now, []
    for _ in range(TRIES_MAX):
        assert worker.run_due(office, at) == 1
        waits.append(row().run_at)
        at = (row().run_at or at) + timedelta(seconds=1)
    times = [now, *waits[:-1]]
    gaps = [(after - before) // timedelta(seconds=60) for before, after in itertools.pairwise(times)]
    assert gaps == [1, 2, 4, 8, 16, 32, 64, *[120] * (TRIES_MAX - 8)]
    assert timedelta(hours=18) < times[-1] - now < timedelta(hours=36), "a mail server may be away for most of a day"
    assert row().failed_at and row().last_error
    assert worker.run_due(PostOffice(), at + timedelta(days=9)) == 0
    assert jobs.standing(now).waiting == 0


@pytest.mark.parametrize(
    ("kind", "payload", "reason"), [("fax", {}, "fax"), ("mail", {**MAIL, "to": "a\nb@c.d"}, "ValueError")]
)
def test_a_job_that_cannot_be_done_does_not_stop_the_others(job, now, kind, payload, reason):
    job(kind, payload)
    with write():
        jobs.add("mail", MAIL, now)

    class Real(PostOffice):
        def send(self, letter):
            if "\n" in letter.to:
                raise ValueError("a header with a line break")
            super().send(letter)

    office = Real()
    assert worker.run_due(office, now) == 2
    assert len(office.letters) == 1
    db.session.rollback()
    assert reason in db.session.scalars(select(Job).order_by(Job.id)).first().last_error


def test_a_job_of_a_worker_that_died_is_taken_over_when_its_lease_ends(job, now):
    job()
    with write():
        assert jobs.claim(now, "mail")
    office = PostOffice()
    assert worker.run_due(office, now + timedelta(seconds=LEASE_S - 1)) == 0
    assert worker.run_due(office, now + timedelta(seconds=LEASE_S + 1)) == 1
    assert len(office.letters) == 1


def test_a_worker_has_one_job_in_its_hands_and_each_has_a_lease_of_its_own(job, now):
    for _ in range(3):
        job()
    seen = []

    class Watching(PostOffice):
        def send(self, letter):
            db.session.rollback()
            held = db.session.scalars(select(Job.lease_until).where(Job.lease_until.is_not(None))).all()
            seen.append(held)
            db.session.rollback()
            time.sleep(0.05)

    assert worker.run_due(Watching(), now) == 3
    assert [len(held) for held in seen] == [1, 1, 1]
    leases = [held[0] for held in seen]
    assert leases[0] == now + timedelta(seconds=LEASE_S)
    assert all(after - before >= timedelta(seconds=0.05) for before, after in itertools.pairwise(leases))


def test_a_worker_that_was_too_slow_notes_nothing_of_a_job_that_another_took_over(job, now):
    job()
    later = now + timedelta(seconds=LEASE_S + 1)
    with write():
        slow = jobs.claim(now, "mail")
    with write():
        other = jobs.claim(later, "mail")
    with write():
        jobs.fail(slow, "it took too long", later)
    assert (row().lease_until, row().last_error) == (other.lease_until, None)
    with write():
        jobs.finish(other, later)
        jobs.fail(slow, "it took too long", later)
    assert row().done_at == later and row().last_error is None


def test_a_job_that_kills_whoever_tries_it_is_given_up_in_the_end(job, now):
    job()
    at = now
    for _ in range(TRIES_MAX):
        with write():
            assert jobs.claim(at, "mail")
        at += timedelta(seconds=LEASE_S + 1)
    office = PostOffice()
    assert worker.run_due(office, at) == 1
    assert office.letters == []
    assert row().failed_at and "died" in row().last_error


def test_two_workers_at_once_do_each_job_once(app, job, at_once, now):
    for _ in range(40):
        job()
    office = PostOffice()

    def work():
        with app.app_context():
            while worker.run_due(office, now):
                pass
            db.session.remove()

    assert at_once(work, work, work) == [None] * 3
    # One that finds nothing unlocked may stop early; what it left is done by the next round.
    worker.run_due(office, now)
    assert sorted(letter.key for letter in office.letters) == sorted({letter.key for letter in office.letters})
    assert len(office.letters) == 40


def test_the_loop_does_what_comes_and_stops_when_told(make_app, tmp_path, now):
    app = make_app(MAIL_URL=f"mailbox://{tmp_path}/mail")
    stop = threading.Event()
    loop = threading.Thread(target=worker.run, args=(app, app.extensions["commentsvc"], stop))
    loop.start()
    try:
        with app.app_context():
            with write():
                jobs.add("mail", MAIL, now)
            db.session.remove()
        end = time.monotonic() + 15
        while time.monotonic() < end and not list(tmp_path.glob("mail/*.eml")):
            time.sleep(0.05)
        assert len(list(tmp_path.glob("mail/*.eml"))) == 1
    finally:
        stop.set()
        loop.join(15)
    assert not loop.is_alive()
