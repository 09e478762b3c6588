"""The demo's blog: static pages on another origin that embed the widget, and the page of outgoing mail."""

from __future__ import annotations

import email
import json
from email.message import EmailMessage
from email.policy import default as mail_policy
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from jinja2 import Environment, PackageLoader
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request, Response

from commentsvc.core import languages

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


SITE = "blog"
CONTENT = Path(__file__).parent / "content"
# Pages as different as the widget may meet.
HOSTS = ("plain", "dark", "framework", "isolated")


class Blog:
    """The demo blog: static pages, each with the two lines that embed its comments."""

    def __init__(self, service_url: str, mail_folder: Path) -> None:
        self._service_url = service_url
        self._mail_folder = mail_folder
        self._posts: list[dict[str, str]] = json.loads((CONTENT / "posts.json").read_text("utf-8"))
        self._templates = Environment(loader=PackageLoader("commentsvc.demo", "content"), autoescape=True)

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
            response = self._page(f"hosts{path.removeprefix('/hosts')}.html", thread=self._posts[3]["path"])
            if path == "/hosts/isolated":
                response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
            return response
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
