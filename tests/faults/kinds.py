"""The faults: each is a context manager that does the damage when it is entered, and undoes it when it is left as an
operator or a supervisor would."""

import contextlib
import glob
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from flask_migrate import downgrade

from commentsvc.store import migrations
from commentsvc.store.transactions import write
from tests.faults.load import new_words
from tests.faults.setups import NotHere, Setup, sleep_until
from tests.support.jobs import add_stored

SLOW_CLIENTS = 200
IMPORTED = 1_500
STEPS_BACK = 5  # revisions that `db upgrade` has to go again
ORPHAN_MAX_S = 20.0


@dataclass(frozen=True)
class Fault:
    """`strike(setup, round)` does it; between doing and undoing the load goes on for `lasts_s`.

    `options` are those of `commentsvc serve`, `setup` the arguments of Setup, `environment(setup)` what the service's
    environment has besides. `may_double_mail`: the mail server took mails and nobody could note it.
    """

    title: str
    strike: Callable
    lasts_s: float = 0.0
    options: tuple = ()
    setup: dict = field(default_factory=dict)
    environment: Callable | None = None
    may_double_mail: bool = False


# Processes


@contextlib.contextmanager
def kill_service(setup: Setup, _round):
    setup.kill()
    yield
    setup.start()


@contextlib.contextmanager
def kill_master(setup: Setup, _round):
    """Its workers must end by themselves: nobody could stop them, and they would keep the port."""
    workers, process = setup.workers(), setup.service.process
    setup.kill([process.pid])
    process.wait()
    yield
    sleep_until(lambda: not any(map(_is_alive, workers)), ORPHAN_MAX_S, "the workers of a killed master end")
    setup.start()


def _is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def kill_worker(setup: Setup, _round):
    setup.kill(setup.workers()[:1])
    yield


@contextlib.contextmanager
def kill_redis(setup: Setup, _round):
    setup.redis.kill()
    setup.redis.wait()
    yield
    setup.start_redis()


# Long work that is killed


@contextlib.contextmanager
def kill_import(setup: Setup, round_):
    """`commentsvc import` is killed after it has written some, and run again."""
    file, said = setup.folder / f"export-{round_.number}.xml", [new_words() for _ in range(IMPORTED)]
    file.write_text(_export(said, round_.number))
    command = ("import", "wordpress", str(file), "--site", "blog")
    query = f"SELECT count(*) FROM comment WHERE source LIKE '%{said[0]}%'"
    process = setup.command(*command)
    sleep_until(lambda: process.poll() is not None or setup.rows(query)[0][0], what="an import writes something")
    time.sleep(random.uniform(0, 0.3))
    process.kill()
    process.communicate()
    setup.run(*command)
    round_.expected |= set(said)
    yield


def _export(said, number):
    comments = "\n".join(
        f"<wp:comment><wp:comment_id>{number * 1_000_000 + place}</wp:comment_id>"
        f"<wp:comment_author>Carol</wp:comment_author><wp:comment_date_gmt>2026-01-02 03:04:05</wp:comment_date_gmt>"
        f"<wp:comment_content>{words}</wp:comment_content><wp:comment_approved>1</wp:comment_approved>"
        "<wp:comment_type>comment</wp:comment_type><wp:comment_parent>0</wp:comment_parent></wp:comment>"
        for place, words in enumerate(said)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:wp="http://wordpress.org/export/1.2/"><channel>\n'
        "<wp:base_blog_url>https://old.example</wp:base_blog_url>\n"
        f"<item><title>A post</title><link>https://old.example/imported-{number}/</link>"
        f"<wp:status>publish</wp:status><wp:post_type>post</wp:post_type>\n{comments}</item>\n</channel></rss>\n"
    )


@contextlib.contextmanager
def kill_migration(setup: Setup, _round):
    """`commentsvc db upgrade` is killed after its first revision, and run again; the service is stopped meanwhile."""
    setup.service.stop()
    with setup.in_app():
        migrations.init_migrate(setup.app)
        downgrade(directory=str(migrations.folder()), revision=f"-{STEPS_BACK}")
    version = "SELECT version_num FROM alembic_version"
    before = setup.rows(version)
    process = setup.command("db", "upgrade")
    sleep_until(lambda: process.poll() is not None or setup.rows(version) != before, what="a revision is done")
    time.sleep(random.uniform(0, 0.1))
    process.kill()
    process.communicate()
    yield
    setup.run("db", "upgrade")
    setup.start()


# Disks and files


@contextlib.contextmanager
def fill_disk(setup: Setup, _round):
    filler = setup.disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(b"\0" * 65536)
            file.flush()
    yield
    filler.unlink()


@contextlib.contextmanager
def make_disk_read_only(setup: Setup, _round):
    """A disk with open files can't be made read-only, so the service is started on it."""
    setup.service.stop()
    subprocess.run(["mount", "-o", "remount,ro", str(setup.disk)], check=True)
    setup.start()
    yield
    subprocess.run(["mount", "-o", "remount,rw", str(setup.disk)], check=True)


