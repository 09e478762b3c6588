"""The production server: Granian, and background jobs in a thread unless switched off."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import resource
import signal
import socket
import threading
import time
from multiprocessing import util
from typing import Any

from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.mp import MPServer

from commentsvc import config as settings
from commentsvc import create_app, start_checks, worker
from commentsvc.config import Config
from commentsvc.gateways import log_lines, metrics
from commentsvc.page_cache import static_pages
from commentsvc.store import engine, migrations
from commentsvc.store.db import db
from commentsvc.web.http import rsgi

log = logging.getLogger(__name__)

JOBS_SWITCH = "COMMENTSVC_SERVE_JOBS"
WORKERS = "COMMENTSVC_SERVE_WORKERS"
MASTER = "COMMENTSVC_SERVE_MASTER"
# Connections per worker, most of them idle; none occupies a thread (web/http/rsgi.py). Further ones wait in the
# kernel's queue.
CONNECTIONS_MAX = 4096
OTHER_FILES_MAX = 512
HEADERS_MAX_S = 15
# A worker that is told to stop while it starts does not hear it, and would be waited for without end.
STOP_MAX_S = 10
M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3  # malloc.h
PR_SET_PDEATHSIG = 1  # sys/prctl.h
# A worker that ends by itself is started again at once; one that ends again and again, after a pause that doubles.
PAUSE_MIN_S, PAUSE_MAX_S = 0.5, 10.0
QUIET_S = 30.0  # a worker that lived for so long was well


class _Server(MPServer):
    """Granian that restarts a crashing worker without end; by itself it stops when one dies twice within 5.5 s."""

    _pause_s = 0.0
    _died_at = -QUIET_S

    def _respawn_workers(self, workers: list[int], spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        if delay:  # asked for by a signal
            super()._respawn_workers(workers, spawn_target, target_loader, delay)
            self.respawned_wrks.clear()
            return
        is_again = time.monotonic() - self._died_at < QUIET_S
        self._pause_s = min(max(PAUSE_MIN_S, 2 * self._pause_s), PAUSE_MAX_S) if is_again else 0.0
        log.warning("a worker process died; another is started in %.1f s", self._pause_s)
        ends_at = time.monotonic() + self._pause_s
        while not self.interrupt_signal and (left_s := ends_at - time.monotonic()) > 0:
            self.main_loop_interrupt.wait(left_s)
            if not self.interrupt_signal:
                self.main_loop_interrupt.clear()
        if self.interrupt_signal:
            self.main_loop_interrupt.set()
            return
        died = set(workers)
        while self.interrupt_children:  # others have died meanwhile; threads go on adding to it
            died.add(self.interrupt_children.pop())
        super()._respawn_workers(sorted(died), spawn_target, target_loader, delay)
        self.respawned_wrks.clear()  # Granian's definition of a crash loop
        self._died_at = time.monotonic()


def run(config: Config, host: str, port: int, workers: int, with_jobs: bool) -> None:
    """Serve until stopped. On SQLite the first start makes the database.

    An SQLite file that has gone since pages were published is an accident, not a first start: then the published
    pages are served, and nothing is made in its place. Raises BadDatabase for a schema that can't be served, Invalid or
    CommentError when it cannot listen there.
    """
    address = start_checks.address_to_listen_at(host, port)
    _kept.append(start_checks.hold_port(address, port))
    start_checks.make_instance_folder(config)
    if config.static_pages_dir is not None:
        static_pages.prepare(config.static_pages_dir)
    if workers > 1:
        metrics.share(config.instance_dir / "metrics" / str(port))
    if migrations.is_missing(config):
        if (config.instance_dir / "published").exists():
            log.error("the database %s is missing; only published pages are served", config.sqlite_path)
        else:
            _make_database(config)
    else:
        migrations.check_before_serving(config)
    os.environ[JOBS_SWITCH] = "on" if with_jobs else "off"
    os.environ[WORKERS] = str(workers)
    os.environ[MASTER] = str(os.getpid())
    log.info("serving at %s, with the database %s", config.base_url, engine.name_of(config))
    server = _Server(
        "commentsvc.server:rsgi_application",
        address=address,
        port=port,
        interface=Interfaces.RSGI,
        workers=workers,
        websockets=False,
        http=HTTPModes.http1,  # HTTP/2 has no time limit for headers here; proxies ask by HTTP/1.1
        http1_settings=HTTP1Settings(header_read_timeout=HEADERS_MAX_S * 1000),
        backpressure=_connections_max(),
        factory=True,
        log_access=False,
        log_dictconfig={"loggers": {"_granian": {"handlers": []}}},  # its lines look like ours, and go where ours go
        respawn_failed_workers=True,
        respawn_interval=0.1,
        workers_kill_timeout=STOP_MAX_S,
    )
    server.on_shutdown(lambda: engine.merge_wal(config))
    server.serve()


def _make_database(config: Config) -> None:
    start_checks.make_database_file(config)
    with create_app(config).app_context():
        migrations.upgrade()
        db.engine.dispose()  # a connection must not be carried into the worker processes
    log.warning(
        "created a new, empty database at %s; if your comments are in another one, stop, and start in its folder or "
        "set COMMENTSVC_DATABASE_URL",
        config.sqlite_path,
    )


def _end_with_master() -> None:
    """Have the kernel end this worker when the process that started it is killed (prctl(2), Linux).

    Else it would go on serving beside whatever is started next on the same port.
    """
    master = int(os.environ.get(MASTER, "0"))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if not master or prctl is None:
        return
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != master:  # it was killed before we asked
        os._exit(1)


def _connections_max() -> int:
    """The connection limit of a worker; raises the limit of open files where the default is lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + OTHER_FILES_MAX
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return CONNECTIONS_MAX if soft == resource.RLIM_INFINITY else max(1, min(CONNECTIONS_MAX, soft - OTHER_FILES_MAX))


