"""Signing in with another service: to the provider and back in one browser, or to a page that says what went wrong."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Response as BaseResponse

from commentsvc.config import Config
from commentsvc.core import routes, tokens
from commentsvc.core.errors import NotFound
from commentsvc.core.phrases import phrase
from commentsvc.core.provider_clients import host_of
from commentsvc.gateways.providers.base import Attempt, FailureKind, Person, Provider, SignInFailure
from commentsvc.gateways.providers.labels import LABELS, label_of
from commentsvc.page_cache.concurrency import release_while_waiting
from commentsvc.services import sign_in
from commentsvc.store.provider_clients import KeptClients
from commentsvc.web.auth.oauth_server import blog_of
from commentsvc.web.auth.sign_in import UNCONFIRMED, send_to_confirm, unhurried, welcome
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import FROM_BLOG, csrf, keep_opener, now, settings
from commentsvc.web.http.i18n import gettext, tell_error
from commentsvc.web.http.safe_redirect import local_path

pages = Blueprint("federation", __name__)
log = logging.getLogger(__name__)

# In the browser's own session: an answer that another browser fetched is nobody's here (login CSRF).
ATTEMPTS = "provider_attempts"
ATTEMPTS_MAX = 3
ATTEMPT_LIFE_S = 15 * 60
SEALED_FOR = "posted answer of "
ANSWER_FIELDS = ("code", "state", "user", "error", "iss")
FIELD_MAX = 2000
STATUS = {FailureKind.DENIED: 403, FailureKind.EXPIRED: 400, FailureKind.AWAY: 503, FailureKind.WRONG: 502}


@pages.get(routes.PROVIDER_LOGIN)
def login(provider: str) -> BaseResponse:
    """Redirect to the provider. A signed-in person is asked first, so that no link replaces their session."""
    found = provider_named(provider)
    goal = local_path(request.args.get("next", ""), url_for("queue.sites"))
    instance = request.args.get("instance", "")
    if not current_user.is_authenticated:
        # The server that a reader names says who they are: a link on another site must not name it for them.
        is_own = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
        return begin(found, goal, instance if is_own else "")
    g.form_leads_to = leads_to(provider) + (f" {blog_of(goal)}" if goal.startswith(FROM_BLOG) else "")
    names = {"provider": found, "goal": goal, "instance": instance, "account": current_user.account}
    return make_response(render_template("signin/instead.html", **names))


@pages.post(routes.PROVIDER_LOGIN)
def login_instead(provider: str) -> BaseResponse:
    """The answer of who was asked whether to sign in with the provider instead."""
    found = provider_named(provider)
    goal = local_path(request.form.get("next", ""), url_for("queue.sites"))
    holder = current_user.session.id if current_user.is_authenticated else 0
    return begin(found, goal, request.form.get("instance", ""), instead_of=holder)


def begin(found: Provider, goal: str, typed: str, instead_of: int = 0, links_to: int = 0) -> BaseResponse:
    """Send the browser to the provider, or ask for the reader's server first.

    `instead_of` is the browser session that its holder agreed to replace, `links_to` the one that adds the identity to
    its account; 0 for none.
    """
    instance = host_of(typed) if found.asks_instance else ""
    if found.asks_instance and not instance:
        return _ask_instance(found, goal, typed, links_to=bool(links_to))
    attempt = Attempt(tokens.new(), tokens.new(), tokens.new(), _redirect_uri(found.name), instance)
    try:
        with release_while_waiting():
            address = found.begin(attempt)
    except SignInFailure as trouble:
        return _failed(trouble, goal, found.name, links=bool(links_to))
    kept = {
        "provider": found.name,
        "verifier": attempt.verifier,
        "nonce": attempt.nonce,
        "instance": instance,
        "goal": goal,
        "instead_of": instead_of,
        "links_to": links_to,
        "at": int(time.time()),
    }
    attempts = {**session.get(ATTEMPTS, {}), attempt.state: kept}
    session[ATTEMPTS] = dict(list(attempts.items())[-ATTEMPTS_MAX:])
    return redirect(address)


@pages.get(routes.PROVIDER_CALLBACK)
def callback(provider: str) -> BaseResponse:
    return _finish(provider_named(provider), _once(request.args))


@pages.post(routes.PROVIDER_CALLBACK)
def take_posted_answer(provider: str) -> BaseResponse:
    """Redirect a form posted by a provider's page to a GET: only that carries the browser's SameSite=Lax cookie.

    Data about the person is encrypted, because URLs end up in logs.
    """
    if not provider_named(provider).posts_answer:
        raise MethodNotAllowed(["GET"])
    answer = {name: value[:FIELD_MAX] for name, value in _once(request.form).items() if name in ANSWER_FIELDS and value}
    kept = tokens.sealed(settings().secret_key, SEALED_FOR + provider, answer)
    return redirect(url_for("federation.finish_posted", provider=provider, k=kept), 303)


csrf.exempt(take_posted_answer)  # the form is read only after the redirect, where its state is checked


@pages.get(routes.PROVIDER_FINISH)
def finish_posted(provider: str) -> BaseResponse:
    found = provider_named(provider)
    kept = request.args.get("k", "")
    answer = tokens.unsealed(settings().secret_key, SEALED_FOR + provider, kept, ATTEMPT_LIFE_S)
    return _finish(found, answer or {})


def _once(answer: MultiDict[str, str]) -> dict[str, str]:
    """The parameters of an answer; none when one comes twice, for then nobody knows which is meant (RFC 6749 §3.1)."""
    return {} if any(len(values) > 1 for _, values in answer.lists()) else answer.to_dict()


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
        return _failed(SignInFailure(found.label, FailureKind.EXPIRED, f"{provider}: unknown state"), goal, provider)
    if abs(time.time() - kept["at"]) > ATTEMPT_LIFE_S:
        return _failed(SignInFailure(found.label, FailureKind.EXPIRED, f"{provider}: too late"), goal, provider)
    holder = current_user.session.id if current_user.is_authenticated else 0
    links_to = kept.get("links_to", 0)
    if links_to not in (0, holder):
        # The account that began to add the identity is no longer signed in: add it to no account, and sign nobody in.
        return _failed(SignInFailure(found.label, FailureKind.EXPIRED, f"{provider}: another session"), goal, provider)
    attempt = Attempt(state, kept["verifier"], kept["nonce"], _redirect_uri(provider), kept["instance"])
    try:
        with release_while_waiting():
            person = found.finish(attempt, answer)
    except SignInFailure as trouble:
        return _failed(trouble, goal, provider, links=bool(links_to))
    if links_to:
        return _ask_about("signin/add_identity.html", found, person, goal)
    if holder not in (0, kept.get("instead_of", 0)):
        return _ask_about("signin/instead_of.html", found, person, goal)
    return _admit(found, person, goal)


def _ask_about(template: str, found: Provider, person: Person, goal: str) -> Response:
    """Name the identity before anything is done with it; the page's form brings it back, sealed for this session."""
    values = {"person": json.dumps(asdict(person)), "goal": goal}
    kept = tokens.sealed(settings().secret_key, _sealed_for(template), values)
    if goal.startswith(FROM_BLOG):
        g.form_leads_to = blog_of(goal)
    names = {"provider": found, "person": person, "goal": goal, "sealed": kept, "account": current_user.account}
    return make_response(render_template(template, **names))


