"""Shows refusals (CommentError) to people: on the requested page, on the next page, or in a script.

web/http/errors.py answers for every refusal that no view catches, with the same statuses and headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response, flash, jsonify, make_response, render_template
from werkzeug.wrappers import Response as BaseResponse

from commentsvc.core.errors import CommentError, NotSignedIn, TooMany
from commentsvc.web.http.errors import STATUS
from commentsvc.web.http.i18n import tell_error


def refused(error: CommentError, page: str | BaseResponse) -> Response:
    """A page that shows the refusal, with the refusal's status and `Retry-After`."""
    response = make_response(page)
    response.status_code = STATUS[type(error)][0]
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def refused_script(error: CommentError) -> Response:
    """A refusal for the service's own scripts: JSON with the sentence to show."""
    return refused(error, jsonify({"refused": tell_error(error), "slug": error.slug}))


def refused_link(error: CommentError, is_desk: bool = True) -> Response:
    """The page of a link in a mail that is used up, forged or too old; `is_desk`: it was in a moderator's mail."""
    return refused(error, render_template("notice/gone.html", sentence=tell_error(error), is_desk=is_desk))


def say(sentence: str, undo: str = "") -> None:
    """Show a sentence on the next page; `undo` is the batch of decisions that a button beside it undoes."""
    flash(sentence, undo or "done")


def refuse(error: CommentError) -> None:
    """Show a refusal on the next page."""
    flash(tell_error(error), "refused")


@contextmanager
def attempt(done: str = "") -> Iterator[None]:
    """Around the action of a form: the next page shows `done`, or why the action was refused."""
    try:
        yield
    except NotSignedIn:
        raise
    except CommentError as error:
        refuse(error)
    else:
        if done:
            say(done)
