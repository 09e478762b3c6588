"""Says for each request how long the database may take to answer it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from commentsvc.core import routes
from commentsvc.store.time_limits import LONG_REQUEST, REQUEST, within

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Here people ask for much at once: queues, searches, figures, exports, hundreds of decisions.
LONG = (routes.DASHBOARD, routes.ACCOUNT, routes.API_MODERATION)


def init_app(app: Flask) -> None:
    inner: WSGIApplication = app.wsgi_app

    def limited(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        limit = LONG_REQUEST if environ.get("PATH_INFO", "").startswith(LONG) else REQUEST
        with within(limit):
            return inner(environ, start_response)

    app.wsgi_app = limited  # type: ignore[method-assign]  # how Flask's own documentation puts middleware around an app