@contextlib.contextmanager
def rename_file(setup: Setup, _round):
    away = setup.service.database.with_name("elsewhere")
    setup.service.database.rename(away)
    yield
    away.rename(setup.service.database)


def _copy(setup: Setup, to):
    with (
        contextlib.closing(sqlite3.connect(setup.service.database)) as source,
        contextlib.closing(sqlite3.connect(to)) as copy,
    ):
        source.backup(copy)


@contextlib.contextmanager
def replace_file(setup: Setup, round_):
    """Replace it by a copy of this moment. Each comment acknowledged in between must be in one of the two."""
    new, old = setup.service.database.with_name("new"), setup.service.database.with_name(f"old-{round_.number}")
    _copy(setup, new)
    os.link(setup.service.database, old)
    new.replace(setup.service.database)
    yield
    setup.other_files.append(old)


@contextlib.contextmanager
def remove_folder(setup: Setup, round_):
    """Delete the folder with the database and restore a copy. Comments acknowledged after the copy would be lost with
    the deleted file, so nothing is sent meanwhile."""
    saved, folder = setup.folder / "saved", setup.service.database.parent
    with round_.pause():
        _copy(setup, saved)
        shutil.rmtree(folder)
    yield
    folder.mkdir(exist_ok=True)
    shutil.copy(saved, setup.service.database.with_name("part"))
    setup.service.database.with_name("part").replace(setup.service.database)


# PostgreSQL


@contextlib.contextmanager
def kill_postgres(setup: Setup, _round):
    setup.postgres.kill()
    yield
    setup.postgres.start()


@contextlib.contextmanager
def restart_postgres(setup: Setup, _round):
    setup.postgres.stop()
    yield
    setup.postgres.start()


@contextlib.contextmanager
def hang_postgres(setup: Setup, _round):
    """Nothing comes through any more and no connection is reset, as when the machine lost its power."""
    setup.proxy.swallow()
    yield
    setup.proxy.let_through()


def slow_postgres(delay_s):
    @contextlib.contextmanager
    def strike(setup: Setup, _round):
        setup.proxy.delay_s = delay_s
        yield
        setup.proxy.delay_s = 0.0

    return strike


@contextlib.contextmanager
def make_postgres_read_only(setup: Setup, _round):
    setup.postgres.run_sql("ALTER SYSTEM SET default_transaction_read_only = on")
    setup.postgres.run_sql("SELECT pg_reload_conf()")
    yield
    setup.postgres.run_sql("ALTER SYSTEM RESET default_transaction_read_only")
    setup.postgres.run_sql("SELECT pg_reload_conf()")


# Mail


def _forget_leases(setup: Setup):
    """Two minutes are too long for a round. Only while nobody who holds a lease is alive."""
    setup.change("UPDATE job SET lease_until = NULL")


@contextlib.contextmanager
def kill_in_mail(setup: Setup, _round):
    """The mail server has the text of a mail and has not answered."""
    setup.inbox.held, setup.inbox.is_holding = 0, True
    sleep_until(lambda: setup.inbox.held, what="a mail is being sent")
    time.sleep(0.5)  # posts accepted before are stored by now
    setup.kill()
    setup.inbox.is_holding = False
    _forget_leases(setup)
    yield
    setup.start()


