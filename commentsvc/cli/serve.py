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
from commentsvc.config_values import PREFIX
from commentsvc.gateways import log_lines
from commentsvc.store import engine, migrations
from commentsvc.store.db import db

log = logging.getLogger(__name__)


@commands.command()
@click.option("--port", default=8000, show_default=True, type=PORT, help="Port of the service.")
@click.option(
    "--blog-port", default=8001, show_default=True, type=PORT, help="Port of the demo blog (a second origin)."
)
def demo(port: int, blog_port: int) -> None:
    """Run a demo: a small blog with comments, on temporary data."""
    from commentsvc.demo import run as show

    show.run(port, blog_port)


@commands.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=PORT)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Number of processes; use 1 with SQLite.",
)
@click.option("--no-worker", is_flag=True, help="Do not run background jobs; run `commentsvc worker` for them.")
def serve(host: str, port: int, workers: int, no_worker: bool) -> None:
    """Run the production server."""
    from commentsvc import server

    os.environ.setdefault(f"{PREFIX}BASE_URL", commentsvc_config.from_dotenv("BASE_URL") or f"http://127.0.0.1:{port}")
    config = read_config()
    log_lines.begin(config.log_format)
    server.run(config, host, port, workers, with_jobs=not no_worker)


@commands.command()
def worker() -> None:
    """Run background jobs (email, …) until stopped."""
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
    """Manage the database schema."""


@db_commands.command("upgrade")
def db_upgrade() -> None:
    """Create or update the database schema. Creates the SQLite file if there is none."""
    config = read_config()
    start_checks.make_database_file(config)
    with create_app(config).app_context():
        migrations.upgrade()
        db.engine.dispose()
    click.echo("The database is up to date.")
