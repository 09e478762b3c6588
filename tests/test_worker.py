"""Background jobs: each done once, kept with its reason when it fails, taken over from a worker that died."""

import contextlib
import itertools
import socket
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from commentsvc import create_app, worker
from commentsvc.config import from_environment
from commentsvc.core.errors import NotFound
from commentsvc.gateways.mail import SmtpMailer, Undeliverable
from commentsvc.services import jobs as jobs_service
from commentsvc.store import jobs as stored_jobs
from commentsvc.store import threads
from commentsvc.store.db import db
from commentsvc.store.jobs import DONE_KEPT, LEASE_S, TRIES_MAX, Job
from commentsvc.store.transactions import write
from tests.support import servers
from tests.support.cast import SECRET, set_policy
from tests.support.http import eventually
from tests.support.jobs import add_stored

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
            add_stored(kind, payload, now)

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
    assert stored_jobs.queue_stats(now).waiting == 0


@pytest.mark.parametrize(
    ("kind", "payload", "reason"), [("fax", {}, "fax"), ("mail", {**MAIL, "to": "a\nb@c.d"}, "ValueError")]
)
def test_a_job_that_cannot_be_done_does_not_stop_the_others(job, now, kind, payload, reason):
    job(kind, payload)
    with write():
        add_stored("mail", MAIL, now)

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


def test_a_job_in_hand_is_not_taken_by_another_thread_when_the_clock_is_put_forward(job, now):
    job()
    in_hand, mail = worker.HeldJobs(), next(queue for queue in worker.QUEUES if queue.name == "mail")

    def work(at):
        return worker.run_queue(mail, jobs_service.JobTools(office, ()), at, in_hand, threading.Event())

    class PutForward(PostOffice):
        def send(self, letter):
            super().send(letter)
            assert stored_jobs.count_due(now + timedelta(days=1), "mail", (), 9, in_hand.ids()) == 0
            assert work(now + timedelta(days=1)) == 0

    office = PutForward()
    assert work(now) == 1
    assert len(office.letters) == 1 and row().done_at
    assert in_hand.ids() == frozenset()


def test_a_job_of_a_worker_that_died_is_taken_over_when_its_lease_ends(job, now):
    job()
    with write():
        assert stored_jobs.claim(now, "mail")
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
        slow = stored_jobs.claim(now, "mail")
    with write():
        other = stored_jobs.claim(later, "mail")
    with write():
        stored_jobs.fail(slow, "it took too long", later)
    assert (row().lease_until, row().last_error) == (other.lease_until, None)
    with write():
        stored_jobs.finish(other, later)
        stored_jobs.fail(slow, "it took too long", later)
    assert row().done_at == later and row().last_error is None


def test_a_job_that_kills_whoever_tries_it_is_given_up_in_the_end(job, now):
    job()
    at = now
    for _ in range(TRIES_MAX):
        with write():
            assert stored_jobs.claim(at, "mail")
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
                add_stored("mail", MAIL, now)
            db.session.remove()
        assert len(eventually(lambda: list(tmp_path.glob("mail/*.eml")), "the mail is sent", 15)) == 1
    finally:
        stop.set()
        loop.join(15)
    assert not loop.is_alive()


# What a job may hold by a bug, by a hand in the database, or by a version that is gone: (kind, payload).
POISON = [
    ("mail", None),
    ("mail", ["a", "list"]),
    ("mail", "words"),
    ("mail", {}),
    ("mail", {"to": "carol@example.org"}),
    ("mail", {**MAIL, "to": None}),
    ("mail", {**MAIL, "to": ["carol@example.org"]}),
    ("mail", {**MAIL, "to": ""}),
    ("mail", {**MAIL, "to": "a@[b"}),
    ("mail", {**MAIL, "to": "carol@example.org\r\nBcc: mallory@example.org"}),
    ("mail", {**MAIL, "to": "carol\ud800@example.org"}),
    ("mail", {**MAIL, "subject": "one\ntwo"}),
    ("mail", {**MAIL, "subject": 7}),
    ("mail", {**MAIL, "text": "lone \udcff surrogate"}),
    ("mail", {**MAIL, "html": None}),
    ("mail", {**MAIL, "headers": "none"}),
    ("mail", {**MAIL, "headers": {"X Y": "not a name"}}),
    ("picture", {}),
    ("picture", {"account_id": 1, "url": "https://[::1"}),
    ("picture", {"account_id": "one", "url": None}),
    ("teach", {"comment_id": 10**6, "is_spam": True}),
    ("teach", {"comment_id": None}),
    ("waiting", {"comment_id": "x" * 40}),
    ("answered", {"comment_id": {"a": 1}}),
    ("confirm", None),
    ("learn", {"site_id": [], "after_id": 0}),
    ("fax", {}),
    ("", {}),
]


def ended(found):
    """How each job ended, by its number: done, or the reason why it failed."""
    db.session.rollback()
    rows = db.session.execute(select(Job.id, Job.done_at, Job.last_error).where(Job.id.in_(found)))
    return {number: "done" if done_at else reason for number, done_at, reason in rows}


