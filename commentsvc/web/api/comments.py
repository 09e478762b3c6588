"""The API that writes comments, and the answers to browsers that ask whether a page may."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, current_app, g, jsonify, make_response, render_template, request

from commentsvc.core import routes, sanitizer, text_input, tokens
from commentsvc.core.errors import Invalid
from commentsvc.services import appeals, edits, group_commit, sanctions
from commentsvc.services.submissions import Posted, Submission
from commentsvc.store import own_comments, sites, threads, votes
from commentsvc.web.api import schemas, serializers
from commentsvc.web.http import access, app_setup
from commentsvc.web.http.app_setup import csrf, now, settings

pages = Blueprint("api", __name__)
csrf.exempt(pages)  # cookies are ignored here: requests authenticate by a token

IDEMPOTENCY_KEY_MAX = 255
HEADERS_ALLOWED = "Authorization, Content-Type, Idempotency-Key, X-Edit-Token, If-None-Match"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
PREFLIGHT_S = "600"


@pages.post(routes.API_COMMENTS)
def post() -> tuple[Response, int]:
    shape = schemas.parsed(schemas.CommentIn)
    site = access.require_site_for_posts(shape.site)
    sender = access.current_sender(site)
    draft = schemas.draft(shape, site, sender.account)
    secret = settings().secret_key
    form, service = schemas.form(shape), app_setup.spam_service()
    posted = group_commit.post(site, Submission(draft, sender, _idempotency_key(), form), secret, now(), service)
    edit_token = None if sender.account else tokens.edit_token(secret, posted.comment.id)
    return jsonify(serializers.posted_json(posted, edit_token)), _status_code(posted)


@pages.patch(routes.API_COMMENT)
def edit(comment_id: int) -> tuple[Response, int]:
    comment, account = access.require_own_comment(comment_id)
    source = text_input.body(schemas.parsed(schemas.EditIn).body, comment.site.policy.body_max)
    posted = edits.edit(comment_id, source, account, now())
    return jsonify(serializers.posted_json(posted, None)), 200 if _status_code(posted) == 201 else 202


@pages.delete(routes.API_COMMENT)
def withdraw(comment_id: int) -> tuple[str, int]:
    access.require_own_comment(comment_id)
    edits.withdraw(comment_id, now())
    return "", 204


@pages.post(routes.API_COMMENT_APPEAL)
def appeal(comment_id: int) -> tuple[Response, int]:
    _, account = access.require_own_comment(comment_id)
    appeals.appeal(comment_id, schemas.parsed(schemas.AppealIn).text, now(), account)
    return jsonify({"appealed": True}), 202


@pages.get(routes.API_VIEWER)
def viewer() -> Response:
    site = sites.by_key(request.args.get("site", ""))
    holder = access.require_viewer(site)
    key = schemas.page_key(request.args.get("thread", ""), site)
    pending = own_comments.pending_in(site, key, holder.account)
    thread = threads.find(site, key)
    voted = votes.in_thread(holder.account, thread)
    since = now() - timedelta(seconds=site.policy.edit_window_s)
    own = own_comments.editable_ids_in(thread, holder.account, since) if thread else []
    account = holder.account
    told = sanctions.visible_sanctions(site, account.id, account.email or "", access.client_ip(), now())
    response = jsonify(serializers.viewer_json(holder.account, holder.widget_provider, site, pending, own, voted, told))
    response.headers["Access-Control-Allow-Origin"] = "*"  # requests authenticate by a token; cookies are ignored
    return response


@pages.post(routes.API_SANCTION_ACKNOWLEDGE)
def acknowledge() -> tuple[str, int]:
    shape = schemas.parsed(schemas.AcknowledgedIn)
    access.require_site_for_writes(shape.site)
    sanctions.acknowledge(shape.sanction, shape.token, now())
    return "", 204


@pages.post(routes.API_PREVIEW)
def preview() -> Response:
    shape = schemas.parsed(schemas.PreviewIn)
    site = access.require_site_for_writes(shape.site)
    html = sanitizer.to_html(text_input.body(shape.body, site.policy.body_max))
    # The widget asks for HTML: browsers parse that into an inert document on pages where they parse no string.
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        return make_response(render_template("preview.html", draft={"html": html}))
    return jsonify({"html": html})


def _status_code(posted: Posted) -> int:
    return 201 if posted.reason is None else 202


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not key or len(key) > IDEMPOTENCY_KEY_MAX or not key.isascii() or not key.isprintable():
        message = f"An Idempotency-Key has 1 to {IDEMPOTENCY_KEY_MAX} printable characters, such as a UUID."
        raise Invalid("Idempotency-Key", message)
    return key


@pages.before_app_request
def _preflight() -> Response | None:
    """Answer a browser that asks first: reads are for any origin, writes for those of a site."""
    if request.method != "OPTIONS" or not request.path.startswith((f"{routes.API}/", f"{routes.EMBED}/")):
        return None
    origin = request.headers.get("Origin", "")
    wants_to_read = request.headers.get("Access-Control-Request-Method", "GET") in ("GET", "HEAD")
    response = make_response("", 204)
    response.headers["Vary"] = "Origin, Access-Control-Request-Method"
    if wants_to_read or _may_write(origin):
        response.headers["Access-Control-Allow-Origin"] = "*" if wants_to_read else origin
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = HEADERS_ALLOWED
        response.headers["Access-Control-Max-Age"] = PREFLIGHT_S
    return response


@pages.before_app_request
def _look_who_may_read_the_answer() -> None:
    """Before anything is written: an answer to what was saved must not fail because the database has died since."""
    origin = request.headers.get("Origin")
    is_write = request.method in ("POST", "PUT", "PATCH", "DELETE") and request.path.startswith(f"{routes.API}/")
    if origin is not None and is_write:
        g.writing_origin = origin if _may_write(origin) else ""


@pages.after_app_request
def _let_the_page_read_the_answer(response: Response) -> Response:
    """A page that may write reads the answer too, also when it is a refusal."""
    if "writing_origin" not in g:
        return response
    response.headers.add("Vary", "Origin")
    # While the database is away nobody can be recognised; the page then sees a failed request, and keeps the text.
    if response.status_code < 500 and not g.get("refused_origin") and g.writing_origin:
        response.headers["Access-Control-Allow-Origin"] = g.writing_origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
    return response


def _may_write(origin: str) -> bool:
    config = current_app.extensions["commentsvc"]
    return bool(origin == config.origin) or sites.is_known_origin(origin)
