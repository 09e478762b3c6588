"""What Facebook asks of every app: it may cut a user off, and have what it gave us of them deleted."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template, request, url_for
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.exceptions import BadRequest

from commentsvc.core.errors import NotFound
from commentsvc.core.phrases import phrase
from commentsvc.services import accounts
from commentsvc.store import people
from commentsvc.web.wiring import csrf, now, settings

NAME = "facebook"
pages = Blueprint("facebook_calls", __name__, url_prefix="/auth/facebook")
csrf.exempt(pages)  # Facebook signs what it posts


@pages.post("/deauthorize")
def deauthorize() -> Response:
    accounts.cut_off(NAME, _user(), now())
    return make_response("", 200)


@pages.post("/data-deletion")
def delete() -> Response:
    user = _user()
    accounts.forget_provider(NAME, user, now())
    code = _codes().dumps(user)
    url = settings().base_url + url_for("facebook_calls.show_deletion", code=code)
    return jsonify({"url": url, "confirmation_code": code})


@pages.get("/deletion/<code>")
def show_deletion(code: str) -> str:
    try:
        user = _codes().loads(code)
    except BadSignature:
        raise NotFound(phrase("There is no such request here. Look at the address again.")) from None
    # Somebody may sign in again after a deletion; then there is something new to delete.
    is_done = people.find_identity(NAME, user) is None
    return render_template("signin/deletion.html", code=code, is_done=is_done)


def _user() -> str:
    if NAME not in settings().providers:
        raise NotFound("Facebook is not set up here.")
    user: str | None = current_app.extensions["providers"]()[NAME].signed_user(request.form.get("signed_request", ""))
    if user is None:
        raise BadRequest("signed_request is not signed by Facebook with this app's secret.")
    return user


def _codes() -> URLSafeSerializer:
    return URLSafeSerializer(settings().secret_key, salt="facebook deletion")