def _keep_memory_small() -> None:
    """Give back what a page was built in: by default glibc keeps it, in a heap of each thread (mallopt(3))."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 2)
        mallopt(M_MMAP_THRESHOLD, 64 * 1024)


def _take_a_core(workers: int) -> None:
    """Stay on one core, where there is a worker for each.

    Python's threads only take turns. On one core they do so without waking another for each turn: a quarter more
    posts a second (docs/benchmarks.md). With fewer workers than cores the kernel places them: two services that do
    not know of each other must not meet on one core while others idle.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if 1 < len(cores) <= workers:
        for place in range(workers):
            # An address without a file (unix(7), abstract), which the kernel frees when this process ends.
            mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                mark.bind(f"\0commentsvc {os.getppid()} {place}")
            except OSError:  # another worker of this service has this place
                mark.close()
                continue
            _kept.append(mark)
            os.sched_setaffinity(0, {cores[place % len(cores)]})
            return


_kept: list[socket.socket | None] = []


def rsgi_application() -> rsgi.Application:
    """The same application, as Granian is given it."""
    app = application()
    return rsgi.Application(app, app.extensions["page_cache"], app.extensions["commentsvc"])


def application() -> Flask:
    """The WSGI application of one worker process, from the environment's settings."""
    _end_with_master()
    _keep_memory_small()
    _take_a_core(int(os.environ.get(WORKERS, "1")))
    config = settings.from_environment(os.environ)
    log_lines.begin(config.log_format)
    app = create_app(config)
    gc.collect()
    gc.freeze()  # loaded objects stay: scanning them again took a twentieth of the time of a post
    if os.environ.get(JOBS_SWITCH) == "on":
        stop = threading.Event()
        thread = threading.Thread(target=worker.run, args=(app, config, stop), name="jobs", daemon=True)
        thread.start()
        # Before the process ends: a mail that is being sent is noted as sent, or it would be sent twice.
        util.Finalize(None, _finish, args=(stop, thread), exitpriority=1)
    static_pages.start(app)
    return app


def _finish(stop: threading.Event, thread: threading.Thread) -> None:
    stop.set()
    thread.join(worker.FINISH_MAX_S + 1)
