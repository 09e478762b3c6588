"""Where the links in mails lead: a page that asks first, then the act. The link itself is the proof."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request

from commentsvc.core import text
from commentsvc.core.errors import Conflict, Invalid, NotFound
from commentsvc.core.status import TARGET
from commentsvc.services import noticing
from commentsvc.store.db import db
from commentsvc.web.dashboard import cards
from commentsvc.web.wiring import csrf, now, settings

pages = Blueprint("mail_links", __name__, url_prefix="/m")
csrf.exempt(pages)  # no cookie counts here, and nobody can make another's browser know the link

PARENT_MAX = 600


@pages.get("/<token>")
def ask(token: str) -> Response:
    """Only asks: mail scanners and previews follow links."""
    try:
        return _ask_page(token)
    except NotFound as error:
        return _gone(str(error))


@pages.post("/<token>")
def act(token: str) -> Response:
    try:
        noticing.act(token, settings().secret_key, request.form.get("reply", ""), now())
    except NotFound as error:
        db.session.rollback()
        return _gone(str(error))
    except (Conflict, Invalid) as error:
        db.session.rollback()
        return _ask_page(token, str(error), 409 if isinstance(error, Conflict) else 422)
    _, action = noticing.notice_of(token, settings().secret_key, now())
    said = f"The comment is {cards.DONE[action]}."
    return make_response(render_template("notice/done.html", said=said, token=token, can_undo=True))


@pages.post("/<token>/undo")
def undo(token: str) -> Response:
    try:
        noticing.undo(token, settings().secret_key, now())
    except (Conflict, NotFound) as error:
        db.session.rollback()
        return _gone(str(error))
    return make_response(render_template("notice/done.html", said="Undone: the comment is as before.", can_undo=False))


@pages.get("/stop/<token>")
def ask_to_stop(token: str) -> Response:
    return make_response(render_template("notice/stop.html", token=token))


@pages.post("/stop/<token>")
def stop(token: str) -> Response:
    """By the page's button, or by a mail program's own (RFC 8058)."""
    try:
        said = noticing.stop(token, settings().secret_key)
    except NotFound as error:
        return _gone(str(error))
    return make_response(render_template("notice/done.html", said=said, can_undo=False))


def _ask_page(token: str, problem: str = "", status: int = 200) -> Response:
    notice, action = noticing.notice_of(token, settings().secret_key, now())
    comment = notice.comment
    parent = text.plain(comment.parent.html, PARENT_MAX) if comment.parent else ""
    names = {"comment": comment, "parent_words": parent, "action": action, "target": TARGET[action]}
    labels = {"label": cards.LABEL[action], "token": token, "problem": problem, "used": notice.used_at is not None}
    return make_response(render_template("notice/ask.html", **names, **labels), status)


def _gone(sentence: str) -> Response:
    return make_response(render_template("notice/gone.html", sentence=sentence), 404)