def answered(template: str) -> tuple[Person, str] | None:
    """The person of the form on the page `template`, and the next page; None for a form of another session."""
    kept = tokens.unsealed(settings().secret_key, _sealed_for(template), request.form.get("sealed", ""), ATTEMPT_LIFE_S)
    return (Person(**json.loads(kept["person"])), kept["goal"]) if kept else None


def _sealed_for(template: str) -> str:
    return f"{template} {access.require_signed_in().session.id}"


@pages.post(routes.PROVIDER_INSTEAD)
def sign_in_instead(provider: str) -> BaseResponse:
    """Handle the answer to the question whether to sign in as another person."""
    found = provider_named(provider)
    asked = answered("signin/instead_of.html")
    if asked is None or asked[0].provider != provider:
        return _failed(
            SignInFailure(found.label, FailureKind.EXPIRED, f"{provider}: too late"), url_for("queue.sites"), provider
        )
    return _admit(found, *asked)


def _admit(found: Provider, person: Person, goal: str) -> BaseResponse:
    try:
        token = sign_in.admit(person, access.current_browser(), now())
    except sign_in.NotConfirmed as error:
        session[UNCONFIRMED] = {
            "provider": person.provider,
            "subject": person.subject,
            "name": person.name or person.handle or person.subject,
            "email": error.email,
            "label": found.label,
            "goal": goal,
            "is_agreed": False,
        }
        names = {"provider": found, "person": person, "address": error.email}
        return make_response(render_template("signin/confirm_address.html", **names))
    return welcome(token, goal)