def test_poison_of_every_kind_fails_alone_and_the_mail_behind_it_goes_out(app, smtp, now):
    inbox, address = smtp()
    with write():
        for kind, payload in POISON:
            add_stored(kind, payload, now)
        for n in range(3):
            add_stored("mail", {**MAIL, "to": f"reader{n}@example.org"}, now)
    ids = list(db.session.scalars(select(Job.id).order_by(Job.id)))
    mailer = SmtpMailer(f"smtp://{address}", "comments@blog.example")
    while worker.run_due(mailer, now):
        pass
    assert sorted(letter["To"] for letter in inbox.letters if "reader" in letter["To"]) == [
        f"reader{n}@example.org" for n in range(3)
    ]
    assert all("mallory" not in recipient for envelope in inbox.envelopes for recipient in envelope.rcpt_tos)
    reasons = ended(ids)
    assert all(reasons[number] for number in ids), "done, or failed with a reason"
    assert sum(reason != "done" for reason in reasons.values()) >= 24


def test_a_payload_that_is_no_json_is_the_failure_of_its_own_job(app, job, now):
    if db.engine.dialect.name == "postgresql":
        pytest.skip("PostgreSQL takes nothing but JSON")
    job()
    with write():
        db.session.execute(text("UPDATE job SET payload = 'broken'"))
    job()
    office = PostOffice()
    assert worker.run_due(office, now) == 2
    assert len(office.letters) == 1
    assert "JSONDecodeError" in str(ended([1]))


def test_a_job_that_ends_the_interpreter_ends_itself_alone(job, now):
    class Leaving(PostOffice):
        def send(self, letter):
            raise SystemExit(3)

    job()
    assert worker.run_due(Leaving(), now) == 1
    assert row().last_error == "SystemExit: 3"


def test_what_cannot_be_delivered_is_given_up_at_once_and_no_address_is_logged(job, now, caplog):
    class Refusing(PostOffice):
        def send(self, letter):
            raise Undeliverable(f"550 no such user {letter.to}")

    job()
    worker.run_due(Refusing(), now)
    assert (row().tries, row().failed_at is not None) == (1, True)
    assert row().last_error == "550 no such user carol@example.org"
    assert "job" in caplog.text and "carol" not in caplog.text


def test_retries_that_are_due_go_after_first_tries(job, now):
    for _ in range(3):
        job()
    worker.run_due(PostOffice(is_open=False), now)
    job(payload={**MAIL, "to": "new@example.org"})
    office = PostOffice()
    assert worker.run_due(office, now + timedelta(minutes=5)) == 4
    assert office.letters[0].to == "new@example.org"


def test_a_key_is_random_and_the_same_for_every_try_also_for_jobs_of_older_versions(job, now):
    for _ in range(2):
        job()
    with write():
        db.session.execute(text("UPDATE job SET key = NULL WHERE id = (SELECT max(id) FROM job)"))
    later = now + timedelta(seconds=LEASE_S + 1)
    keys = []
    for at in (now, later):
        with write():
            keys.append([stored_jobs.claim(at, "mail").key for _ in range(2)])
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 2
    assert all(len(key) > 20 and "job" not in key for key in keys[0])


def test_one_host_has_one_job_at_a_time_and_the_others_are_not_held_up(app, now):
    with write():
        for host in ("slow.example", "slow.example", "fast.example"):
            add_stored("picture", {}, now, url=f"https://{host}/1.png")
        add_stored("picture", {}, now, url="https://[broken")
    with write():
        assert stored_jobs.count_due(now, "picture", {"slow.example"}, 9) == 2
        taken = [stored_jobs.claim(now, "picture", {"slow.example"}) for _ in range(3)]
    assert [job and job.host for job in taken] == ["fast.example", "", None]


def test_ended_jobs_are_pruned_in_time_and_nothing_else_is(app, now):
    with write():
        for n in range(5):
            add_stored("mail", MAIL, now - timedelta(days=200 + n))
    old, kept_done, kept_failed, gone_failed, waits = db.session.scalars(select(Job).order_by(Job.id))
    with write():
        old.done_at = now - DONE_KEPT - timedelta(seconds=1)
        kept_done.done_at = now - DONE_KEPT + timedelta(seconds=60)
        kept_failed.failed_at = now - timedelta(days=90) + timedelta(seconds=60)
        gone_failed.failed_at = now - timedelta(days=90) - timedelta(seconds=1)
        keep = {kept_done.id, kept_failed.id, waits.id}
    with write():
        assert stored_jobs.prune_done(now) + stored_jobs.prune_failed(now - timedelta(days=90)) == 2
    assert set(db.session.scalars(select(Job.id))) == keep


