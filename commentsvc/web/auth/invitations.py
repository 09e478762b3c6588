"""The pages of the link in an invitation: joining the team of a site."""

from __future__ import annotations

from flask import Blueprint, make_response, render_template, url_for
from werkzeug.wrappers import Response

from commentsvc.core import routes, tokens
from commentsvc.core.errors import NotFound
from commentsvc.services import members
from commentsvc.store import invitations
from commentsvc.web.auth.sign_in import is_agreed, replaced_by, welcome
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import now
from commentsvc.web.http.refusals import refused_link

pages = Blueprint("invitations", __name__)


@pages.get(routes.INVITATION)
def ask(token: str) -> Response:
    """Only asks: mail scanners follow links."""
    try:
        return _page(token, 200)
    except NotFound as error:
        return refused_link(error)


@pages.post(routes.INVITATION)
def accept(token: str) -> Response:
    try:
        if not is_agreed(replaced_by(invitations.by_token(tokens.digest(token), now()).email)):
            return _page(token, 409)
        session_token = members.accept(token, access.current_browser(), now())
    except NotFound as error:
        return refused_link(error)
    return welcome(session_token, url_for("queue.sites"))


def _page(token: str, status: int) -> Response:
    found = invitations.by_token(tokens.digest(token), now())
    names = {"invitation": found, "token": token, "replaced": replaced_by(found.email)}
    return make_response(render_template("signin/join.html", **names), status)