@pages.post(routes.PROVIDER_CONFIRM)
def confirm(provider: str) -> BaseResponse:
    """Mail the code that confirms an identity for the account of a moderator; typing it adds the one to the other."""
    found = provider_named(provider)
    kept = session.get(UNCONFIRMED)
    if kept is None or kept["provider"] != provider:
        return _failed(
            SignInFailure(found.label, FailureKind.EXPIRED, f"{provider}: too late"), url_for("queue.sites"), provider
        )
    access.check_pace()
    session[UNCONFIRMED] = {**kept, "is_agreed": True}
    return send_to_confirm(kept["email"], kept["goal"])


@pages.after_request
def _quiet(response: Response) -> Response:
    """Codes and states stand in these addresses: no referrer and no cache may carry them on."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def ways() -> list[tuple[str, str]]:
    """The ways to sign in that work here: a name for the widget, and a name for people."""
    return [*offered(), ("email", gettext("Email"))] if settings().mail_url else offered()


def offered() -> list[tuple[str, str]]:
    """The providers that the settings name, by name and label."""
    return [(name, label_of(name, its_settings)) for name, its_settings in settings().providers.items()]


def label(provider: str) -> str:
    """The provider's display name, also of a provider that is no longer offered."""
    return dict(offered()).get(provider) or LABELS.get(provider, provider.title())


def provider_named(name: str) -> Provider:
    if name not in settings().providers:
        raise NotFound(phrase("This sign-in method is not available here."))
    found: Provider = current_app.extensions["providers"]()[name]
    return found


def _redirect_uri(provider: str) -> str:
    return settings().base_url + url_for("federation.callback", provider=provider)


def leads_to(provider: str) -> str:
    """Hosts for CSP form-action when a form leads to the provider: its pages redirect among its own hosts."""
    named = settings().providers[provider]
    urls = [urlsplit(named.get(name, "")) for name in ("authorize_url", "issuer")]
    return " ".join(["https:", *(f"{url.scheme}://{url.netloc}" for url in urls if url.scheme == "http")])


def _ask_instance(found: Provider, goal: str, typed: str, links_to: bool) -> Response:
    # The form's answer is a redirect to the reader's own server, wherever that is.
    g.form_leads_to = leads_to(found.name)
    problem = ""
    if typed:
        problem = gettext(
            "“%(typed)s” is not the name of a server. It should look like %(example)s.",
            typed=typed,
            example="mastodon.social",
        )
    is_signed_in = current_user.is_authenticated
    action = url_for("identities.begin") if links_to else url_for("federation.login", provider=found.name)
    names = {"provider": found, "goal": goal, "typed": typed, "problem": problem, "action": action}
    page = render_template("signin/instance.html", is_signed_in=is_signed_in, **names)
    return make_response(page, 422 if problem else 200)


def _failed(trouble: SignInFailure, goal: str, provider: str, links: bool = False) -> Response:
    log.warning("a sign-in failed (%s): %s", trouble.kind, trouble.cause)
    if goal.startswith(FROM_BLOG):
        g.form_leads_to = blog_of(goal)
    again = goal if links else url_for("federation.login", provider=provider, next=goal)
    page = render_template("signin/failed.html", sentence=tell_error(trouble), other=unhurried(goal), again=again)
    return make_response(page, STATUS[trouble.kind])


def _made(config: Config) -> dict[str, Provider]:
    """The providers by name, created at the first sign-in: Authlib's client, requests and cryptography take 13 MB."""
    from commentsvc.gateways.providers import registry

    return registry.configured(config.providers, KeptClients(config.secret_key))


def init_app(app: Flask, config: Config) -> None:
    app.extensions["providers"] = cache(lambda: _made(config))
    app.jinja_env.globals["signin_ways"] = ways
    app.jinja_env.filters["provider_label"] = label
    app.jinja_env.globals["providers"] = offered