@contextlib.contextmanager
def silent_server():
    """A mail server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", servers.free_port()), backlog=50) as listening:
        yield listening


@contextlib.contextmanager
def worker_of(app):
    """The real loop, in a thread."""
    stop = threading.Event()
    loop = threading.Thread(target=worker.run, args=(app, app.extensions["commentsvc"], stop))
    loop.start()
    try:
        yield
    finally:
        stop.set()
        loop.join(30)
    assert not loop.is_alive()


def until(found, within_s=20):
    def look():
        db.session.rollback()
        return found()

    return eventually(look, "what the test waits for", within_s)


def test_a_mail_server_that_hangs_holds_up_no_other_kind_of_job(make_app, now):
    with silent_server() as server:
        app = make_app(MAIL_URL="smtp://{}:{}".format(*server.getsockname()))
        with app.app_context():
            with write():
                for n in range(8):
                    add_stored("mail", {**MAIL, "to": f"reader{n}@example.org"}, now)
                add_stored("waiting", {"comment_id": 1}, now)
                add_stored("teach", {"comment_id": 1, "is_spam": True}, now)
            with worker_of(app):
                done = select(Job.id).where(Job.kind == "waiting", Job.done_at.is_not(None))
                until(lambda: db.session.scalar(done))
                until(lambda: db.session.scalar(select(Job.last_error).where(Job.kind == "teach")))
                held = select(func.count()).where(Job.kind == "mail", Job.lease_until.is_not(None))
                assert until(lambda: db.session.scalar(held) == 4), "it takes no more than it works at"
                standing = stored_jobs.queue_stats(now)
                assert (standing.waiting, standing.is_worked_on) == (8, True)
                server.close()
                until(lambda: db.session.scalar(held) == 0 and stored_jobs.queue_stats(now).waiting)
            db.session.remove()


def test_jobs_go_on_after_the_loop_itself_failed(make_app, tmp_path, now, monkeypatch, caplog):
    monkeypatch.setattr(worker, "AWAY_S", 0.1)
    app = make_app(MAIL_URL=f"mailbox://{tmp_path}/mail")
    with app.app_context():
        with write():
            add_stored("mail", MAIL, now)
            db.session.execute(text("ALTER TABLE job RENAME TO job_elsewhere"))
        try:
            with worker_of(app):
                eventually(
                    lambda: caplog.text.count("the database is away") or "look for due jobs failed" in caplog.text,
                    "the loop has failed",
                )
                with write():
                    db.session.execute(text("ALTER TABLE job_elsewhere RENAME TO job"))
                until(lambda: list(tmp_path.glob("mail/*.eml")))
        finally:
            with contextlib.suppress(Exception), write():  # where the test failed before it came to that
                db.session.execute(text("ALTER TABLE job_elsewhere RENAME TO job"))
        db.session.remove()


def test_failed_jobs_are_listed_with_their_reason_retried_and_dropped(job, now):
    for _ in range(3):
        job()
    with write():
        for _ in range(2):
            stored_jobs.fail(stored_jobs.claim(now, "mail"), "550 no such user", now, is_final=True)
    shown = [(j.state, j.reason, j.about) for j in stored_jobs.listed(now)]
    assert shown == [("failed", "550 no such user", MAIL["to"])] * 2 + [("waiting", "", MAIL["to"])]
    first, second, third = (j.id for j in stored_jobs.listed(now))
    with write():
        assert stored_jobs.retry([first]) == 1
    assert [j.state for j in stored_jobs.listed(now)] == ["waiting", "failed", "waiting"]
    with write():
        assert stored_jobs.drop([]) == 1
    assert [j.id for j in stored_jobs.listed(now)] == [first, third]
    for wrong in (second, 10**12):
        with pytest.raises(NotFound, match=str(wrong)), write():
            stored_jobs.retry([first, wrong])


class FiveRounds(threading.Event):
    """Told to stop in the fifth round of the loop, without any wait."""

    rounds = 0

    def wait(self, timeout=None):
        self.rounds += 1
        if self.rounds == 5:
            self.set()
        return self.is_set()


def test_a_database_that_is_away_for_long_is_said_once_in_the_log(tmp_path, caplog):
    config = from_environment(
        {"COMMENTSVC_SECRET_KEY": SECRET, "COMMENTSVC_DATABASE_URL": f"sqlite:///{tmp_path}/gone.sqlite3"}, None
    )
    stop = FiveRounds()
    worker.run(create_app(config), config, stop)
    assert stop.rounds == 5
    assert [record.name for record in caplog.records if "jobs wait" in record.message] == ["commentsvc.worker"]


def test_threads_that_close_by_age_are_published_once_more_when_they_do(app, site, make_comment, now):
    """Their pages say that comments are open until then."""
    ages = {
        "/closed just now": timedelta(days=30, minutes=1),
        "/closed long ago": timedelta(days=90),
        "/still open": timedelta(days=29, hours=23),
    }
    set_policy(site, close_after_days=30)
    for key, age in ages.items():
        make_comment(key)
        with write():
            threads.find(site, key).created_at = now - age

    def versions():
        return {key: threads.find(site, key).version for key in ages}

    before = versions()
    with worker_of(app):
        until(lambda: versions() != before)
    db.session.rollback()
    assert versions() == {**before, "/closed just now": before["/closed just now"] + 1}
