"""Serves the app in production: Granian in front, background jobs in a thread unless told not to."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import resource
import socket
import threading

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from commentsvc import config as settings
from commentsvc import create_app, worker
from commentsvc.config import Config
from commentsvc.gateways import log_lines, metrics
from commentsvc.store import database
from commentsvc.web import rsgi, shelf

log = logging.getLogger(__name__)

JOBS_SWITCH = "COMMENTSVC_SERVE_JOBS"
WORKERS = "COMMENTSVC_SERVE_WORKERS"
# Connections of a worker, most of them idle; no thread belongs to one (web/rsgi.py). More wait in the kernel's queue.
CONNECTIONS_MAX = 4096
OTHER_FILES_MAX = 512
HEADERS_MAX_S = 15
# A worker that is told to stop while it starts does not hear it, and would be waited for without end.
STOP_MAX_S = 10
M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3  # malloc.h


def run(config: Config, host: str, port: int, workers: int, with_jobs: bool) -> None:
    """Serve until stopped. On SQLite the first start makes the database.

    An SQLite file that has gone since pages were published is an accident, not a first start: then the published
    pages are served, and nothing is made in its place.
    """
    if workers > 1:
        metrics.share(config.instance_dir / "metrics" / str(port))
    if database.is_missing(config):
        if (config.instance_dir / "published").exists():
            log.error("the database %s is missing; only published pages are served", config.sqlite_path)
        else:
            database.create_file(config)
            with create_app(config).app_context():
                database.upgrade()
    if config.publish_dir is not None:
        shelf.prepare(config.publish_dir)
    os.environ[JOBS_SWITCH] = "on" if with_jobs else "off"
    os.environ[WORKERS] = str(workers)
    log.info("serving at %s", config.base_url)
    Granian(
        "commentsvc.serving:rsgi_application",
        address=host,
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
    ).serve()


def _connections_max() -> int:
    """How many connections a worker may hold; asks for as many open files where the system's default is lower."""
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


_kept: list[socket.socket] = []


def rsgi_application() -> rsgi.Application:
    """The same application, as Granian is given it."""
    app = application()
    return rsgi.Application(app, app.extensions["edge"], app.extensions["commentsvc"])


def application() -> Flask:
    """The WSGI application of one worker process, from the environment's settings."""
    _keep_memory_small()
    _take_a_core(int(os.environ.get(WORKERS, "1")))
    config = settings.from_environment(os.environ)
    log_lines.begin(config.log_format)
    app = create_app(config)
    gc.collect()
    gc.freeze()  # what was loaded by now stays: to look at it again and again took a twentieth of a post's time
    if os.environ.get(JOBS_SWITCH) == "on":
        stop = threading.Event()
        threading.Thread(target=worker.run, args=(app, config, stop), name="jobs", daemon=True).start()
    shelf.start(app)
    return app
