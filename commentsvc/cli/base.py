"""Shared by all commands: their group, the settings, and an application with its database."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from commentsvc import config as commentsvc_config
from commentsvc import create_app, start_checks
from commentsvc.config import Config
from commentsvc.gateways import log_lines
from commentsvc.store import time_limits
from commentsvc.store.db import db
from commentsvc.store.transactions import retried

FAILED = 1
WRONG_USE = 2
PORT = click.IntRange(1, 65535)


def read_config() -> Config:
    config = commentsvc_config.from_environment(os.environ)
    start_checks.check_places(config)
    return config


P = ParamSpec("P")
R = TypeVar("R")


def in_app(command: Callable[P, R]) -> Callable[P, R]:
    """Run a command with the database at hand."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with create_app(read_config()).app_context(), time_limits.within(time_limits.COMMAND):
            try:
                return retried(command)(*args, **kwargs)
            finally:
                db.session.remove()
                db.engine.dispose()  # the last connection that is closed takes SQLite's -wal file with it

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="commentsvc")
def commands() -> None:
    """Moderated, self-hosted comments for any page."""
    log_lines.begin("text")


class ProgressLine:
    """Shows on standard error what is done, the rate and the time left; only to people, and not too often."""

    EVERY_S = 0.2

    def __init__(self) -> None:
        self._what, self._began_at, self._shown_at = "", 0.0, 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self._what:
            self._what, self._began_at, self._shown_at = what, now, 0.0
        if now - self._shown_at < self.EVERY_S and done != total:
            return
        self._shown_at = now
        rate = done / max(now - self._began_at, 0.001)
        of_total, left = "", ""
        if total:
            of_total = f" of {total:,} ({done * 100 // total} %)"
            left = f", {max(0, round((total - done) / max(rate, 0.001)))} s left"
        progress(f"{done:,}{of_total} {what}, {rate:,.0f} a second{left}")


def progress(sentence: str) -> None:
    """Progress goes to standard error, and only to people."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{sentence}", nl=False, err=True)
