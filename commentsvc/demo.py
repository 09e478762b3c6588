"""The demo: the service on throw-away data, and a small blog on another origin whose pages embed the widget."""

from __future__ import annotations

import email
import json
import logging
import os
import re
import secrets
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default as mail_policy
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import click
from jinja2 import Environment, PackageLoader
from werkzeug.exceptions import NotFound
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from commentsvc import config as settings
from commentsvc import create_app, serving
from commentsvc.config import Config
from commentsvc.core import languages
from commentsvc.core.errors import CommentError
from commentsvc.core.policy import Policy
from commentsvc.services import importing, signing_in
from commentsvc.store import database, people, sites
from commentsvc.store.db import write
from commentsvc.store.people import Role

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CONTENT = Path(__file__).parent / "demo_content"
# In a wheel, and in a checkout.
STAND_INS = (Path(__file__).parent / "_stand_ins.py", Path(__file__).parents[1] / "tests" / "stand_ins.py")
SITE = "blog"
HOST = "127.0.0.1"
# Pages as different as the widget may meet.
HOSTS = ("plain", "dark", "framework")


def run(port: int, blog_port: int) -> None:
    """Serve both until stopped. Raises CommentError when a port is taken."""
    with prepared(port, blog_port) as config:
        serving.run(config, HOST, port, workers=1, with_jobs=True)


@contextmanager
def prepared(port: int, blog_port: int) -> Iterator[Config]:
    """Fill a throw-away database and serve all but the service itself; its settings are in the environment then.

    Raises CommentError when a port is taken.
    """
    for wanted, option in ((port, "--port"), (blog_port, "--blog-port")):
        _check_free(wanted, option)
    with tempfile.TemporaryDirectory(prefix="commentsvc-demo-") as folder:
        base_url, blog_url = f"http://{HOST}:{port}", f"http://{HOST}:{blog_port}"
        os.environ.update(
            {
                f"{settings.PREFIX}SECRET_KEY": secrets.token_urlsafe(32),
                f"{settings.PREFIX}BASE_URL": base_url,
                f"{settings.PREFIX}INSTANCE_DIR": folder,
                f"{settings.PREFIX}DATABASE_URL": f"sqlite:///{folder}/demo.sqlite3",
                f"{settings.PREFIX}MAIL_URL": f"mailbox://{folder}/mail",
                f"{settings.PREFIX}MAIL_FROM": "comments@blog.example",
            }
        )
        zoo = _stand_ins(base_url)
        os.environ.update(zoo.settings())
        config = settings.from_environment(os.environ, dotenv=None)
        link = _fill(config, blog_url)
        blog = Blog(base_url, Path(folder) / "mail")
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        _serve(make_server(HOST, blog_port, blog, threaded=True), "blog")
        click.echo(f"\n  The blog         {blog_url}/")
        click.echo(f"  The dashboard    {base_url}/dashboard")
        click.echo("  Sign in there as Alice, who moderates the blog, with this link; it works once:")
        click.echo(f"                   {base_url}/auth/link/{link}")
        click.echo(f"  Outgoing mail    {blog_url}/mailbox")
        click.echo(f"  Signing in       with stand-ins for Twitter, Facebook and others at {zoo.base_url}\n")
        click.echo("  Nothing leaves this machine, and all of it is gone when you stop it with Ctrl+C.\n")
        yield config


def _stand_ins(base_url: str) -> Any:
    """Stand-ins for the sign-in providers, on a port of their own; the very ones that the tests use."""
    path = next(path for path in STAND_INS if path.exists())
    spec = spec_from_file_location("stand_ins", path)
    assert spec and spec.loader  # a file of ours
    module = sys.modules["stand_ins"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    server = make_server(HOST, 0, lambda environ, start: zoo(environ, start), threaded=True)
    zoo = module.Zoo(f"http://{HOST}:{server.server_port}", base_url)
    _serve(server, "stand-ins")
    return zoo


def _serve(server: BaseWSGIServer, name: str) -> None:
    threading.Thread(target=server.serve_forever, name=name, daemon=True).start()


def _check_free(port: int, option: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise CommentError(f"Port {port} is taken; choose another with {option}.") from None


def _fill(config: Config, blog_url: str) -> str:
    """A blog with imported threads and two moderators; gives the token of Alice's sign-in link."""
    now = datetime.now(UTC)
    database.create_file(config)
    with create_app(config).app_context():
        database.upgrade()
        with write():
            site = sites.add(SITE, "Field Notes", [blog_url], Policy(), now)
            alice = people.make_account("alice@blog.example", "Alice", False, now)
            people.set_role(alice, site, Role.OWNER)
            bob = people.make_account("bob@blog.example", "Bob", False, now)
            people.set_role(bob, site, Role.MODERATOR)
            link = signing_in.printed_link(alice, now)
        for export in sorted(CONTENT.glob("*.wordpress.xml")):
            # The posts stand on this blog now, so that links in the queue lead to them.
            moved = config.instance_dir / export.name
            moved.write_text(re.sub("<link>https?://[^/<]+", f"<link>{blog_url}", export.read_text("utf-8")), "utf-8")
            importing.wordpress(moved, site, False, lambda _sentence: None, now)
    return link


class Blog:
    """A blog as anybody might have one: static pages, each with the two lines that embed its comments."""

    def __init__(self, service_url: str, mail_folder: Path) -> None:
        self._service_url = service_url
        self._mail_folder = mail_folder
        self._posts: list[dict[str, str]] = json.loads((CONTENT / "posts.json").read_text("utf-8"))
        self._templates = Environment(loader=PackageLoader("commentsvc", "demo_content"), autoescape=True)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        try:
            response = self._answer(Request(environ).path)
        except NotFound:
            response = self._page("missing.html", 404)
        return response(environ, start_response)

    def _answer(self, path: str) -> Response:
        if path == "/":
            return self._page("index.html")
        if path == "/blog.css":
            return Response((CONTENT / "blog.css").read_text(), mimetype="text/css")
        if path.rstrip("/") == "/styling":
            return self._page(
                "styling.html", parts=json.loads((CONTENT / "parts.json").read_text()), languages=languages.TAGS
            )
        if path.startswith("/hosts/") and path.removeprefix("/hosts/") in HOSTS:
            return self._page(f"hosts{path.removeprefix('/hosts')}.html", thread=self._posts[3]["path"])
        if path.rstrip("/") == "/mailbox":
            return self._page("mailbox.html", mails=self._mails())
        post = next((p for p in self._posts if unquote(p["path"]) == path), None)
        if post is None:
            raise NotFound
        return self._page("post.html", post=post)

    def _page(self, name: str, status: int = 200, **values: Any) -> Response:
        template = self._templates.get_template(name)
        html = template.render(service=self._service_url, site=SITE, posts=self._posts, **values)
        return Response(html, status=status, mimetype="text/html")

    def _mails(self) -> list[dict[str, str]]:
        """All mails, the newest first."""
        files = sorted(self._mail_folder.glob("*.eml"), key=lambda f: f.stat().st_mtime, reverse=True)
        return [_readable(email.message_from_bytes(f.read_bytes(), policy=mail_policy)) for f in files]


def _readable(mail: EmailMessage) -> dict[str, str]:
    body = mail.get_body(("plain",))
    text = body.get_content() if body else ""
    return {"to": str(mail["To"]), "subject": str(mail["Subject"]), "date": str(mail["Date"]), "text": text}
