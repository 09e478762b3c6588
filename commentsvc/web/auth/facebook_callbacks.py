"""Facebook's callbacks for apps: deauthorization of a user, and deletion of the user's data."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template, request, url_for
from werkzeug.exceptions import BadRequest

from commentsvc.core import routes, tokens
from commentsvc.core.errors import NotFound
from commentsvc.core.phrases import phrase
from commentsvc.services import accounts as accounts_service
from commentsvc.store import identities
from commentsvc.web.http.app_setup import csrf, now, settings

NAME = "facebook"
CODE = "deletion of what facebook gave"
CODE_LIFE_S = 10 * 365 * 24 * 3600
pages = Blueprint("facebook_calls", __name__)
csrf.exempt(pages)  # Facebook signs its requests


@pages.post(routes.FACEBOOK_DEAUTHORIZE)
def deauthorize() -> Response:
    accounts_service.cut_off(NAME, _user(), now())
    return make_response("", 200)


@pages.post(routes.FACEBOOK_DATA_DELETION)
def delete() -> Response:
    user = _user()
    accounts_service.forget_provider(NAME, user, now(), settings())
    # Sealed, not only signed: the code ends up in addresses and logs, and must not say whose it is.
    code = tokens.sealed(settings().secret_key, CODE, {"user": user})
    url = settings().base_url + url_for("facebook_calls.show_deletion", code=code)
    return jsonify({"url": url, "confirmation_code": code})


@pages.get(routes.FACEBOOK_DELETION)
def show_deletion(code: str) -> str:
    found = tokens.unsealed(settings().secret_key, CODE, code, CODE_LIFE_S)
    if found is None:
        raise NotFound(phrase("There is no such request here. Check the address."))
    # Somebody may sign in again after a deletion; then there is something new to delete.
    is_done = identities.find_identity(NAME, found["user"]) is None
    return render_template("signin/deletion.html", code=code, is_done=is_done)


def _user() -> str:
    if NAME not in settings().providers:
        raise NotFound("Facebook is not set up here.")
    facebook = current_app.extensions["providers"]()[NAME]
    user: str | None = facebook.signed_user(request.form.get("signed_request", ""), now().timestamp())
    if user is None:
        raise BadRequest("signed_request is not signed by Facebook with this app's secret within the last day.")
    return user
