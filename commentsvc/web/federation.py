"""Signing in with another service: to the provider and back in one browser, or to a page that says what went wrong."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Response as BaseResponse

from commentsvc.config import Config
from commentsvc.core import tokens
from commentsvc.core.errors import Conflict, NotFound
from commentsvc.core.phrases import phrase
from commentsvc.core.registration import host_of
from commentsvc.gateways.providers.labels import LABELS, label_of
from commentsvc.gateways.providers.person import Attempt, Kind, Provider, Trouble
from commentsvc.services import signing_in
from commentsvc.services.sharing import outside
from commentsvc.store.provider_clients import KeptClients
from commentsvc.web import guard
from commentsvc.web.local_paths import local_path
from commentsvc.web.oauth_server import blog_of
from commentsvc.web.signin import unhurried, welcome
from commentsvc.web.translating import gettext, tell_error
from commentsvc.web.wiring import FROM_BLOG, csrf, keep_opener, now, settings

pages = Blueprint("federation", __name__, url_prefix="/auth")
log = logging.getLogger(__name__)

# In the browser's own session: an answer that another browser fetched is nobody's here (login CSRF).
ATTEMPTS = "provider_attempts"
ATTEMPTS_MAX = 3
ATTEMPT_LIFE_S = 15 * 60
SEALED_FOR = "posted answer of "
ANSWER_FIELDS = ("code", "state", "user", "error", "iss")
FIELD_MAX = 2000
STATUS = {Kind.DENIED: 403, Kind.EXPIRED: 400, Kind.AWAY: 503, Kind.WRONG: 502}


@pages.get("/<provider>/login")
def login(provider: str) -> BaseResponse:
    found = _provider(provider)
    goal = local_path(request.args.get("next", ""), url_for("queue.sites"))
    instance = host_of(request.args.get("instance", "")) if found.asks_instance else ""
    if found.asks_instance and not instance:
        return _ask_instance(found, goal, request.args.get("instance", ""))
    attempt = Attempt(tokens.new(), tokens.new(), tokens.new(), _redirect_uri(provider), instance)
    try:
        with outside():
            address = found.begin(attempt)
    except Trouble as trouble:
        return _failed(trouble, goal, provider)
    kept = {
        "provider": provider,
        "verifier": attempt.verifier,
        "nonce": attempt.nonce,
        "instance": instance,
        "goal": goal,
        "links": "link" in request.args,
        "at": int(time.time()),
    }
    attempts = {**session.get(ATTEMPTS, {}), attempt.state: kept}
    session[ATTEMPTS] = dict(list(attempts.items())[-ATTEMPTS_MAX:])
    return redirect(address)


@pages.get("/<provider>/callback")
def callback(provider: str) -> BaseResponse:
    return _finish(_provider(provider), request.args)


@pages.post("/<provider>/callback")
def take_posted_answer(provider: str) -> BaseResponse:
    """Bring a form that a provider's page posts to a GET of our own: only that has the browser's Lax cookie.

    What it says of the person goes sealed, for addresses end up in logs.
    """
    if not _provider(provider).posts_answer:
        raise MethodNotAllowed(["GET"])
    answer = {name: value[:FIELD_MAX] for name in ANSWER_FIELDS if (value := request.form.get(name))}
    kept = tokens.sealed(settings().secret_key, SEALED_FOR + provider, answer)
    return redirect(url_for("federation.finish_posted", provider=provider, k=kept), 303)


csrf.exempt(take_posted_answer)  # what comes in is looked at only after the redirect, by its state


@pages.get("/<provider>/finish")
def finish_posted(provider: str) -> BaseResponse:
    found = _provider(provider)
    kept = request.args.get("k", "")
    answer = tokens.unsealed(settings().secret_key, SEALED_FOR + provider, kept, ATTEMPT_LIFE_S)
    return _finish(found, answer or {})


def _finish(found: Provider, answer: Mapping[str, str]) -> BaseResponse:
    provider = found.name
    attempts: dict[str, Any] = dict(session.get(ATTEMPTS, {}))
    state = answer.get("state", "")
    kept = attempts.pop(state, None)
    session[ATTEMPTS] = attempts
    goal = kept["goal"] if kept else url_for("queue.sites")
    keep_opener(goal)
    # Each provider has a redirect of its own, so that the answer of one is never taken to another (RFC 9700 §4.4).
    if kept is None or kept["provider"] != provider:
        return _failed(Trouble(found.label, Kind.EXPIRED, f"{provider}: unknown state"), goal, provider)
    if abs(time.time() - kept["at"]) > ATTEMPT_LIFE_S:
        return _failed(Trouble(found.label, Kind.EXPIRED, f"{provider}: too late"), goal, provider)
    attempt = Attempt(state, kept["verifier"], kept["nonce"], _redirect_uri(provider), kept["instance"])
    try:
        with outside():
            person = found.finish(attempt, answer)
    except Trouble as trouble:
        return _failed(trouble, goal, provider)
    if kept["links"] and current_user.is_authenticated:
        try:
            signing_in.link(person, current_user.account, now())
        except Conflict as error:
            flash(tell_error(error), "refused")
        return redirect(goal)
    return welcome(signing_in.admit(person, guard.browser(), now()), goal)


@pages.after_request
def _quiet(response: Response) -> Response:
    """Codes and states stand in these addresses: no referrer and no cache may carry them on."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def ways() -> list[tuple[str, str]]:
    """The ways to sign in that work here: a name for the widget, and a name for people."""
    return [*offered(), ("email", gettext("E-mail"))] if settings().mail_url else offered()


