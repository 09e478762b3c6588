"""The one table from what went wrong to a status; problem+json (RFC 9457) for programs, a page for people."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, flash, jsonify, make_response, redirect, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError
from werkzeug.exceptions import HTTPException

from commentsvc.core import links, routes
from commentsvc.core.errors import (
    Challenged,
    CommentError,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    NotFresh,
    NotProved,
    NotSignedIn,
    Nudged,
    Overlap,
    Sanctioned,
    TooMany,
)
from commentsvc.core.phrases import marked
from commentsvc.store.db_errors import first_line, is_away, is_lost_race, is_unknown
from commentsvc.store.transactions import end_failed_transaction, lost_race
from commentsvc.web.http.app_setup import LARGE_FORMS, RULES_MAX_BYTES, settings
from commentsvc.web.http.i18n import gettext, tell, tell_error
from commentsvc.web.http.safe_redirect import local_path

log = logging.getLogger(__name__)

STATUS: dict[type[CommentError], tuple[int, str]] = {
    NotFound: (404, marked("Not found")),
    NotSignedIn: (401, marked("Not signed in")),
    NotProved: (401, marked("Not signed in")),
    NotFresh: (401, marked("Not signed in")),
    NotAllowed: (403, marked("Not allowed")),
    Invalid: (422, marked("Please check your input")),
    Conflict: (409, marked("This can't be done now")),
    Overlap: (409, marked("This can't be done now")),
    TooMany: (429, marked("Too many requests")),
    Challenged: (428, marked("Your browser must pass a short check")),
    Nudged: (409, marked("This comment would be held for review")),
    Sanctioned: (403, marked("Not allowed")),
}
AWAY_RETRY_S = 5
FOR_PROGRAMS = (routes.API_OF_ANY_VERSION, routes.WIDGET_FILES)


def init_app(app: Flask) -> None:
    app.register_error_handler(CommentError, _known)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(PoolTimeout, _database)
    app.register_error_handler(ObjectDeletedError, _database)
    app.register_error_handler(StaleDataError, _database)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http)
    app.log_exception = _log_exception  # type: ignore[method-assign]  # Flask's own writes the path, which may be a secret


def _log_exception(exc_info: Any) -> None:
    route = request.url_rule.rule if request.url_rule else "none"
    log.error("a request failed: %s %s", request.method, route, exc_info=exc_info)


def _known(error: CommentError) -> Response:
    if isinstance(error, NotProved | NotFresh) and not _for_programs():
        return _to_prove(error)
    status, title = STATUS[type(error)]
    if isinstance(error, NotSignedIn) and not _for_programs() and request.method in ("GET", "HEAD"):
        return make_response(redirect(routes.fill(routes.SIGN_IN, next=request.full_path.rstrip("?"))))
    problems = [(field, tell(reason)) for field, reason in error.problems] if isinstance(error, Invalid) else []
    response = problem(status, gettext(title), tell_error(error), error.slug, problems, error.more)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after_s)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _to_prove(error: NotProved | NotFresh) -> Response:
    """Redirect to the missing proof of identity; the person submits the form again afterwards."""
    is_page = request.method in ("GET", "HEAD")
    goal = request.full_path.rstrip("?") if is_page else _page_before()
    if isinstance(error, NotProved) and not error.has_factor:
        flash(str(error), "refused")
        return make_response(redirect(routes.SECURITY, 303))
    place = routes.SIGN_IN_AGAIN if isinstance(error, NotFresh) else routes.SECOND_FACTOR
    return make_response(redirect(routes.fill(place, next=goal), 303))


def _page_before() -> str:
    """The page of the submitted form, from the Referer header."""
    parts = links.parts_of(request.referrer or "")
    return local_path(parts.path if parts else "", routes.DASHBOARD)


def _database(error: Exception) -> Response:
    end_failed_transaction()
    if is_lost_race(error):
        log.warning("a race was lost outside of a verb: %s", first_line(error))
        return _known(lost_race())
    if isinstance(error, DBAPIError) and not is_away(error):
        # The message of the database may quote a commenter's words: only where it happened is written down.
        at = "".join(traceback.format_tb(error.__traceback__))
        log.error("the database refused a query: %s\n%s", first_line(error), at)
        return _of_ours(500)
    log.info("a request was refused: %s", first_line(error))  # store/availability.py logs the cause once
    detail = gettext("Comments can't be saved at the moment. Please keep your text and try again in a few seconds.")
    if isinstance(error, DBAPIError) and is_unknown(error):
        detail = gettext(
            "We can't tell whether this was saved. Please keep your text and send it again in a few seconds; "
            "it will not be posted twice."
        )
    response = problem(503, gettext("Back in a moment"), detail, "away")
    response.headers["Retry-After"] = str(AWAY_RETRY_S)
    return response


def _stale_form(error: CSRFError) -> Response:
    detail = gettext(
        "This form has expired. Go back, reload the page and try again. "
        "If it keeps happening, allow cookies for this site."
    )
    return problem(400, gettext("Please reload the page"), detail, "stale-form")


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if status == 413:
        if request.endpoint in LARGE_FORMS:
            mend = "Compress it with gzip or zip, or use the command line: commentsvc import."
            detail = f"The file or list is larger than {RULES_MAX_BYTES // 2**20} MB. {mend}"
        else:
            detail = gettext("This comment is too long. Please shorten it.")
        return problem(413, gettext("Too large"), detail, "too-large")
    if status < 400:  # a redirect that werkzeug raises
        return make_response(error.get_response())
    if status >= 500:
        return _of_ours(status)
    slug = error.name.lower().replace(" ", "-")
    if status == 404:
        return problem(404, gettext("Not found"), gettext("There is no page at this address."), slug)
    text = "This address does not take this method." if status == 405 else error.description or ""
    response = problem(status, error.name, text, slug)
    if status == 405 and error.get_response().headers.get("Allow"):
        response.headers["Allow"] = error.get_response().headers["Allow"]
    return response


def _of_ours(status: int) -> Response:
    detail = gettext("Something went wrong on our side. We've logged it.")
    return problem(status, gettext("Something went wrong"), detail, "internal")


def problem(
    status: int,
    title: str,
    detail: str,
    slug: str,
    problems: list[tuple[str, str]] | None = None,
    more: Mapping[str, object] | None = None,
) -> Response:
    """The response, as problem+json for programs and as a page for people; the texts are translated already."""
    if not _for_programs():
        return make_response(render_template("error.html", title=title, detail=detail, status=status), status)
    document: dict[str, object] = {
        **(more or {}),
        "type": settings().base_url + routes.problem(slug),
        "title": title,
        "status": status,
        "detail": detail,
    }
    if problems:
        document["errors"] = [{"field": field, "message": message} for field, message in problems]
    response = jsonify(document)
    response.status_code = status
    response.mimetype = "application/problem+json"
    return response


def _for_programs() -> bool:
    return request.path.startswith(FOR_PROGRAMS)