@contextlib.contextmanager
def kill_after_mail(setup: Setup, _round):
    """The mail server has taken a mail, and it is not noted yet."""
    was_taken = threading.Event()

    def act():
        process = setup.service.process
        for pid in (process.pid, *setup.workers()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        was_taken.set()

    setup.inbox.when_taken = act
    assert was_taken.wait(60), "no mail is sent"
    setup.kill()
    _forget_leases(setup)
    yield
    setup.start()


@contextlib.contextmanager
def hang_mail(setup: Setup, _round):
    setup.mail_proxy.swallow()
    yield
    setup.mail_proxy.let_through()


@contextlib.contextmanager
def refuse_mail(setup: Setup, _round):
    setup.mail_proxy.refuse()
    yield
    setup.mail_proxy.accept()


@contextlib.contextmanager
def answer_mail_with_451(setup: Setup, _round):
    setup.inbox.is_refusing = True
    yield
    setup.inbox.is_refusing = False


@contextlib.contextmanager
def poison_jobs(setup: Setup, _round):
    """Jobs that can't be done, before and among those that can."""
    mail = {"to": "carol@example.org", "subject": "S", "text": "T", "html": "<p>T</p>"}
    poison = (
        ("fax", {}),
        ("mail", {}),
        ("mail", {**mail, "to": "a\nb@example.org"}),
        ("mail", {**mail, "to": 7}),
        ("mail", {**mail, "headers": {"X-Words": "a\r\nb"}}),
        ("picture", {"account_id": 10**9, "url": "http://[::1"}),
        ("confirm", {"subscription_id": "words"}),
        ("waiting", {"comment_id": 10**30}),
        ("learn", {}),
        ("teach", {"comment_id": None, "is_spam": "perhaps"}),
    )
    with setup.in_app(), write():
        for kind, payload in poison:
            add_stored(kind, payload, datetime.now(UTC))
    if setup.postgres is None:
        setup.change("UPDATE job SET payload = '{\"to\": ' WHERE kind = 'fax'")
    yield


# Clocks and clients


def faketime_settings(setup: Setup):
    """The environment in which the service's wall clock is what the file says; raises NotHere without the library."""
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found:
        raise NotHere("libfaketime (Debian's package faketime) is not installed")
    set_clock(setup, "+0")
    return {
        "LD_PRELOAD": found[0],
        "FAKETIME_TIMESTAMP_FILE": str(setup.folder / "clock"),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": str(Path(__file__).parent / "with_faketime"),
    }


def set_clock(setup: Setup, shift):
    part = setup.folder / "clock.part"
    part.write_text(shift + "\n")
    part.replace(setup.folder / "clock")


def shift_clock(shift):
    @contextlib.contextmanager
    def strike(setup: Setup, _round):
        set_clock(setup, shift)
        yield
        set_clock(setup, "+0")

    return strike


@contextlib.contextmanager
def slow_clients(setup: Setup, _round):
    """Connections that send a body byte by byte."""
    stop = threading.Event()
    head = (
        f"POST /api/v1/comments HTTP/1.1\r\nHost: 127.0.0.1:{setup.service.port}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    clients = []
    for _ in range(SLOW_CLIENTS):
        client = socket.create_connection(("127.0.0.1", setup.service.port), timeout=30)
        client.sendall(head.encode())
        clients.append(client)

    def dribble():
        while not stop.wait(0.5):
            for client in clients:
                with contextlib.suppress(OSError):  # the service has left it
                    client.sendall(b" ")

    thread = threading.Thread(target=dribble)
    thread.start()
    yield
    stop.set()
    thread.join()
    for client in clients:
        client.close()


SECONDS = 4.0
ON_DISK = {"disk": True}
ON_POSTGRES = {"postgres": True}
BEHIND_PROXY = {"postgres": True, "proxied": True}
MAIL = {"mail": True}

FAULTS = {
    "kill-service": Fault("`kill -9` of all processes of the service", kill_service),
    "kill-master": Fault("`kill -9` of the master process", kill_master, options=("--workers", "2")),
    "kill-worker": Fault("`kill -9` of one of two workers", kill_worker, options=("--workers", "2")),
    "kill-postgres": Fault("`kill -9` of PostgreSQL's postmaster", kill_postgres, setup=ON_POSTGRES),
    "kill-redis": Fault("`kill -9` of Redis", kill_redis, SECONDS, setup={"redis": True}),
    "kill-in-mail": Fault("service killed while a mail is sent", kill_in_mail, setup=MAIL),
    "kill-after-mail": Fault(
        "service killed after a mail is taken and before that is noted",
        kill_after_mail,
        setup=MAIL,
        may_double_mail=True,
    ),
    "kill-import": Fault("import killed (SQLite)", kill_import),
    "kill-import-postgres": Fault("import killed (PostgreSQL)", kill_import, setup=ON_POSTGRES),
    "kill-migration": Fault("`db upgrade` killed (SQLite)", kill_migration),
    "kill-migration-postgres": Fault("`db upgrade` killed (PostgreSQL)", kill_migration, setup=ON_POSTGRES),
    "full-disk": Fault("full disk", fill_disk, SECONDS, setup=ON_DISK),
    "read-only-disk": Fault("read-only disk", make_disk_read_only, SECONDS, setup=ON_DISK),
    "renamed-file": Fault("SQLite file renamed", rename_file, SECONDS),
    "replaced-file": Fault("SQLite file replaced by a copy", replace_file, SECONDS),
    "removed-folder": Fault("folder of the SQLite file removed", remove_folder, SECONDS),
    "hung-postgres": Fault("PostgreSQL hangs", hang_postgres, SECONDS, setup=BEHIND_PROXY),
    "slow-postgres": Fault("PostgreSQL 0.1 s away each way", slow_postgres(0.1), SECONDS, setup=BEHIND_PROXY),
    "slower-postgres": Fault("PostgreSQL 1 s away each way", slow_postgres(1.0), SECONDS, setup=BEHIND_PROXY),
    "read-only-postgres": Fault("PostgreSQL read-only", make_postgres_read_only, SECONDS, setup=ON_POSTGRES),
    "restarted-postgres": Fault("PostgreSQL restarted", restart_postgres, setup=ON_POSTGRES),
    "hung-mail": Fault("mail server hangs", hang_mail, SECONDS, setup=MAIL),
    "away-mail": Fault("mail server takes no connection", refuse_mail, SECONDS, setup=MAIL),
    "refusing-mail": Fault("mail server answers 451", answer_mail_with_451, SECONDS, setup=MAIL),
    "poison-jobs": Fault("jobs that can't be done", poison_jobs, SECONDS, setup=MAIL),
    "clock-ahead": Fault("clock a day ahead", shift_clock("+1d"), SECONDS, setup=MAIL, environment=faketime_settings),
    "clock-behind": Fault("clock a day behind", shift_clock("-1d"), SECONDS, setup=MAIL, environment=faketime_settings),
    "slow-clients": Fault(f"{SLOW_CLIENTS} clients send bodies byte by byte", slow_clients, 2 * SECONDS),
}