def offered() -> list[tuple[str, str]]:
    """The providers that the settings name, by name and label."""
    return [(name, label_of(name, its_settings)) for name, its_settings in settings().providers.items()]


def label(provider: str) -> str:
    """What people call a provider, also one that is no longer offered."""
    return dict(offered()).get(provider) or LABELS.get(provider, provider.title())


def _provider(name: str) -> Provider:
    if name not in settings().providers:
        raise NotFound(phrase("This way to sign in is not offered here."))
    found: Provider = current_app.extensions["providers"]()[name]
    return found


def _redirect_uri(provider: str) -> str:
    return settings().base_url + url_for("federation.callback", provider=provider)


def _ask_instance(found: Provider, goal: str, typed: str) -> Response:
    # The form's answer is a redirect to the reader's own server, wherever that is.
    named = settings().providers[found.name].get("authorize_url", "")
    g.form_leads_to = f"https: {named.removesuffix(urlsplit(named).path)}".strip()
    problem = ""
    if typed:
        problem = gettext(
            "“%(typed)s” is no server's name; it should look like %(example)s.", typed=typed, example="mastodon.social"
        )
    names = {"provider": found, "goal": goal, "typed": typed, "problem": problem, "links": "link" in request.args}
    return make_response(render_template("signin/instance.html", **names), 422 if problem else 200)


def _failed(trouble: Trouble, goal: str, provider: str) -> Response:
    log.warning("a sign-in failed (%s): %s", trouble.kind, trouble.cause)
    if goal.startswith(FROM_BLOG):
        g.form_leads_to = blog_of(goal)
    again = url_for("federation.login", provider=provider, next=goal)
    page = render_template("signin/failed.html", sentence=tell_error(trouble), other=unhurried(goal), again=again)
    return make_response(page, STATUS[trouble.kind])


def _made(config: Config) -> dict[str, Provider]:
    """By name; made when somebody first signs in, for Authlib's client, requests and cryptography take 13 MB."""
    from commentsvc.gateways.providers import registry

    return registry.configured(config.providers, KeptClients(config.secret_key))


def init_app(app: Flask, config: Config) -> None:
    app.extensions["providers"] = cache(lambda: _made(config))
    app.jinja_env.globals["signin_ways"] = ways
    app.jinja_env.filters["provider_label"] = label
    app.jinja_env.globals["providers"] = offered
