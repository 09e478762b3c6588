"""The commands that start something: the demo, the server and the worker; and the schema of the database."""

from __future__ import annotations

import logging
import os
import signal
import threading

import click

from commentsvc import config as commentsvc_config
from commentsvc import create_app, start_checks
from commentsvc.cli.base import PORT, commands, read_config
from commentsvc.gateways import log_lines
from commentsvc.store import engine, migrations
from commentsvc.store.db import db

log = logging.getLogger(__name__)


@commands.command()
@click.option("--port", default=8000, show_default=True, type=PORT, help="Where the service listens.")
@click.option(
    "--blog-port", default=8001, show_default=True, type=PORT, help="Where the demo blog listens: another origin."
)
def demo(port: int, blog_port: int) -> None:
    """Try it: a small blog with comments, on throw-away data."""
    from commentsvc.demo import run as show

    show.run(port, blog_port)


@commands.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=PORT)
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes; one is best with SQLite."
)
@click.option("--no-worker", is_flag=True, help="Leave background jobs to `commentsvc worker`.")
def serve(host: str, port: int, workers: int, no_worker: bool) -> None:
    """The production server."""
    from commentsvc import server

    os.environ.setdefault(
        f"{commentsvc_config.PREFIX}BASE_URL", commentsvc_config.from_dotenv("BASE_URL") or f"http://127.0.0.1:{port}"
    )
    config = read_config()
    log_lines.begin(config.log_format)
    server.run(config, host, port, workers, with_jobs=not no_worker)


@commands.command()
def worker() -> None:
    """Do background jobs (mail, …) until stopped."""
    from commentsvc import worker as loop

    config = read_config()
    log_lines.begin(config.log_format)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    migrations.check_before_serving(config)
    app = create_app(config)
    log.info("doing jobs of the database %s", engine.name_of(config))
    loop.run(app, config, stop)
    with app.app_context():
        db.engine.dispose()
    engine.merge_wal(config)


@commands.group("db")
def db_commands() -> None:
    """The database's schema."""


@db_commands.command("upgrade")
def db_upgrade() -> None:
    """Bring the schema up to date; makes the SQLite file when there is none."""
    config = read_config()
    start_checks.make_database_file(config)
    with create_app(config).app_context():
        migrations.upgrade()
        db.engine.dispose()
    click.echo("The database is up to date.")
