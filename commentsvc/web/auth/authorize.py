"""Signing in from a blog: asks who you are, always names the blog, and hands its widget a one-time code."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from flask import (
    Blueprint,
    Response,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user, logout_user
from werkzeug.wrappers import Response as BaseResponse

from commentsvc.core import routes, text_input
from commentsvc.core.errors import Invalid, NotAllowed
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import NAME_MAX
from commentsvc.services import names, sign_in
from commentsvc.services import widget_tokens as widget_tokens_service
from commentsvc.store import widget_tokens as stored_widget_tokens
from commentsvc.store.sites import Site
from commentsvc.web.api.schemas import YOUR_NAME
from commentsvc.web.auth.oauth_server import find_client, origin_of, server
from commentsvc.web.auth.sign_in import JUST_SIGNED_IN, NAMED, unhurried
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import csrf, now, settings
from commentsvc.web.http.i18n import speak_for, tell_error

pages = Blueprint("authorize", __name__)

MODES = ("web_message", "fragment")


@pages.get(routes.AUTHORIZE)
def ask() -> BaseResponse:
    grant, site, mode = _checked()
    goal = request.full_path
    is_fresh = session.pop(JUST_SIGNED_IN, None) == goal
    is_named = session.get(NAMED) == goal
    if not current_user.is_authenticated:
        straight_to = request.args.get("provider", "")
        if straight_to in settings().providers and "prompt" not in request.args:
            return redirect(url_for("federation.login", provider=straight_to, next=goal))
        return _choose(site, goal)
    was_here = stored_widget_tokens.has_signed_in(current_user.account, site)
    # An address contains no name, so people who sign in by mail for the first time are asked for one.
    is_named_well = names.is_allowed(site, current_user.account, current_user.account.name)
    if is_fresh and is_named_well and (was_here or (is_named and current_user.session.provider != sign_in.EMAIL)):
        return _hand_over(grant, mode)
    return _confirm(site, goal)


@pages.post(routes.AUTHORIZE)
def answer() -> BaseResponse:
    grant, site, mode = _checked()
    if request.form.get("act") == "cancel":
        return _deliver(mode, {"error": "access_denied", "state": request.args["state"]})
    if not current_user.is_authenticated:
        return _choose(site, request.full_path)
    if request.form.get("act") == "other":
        sign_in.sign_out(current_user.token, now())
        logout_user()
        session.clear()
        return redirect(unhurried(request.full_path), 303)
    try:
        name = text_input.line(request.form.get("name", ""), "name", YOUR_NAME, NAME_MAX, required=True)
        if not names.is_allowed(site, current_user.account, name):
            raise Invalid("name", names.LOOKS_LIKE_STAFF)
    except Invalid as error:
        return _confirm(site, request.full_path, tell_error(error), 422)
    sign_in.rename(current_user.account, name, now())
    return _hand_over(grant, mode)


@pages.post(routes.TOKEN)
def token() -> Response:
    """Trade a code and its verifier, or a refresh token, for tokens; for pages of the site alone."""
    _check_origin(request.form.get("client_id", ""))
    response: Response = widget_tokens_service.in_one_transaction(server.create_token_response)
    return response


@pages.post(routes.REVOKE)
def revoke() -> Response:
    site = _check_origin(request.form.get("client_id", ""))
    widget_tokens_service.revoke(request.form.get("token", ""), site, now())
    return jsonify({})


# Cookies are ignored: the request contains the code or the token itself.
csrf.exempt(token)
csrf.exempt(revoke)


def _check_origin(site_key: str) -> Site:
    site = access.require_site_for_writes(site_key)
    g.token_origin = request.headers.get("Origin")
    return site


@pages.after_request
def _safe(response: Response) -> Response:
    """Codes and tokens are in no cache, no referrer and no frame; a page of the site may read its answer."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    if g.get("token_origin"):
        response.headers["Access-Control-Allow-Origin"] = g.token_origin
        response.headers.add("Vary", "Origin")
    return response


def _checked() -> tuple[Any, Site, str]:
    """The checked authorization request; raises NotAllowed with a page, and never redirects."""
    client = find_client(request.args.get("client_id", ""))
    if client is None or not client.check_redirect_uri(request.args.get("redirect_uri", "")):
        raise _untrusted("its address is not one of the blog's.")
    speak_for(client.site)
    try:
        grant = server.get_consent_grant(end_user=None)
    except OAuth2Error as error:
        raise _untrusted(str(error.get_error_description())) from None
    mode = request.args.get("response_mode", "fragment")
    if mode not in MODES:
        raise NotAllowed(f"response_mode is one of {', '.join(MODES)}.")
    g.form_leads_to = origin_of(request.args["redirect_uri"])
    return grant, client.site, mode


def _untrusted(cause: str) -> NotAllowed:
    """`cause` is for the blog's owner, who has to fix it."""
    sentence = phrase(
        "This sign-in window was not opened correctly. Close it and try again from the blog; "
        "if it happens again, tell the blog's owner: %(cause)s",
        cause=cause,
    )
    return NotAllowed(sentence)


def _choose(site: Site, goal: str, problem: str = "", status: int = 200) -> Response:
    session[NAMED] = goal
    by_mail = request.args.get("provider") == sign_in.EMAIL
    page = render_template("authorize/choose.html", blog=site, goal=goal, problem=problem, by_mail=by_mail)
    return make_response(page, status)


def _confirm(site: Site, goal: str, problem: str = "", status: int = 200) -> Response:
    page = render_template(
        "authorize/confirm.html",
        blog=site,
        goal=goal,
        name=current_user.account.name,
        address=current_user.account.email,
        problem=problem,
    )
    return make_response(page, status)


def _hand_over(grant: Any, mode: str) -> BaseResponse:
    def new_code() -> dict[str, str]:
        _, answer, _ = grant.create_authorization_response(
            request.args["redirect_uri"], (current_user.account, current_user.session.provider)
        )
        made: dict[str, str] = answer
        return made

    return _deliver(mode, widget_tokens_service.in_one_transaction(new_code))


def _deliver(mode: str, answer: dict[str, str]) -> BaseResponse:
    """Give the answer to the widget: in the fragment, which no server sees, or by a message to exactly its origin.

    `iss` says who answers (RFC 9207), so that a widget that talks to two services cannot mix them up.
    """
    redirect_uri = request.args["redirect_uri"]
    answer = {**answer, "iss": settings().base_url}
    target = f"{redirect_uri}#{urlencode({'commentsvc': '1', **answer})}"
    if mode == "fragment":
        return redirect(target, 303)
    page = render_template("authorize/hand_over.html", answer=answer, origin=origin_of(redirect_uri), target=target)
    return make_response(page)
