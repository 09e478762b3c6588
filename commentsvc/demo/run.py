"""The demo: the service on throw-away data, and a small blog on another origin whose pages embed the widget."""

from __future__ import annotations

import logging
import os
import re
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from werkzeug.serving import BaseWSGIServer, make_server

from commentsvc import config as settings
from commentsvc import create_app
from commentsvc import server as server_process
from commentsvc.config import Config
from commentsvc.config_values import PREFIX
from commentsvc.core import routes
from commentsvc.core.errors import CommentError
from commentsvc.core.policy import Policy
from commentsvc.demo.blog import CONTENT, SITE, Blog
from commentsvc.demo.providers import ProviderStandIns
from commentsvc.services import imports, sign_in
from commentsvc.services.imports import ImportOptions
from commentsvc.store import accounts, engine, memberships, migrations, sites
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write

HOST = "127.0.0.1"


def run(port: int, blog_port: int) -> None:
    """Serve both until stopped. Raises CommentError when a port is taken."""
    with prepared(port, blog_port) as config:
        server_process.run(config, HOST, port, workers=1, with_jobs=True)


@contextmanager
def prepared(port: int, blog_port: int) -> Iterator[Config]:
    """Fill a throw-away database and serve all but the service itself; its settings are then in the environment.

    Raises CommentError when a port is taken.
    """
    for wanted, option in ((port, "--port"), (blog_port, "--blog-port")):
        _check_free(wanted, option)
    with tempfile.TemporaryDirectory(prefix="commentsvc-demo-") as folder:
        base_url, blog_url = f"http://{HOST}:{port}", f"http://{HOST}:{blog_port}"
        os.environ.update(
            {
                f"{PREFIX}SECRET_KEY": secrets.token_urlsafe(32),
                f"{PREFIX}BASE_URL": base_url,
                f"{PREFIX}INSTANCE_DIR": folder,
                f"{PREFIX}DATABASE_URL": f"sqlite:///{folder}/demo.sqlite3",
                f"{PREFIX}MAIL_URL": f"mailbox://{folder}/mail",
                f"{PREFIX}MAIL_FROM": "comments@blog.example",
                f"{PREFIX}OUTBOUND_ALLOW": HOST,  # titles of pages are read from the blog on this machine
            }
        )
        stand_ins = _stand_ins(base_url)
        os.environ.update(stand_ins.settings())
        config = settings.from_environment(os.environ, dotenv=None)
        link = _fill(config, blog_url)
        blog = Blog(base_url, Path(folder) / "mail")
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        _serve(make_server(HOST, blog_port, blog, threaded=True), "blog")
        click.echo(f"\n  Blog:         {blog_url}/")
        click.echo(f"  Dashboard:    {base_url}{routes.DASHBOARD}")
        click.echo("  Sign in to the dashboard as Alice, the owner, with this link (works once):")
        click.echo(f"                {base_url}{routes.fill(routes.SIGN_IN_LINK, token=link)}")
        click.echo(f"  Mailbox:      {blog_url}/mailbox")
        click.echo(f"  Sign-in:      test providers in place of Twitter, Facebook and others at {stand_ins.base_url}\n")
        click.echo("  Nothing leaves this machine. Press Ctrl+C to stop; all data is then deleted.\n")
        yield config


def _stand_ins(base_url: str) -> ProviderStandIns:
    """Start the stand-ins of the sign-in providers on a free port; the tests use the same ones."""
    server = make_server(HOST, 0, lambda environ, start: stand_ins(environ, start), threaded=True)
    stand_ins = ProviderStandIns(f"http://{HOST}:{server.server_port}", base_url)
    _serve(server, "stand-ins")
    return stand_ins


def _serve(server: BaseWSGIServer, name: str) -> None:
    threading.Thread(target=server.serve_forever, name=name, daemon=True).start()


def _check_free(port: int, option: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise CommentError(f"Port {port} is already in use; choose another with {option}.") from None


def _no_progress(_what: str, _done: int, _total: int) -> None:
    pass


def _fill(config: Config, blog_url: str) -> str:
    """A blog with imported threads and two moderators; gives the token of Alice's sign-in link."""
    now = datetime.now(UTC)
    engine.create_file(config)
    with create_app(config).app_context():
        migrations.upgrade()
        with write():
            site = sites.add(SITE, "Field Notes", [blog_url], Policy(), now)
            alice = accounts.make_account("alice@blog.example", "Alice", False, now)
            memberships.set_role(alice, site, Role.OWNER)
            bob = accounts.make_account("bob@blog.example", "Bob", False, now)
            memberships.set_role(bob, site, Role.MODERATOR)
            link = sign_in.printed_link(alice, now)
        for export in sorted(CONTENT.glob("*.wordpress.xml")):
            # The posts stand on this blog now, so that links in the queue lead to them.
            moved = config.instance_dir / export.name
            moved.write_text(re.sub("<link>https?://[^/<]+", f"<link>{blog_url}", export.read_text("utf-8")), "utf-8")
            imports.run("wordpress", moved, site, ImportOptions(), _no_progress, ActorKind.SYSTEM, now)
    return link
