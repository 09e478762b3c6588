"""The API that writes comments, and the answers to browsers that ask whether a page may."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, current_app, g, jsonify, make_response, render_template, request

from commentsvc.core import text, tokens
from commentsvc.core.errors import Invalid
from commentsvc.services import appealing, posting, sanctioning
from commentsvc.services.posting import Posted
from commentsvc.store import comments, sites, threads, votes
from commentsvc.web import describing, guard, shapes, wiring
from commentsvc.web.wiring import csrf, now, settings

pages = Blueprint("api", __name__)
csrf.exempt(pages)  # no cookie counts here: who writes proves it in the request itself

IDEMPOTENCY_KEY_MAX = 255
HEADERS_ALLOWED = "Authorization, Content-Type, Idempotency-Key, X-Edit-Token, If-None-Match"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
PREFLIGHT_S = "600"


@pages.post("/api/v1/comments")
def post() -> tuple[Response, int]:
    shape = shapes.parsed(shapes.CommentIn)
    site = guard.site_to_post(shape.site)
    sender = guard.sender(site)
    draft = shapes.draft(shape, site, sender.account)
    secret = settings().secret_key
    form, service = shapes.form(shape), wiring.spam_service()
    posted = posting.post(site, draft, sender, _idempotency_key(), secret, now(), form, service)
    edit_token = None if sender.account else tokens.edit_token(secret, posted.comment.id)
    return jsonify(describing.posted_json(posted, edit_token)), _status_code(posted)


@pages.patch("/api/v1/comments/<int:comment_id>")
def edit(comment_id: int) -> tuple[Response, int]:
    comment, account = guard.own_comment(comment_id)
    source = text.body(shapes.parsed(shapes.EditIn).body, comment.site.policy.body_max)
    posted = posting.edit(comment_id, source, account, now())
    return jsonify(describing.posted_json(posted, None)), 200 if _status_code(posted) == 201 else 202


@pages.delete("/api/v1/comments/<int:comment_id>")
def withdraw(comment_id: int) -> tuple[str, int]:
    guard.own_comment(comment_id)
    posting.withdraw(comment_id, now())
    return "", 204


@pages.post("/api/v1/comments/<int:comment_id>/appeal")
def appeal(comment_id: int) -> tuple[Response, int]:
    _, account = guard.own_comment(comment_id)
    appealing.appeal(comment_id, shapes.parsed(shapes.AppealIn).text, now(), account)
    return jsonify({"appealed": True}), 202


@pages.get("/api/v1/viewer")
def viewer() -> Response:
    site = sites.by_key(request.args.get("site", ""))
    holder = guard.viewer(site)
    key = shapes.thread_key(request.args.get("thread", ""))
    pending = comments.waiting_of(site, key, holder.account)
    thread = threads.find(site, key)
    voted = votes.in_thread(holder.account, thread)
    since = now() - timedelta(seconds=site.policy.edit_window_s)
    own = comments.changeable_of(thread, holder.account, since) if thread else []
    account = holder.account
    told = sanctioning.told_all(site, account.id, account.email or "", guard.client_ip(), now())
    response = jsonify(describing.viewer_json(holder.account, holder.widget_provider, site, pending, own, voted, told))
    response.headers["Access-Control-Allow-Origin"] = "*"  # who asks shows a token; no cookie is looked at
    return response


@pages.post("/api/v1/sanctions/acknowledge")
def acknowledge() -> tuple[str, int]:
    shape = shapes.parsed(shapes.AcknowledgedIn)
    guard.site_to_write(shape.site)
    sanctioning.acknowledge(shape.sanction, shape.token, now())
    return "", 204


@pages.post("/api/v1/preview")
def preview() -> Response:
    shape = shapes.parsed(shapes.PreviewIn)
    site = guard.site_to_write(shape.site)
    html = text.to_html(text.body(shape.body, site.policy.body_max))
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
    if request.method != "OPTIONS" or not request.path.startswith(("/api/v1/", "/embed/v1/")):
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


@pages.after_app_request
def _let_the_page_read_the_answer(response: Response) -> Response:
    """A page that may write reads the answer too, also when it is a refusal."""
    origin = request.headers.get("Origin")
    is_write = request.method in ("POST", "PUT", "PATCH", "DELETE") and request.path.startswith("/api/v1/")
    if origin is None or not is_write:
        return response
    response.headers.add("Vary", "Origin")
    # While the database is away nobody can be recognised; the page then sees a failed request, and keeps the text.
    if response.status_code < 500 and not g.get("refused_origin") and _may_write(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
    return response


def _may_write(origin: str) -> bool:
    config = current_app.extensions["commentsvc"]
    return bool(origin == config.origin) or sites.is_known_origin(origin)
