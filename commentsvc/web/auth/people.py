"""The pages on which guests prove their address by a mailed code, and see, download or erase what they wrote."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from commentsvc.core import emails, routes, tokens
from commentsvc.core.errors import Conflict, Invalid, NotSignedIn, TooMany
from commentsvc.core.phrases import phrase
from commentsvc.gateways import mail_templates
from commentsvc.services import people, sign_in
from commentsvc.services.sign_in import Asker
from commentsvc.store import accounts
from commentsvc.web.auth import account_mails
from commentsvc.web.http.access import check_pace, client_ip
from commentsvc.web.http.app_setup import now, settings
from commentsvc.web.http.i18n import gettext, tell_error
from commentsvc.web.http.refusals import refuse, refused, say

pages = Blueprint("privacy", __name__)

# In the browser's session: the address that a code was asked for, this browser's secret, and the proved address.
ADDRESS = "privacy_address"
ASKER = "privacy_asker"
PROVED = "privacy_proved"
PROVED_AT = "privacy_proved_at"
PROOF_LIFE = timedelta(minutes=30)


@pages.get(routes.PRIVACY)
def ask() -> Response:
    return _ask_page()


@pages.post(routes.PRIVACY)
def send() -> BaseResponse:
    """Mail a code to any address, known or not: the answer says nothing about what is stored."""
    typed = request.form.get("email", "")
    try:
        address = emails.address(typed, "email", required=True).lower()
        if ASKER not in session:
            session[ASKER] = tokens.new()
        check_pace()
        asker = Asker(client_ip(), session[ASKER], is_known=False)
        config = settings()
        sign_in.send_code(address, asker, config.limits, config.secret_key, _write_mail, now(), joins=True)
    except (Invalid, TooMany) as error:
        return refused(error, _ask_page(typed, tell_error(error)))
    session[ADDRESS] = address
    return redirect(url_for("privacy.type_code"), 303)


@pages.get(routes.PRIVACY_CODE)
def type_code() -> BaseResponse:
    return _code_page() if ADDRESS in session else redirect(url_for("privacy.ask"))


@pages.post(routes.PRIVACY_CODE)
def use_code() -> BaseResponse:
    if ADDRESS not in session:
        return _lost()
    code = "".join(request.form.get("code", "").split())
    try:
        sign_in.prove_address(session[ADDRESS], code, settings().secret_key, session.get(ASKER, ""), now())
    except Invalid as error:
        return refused(error, _code_page(tell_error(error)))
    session[PROVED], session[PROVED_AT] = session.pop(ADDRESS), now().timestamp()
    return redirect(url_for("privacy.show"), 303)


@pages.get(routes.PRIVACY_DATA)
def show() -> BaseResponse:
    email = _proved()
    if email is None:
        return redirect(url_for("privacy.ask"))
    has_account = accounts.find_account(email) is not None
    counts = {} if has_account else people.counts(email, now())
    return make_response(render_template("privacy/data.html", address=email, has_account=has_account, counts=counts))


@pages.get(routes.PRIVACY_COPY)
def copy() -> BaseResponse:
    email = _proved()
    if email is None:
        return redirect(url_for("privacy.ask"))
    _require_guest(email)
    response = jsonify(list(people.export(email, None, now())))
    response.headers["Content-Disposition"] = "attachment; filename=my-comments.json"
    return response


@pages.post(routes.PRIVACY_ERASE)
def erase() -> BaseResponse:
    email = _proved()
    if email is None:
        return _lost()
    _require_guest(email)
    if request.form.get("sure") != "yes":
        refuse(Conflict(phrase("Tick the box to confirm. Nothing was deleted.")))
        return redirect(url_for("privacy.show"), 303)
    people.erase(email, None, request.form.get("comments") != "go", settings(), None, now())
    for name in (ADDRESS, PROVED, PROVED_AT):
        session.pop(name, None)
    say(gettext("Your data is deleted"))
    return redirect(url_for("privacy.ask"), 303)


def _require_guest(email: str) -> None:
    """An account is opened by signing in, perhaps with a second factor, and not by a mailed code alone."""
    if accounts.find_account(email) is not None:
        raise NotSignedIn(phrase("This address belongs to an account. Sign in to download or erase its data."))


def _proved() -> str | None:
    """The address that this browser has proved within the last half hour."""
    at = session.get(PROVED_AT, 0.0)
    email: str | None = session.get(PROVED)
    return email if 0 <= now().timestamp() - at < PROOF_LIFE.total_seconds() else None


def _lost() -> BaseResponse:
    sentence = phrase("This browser has not asked for a code, or its code has expired. Ask for a new one.")
    refuse(Conflict(sentence))
    return redirect(url_for("privacy.ask"), 303)


def _ask_page(typed: str = "", problem: str = "") -> Response:
    return make_response(render_template("privacy/ask.html", typed=typed, problem=problem))


def _code_page(problem: str = "") -> Response:
    minutes = int(sign_in.CODE_LIFE.total_seconds()) // 60
    names = {"address": session[ADDRESS], "problem": problem, "minutes": minutes}
    return make_response(render_template("privacy/code.html", **names))


def _write_mail(name: str, language: str | None, code: str, link_token: str) -> mail_templates.RenderedMail:
    """The mail has no link: the code of this page signs nobody in."""
    return mail_templates.render(
        "privacy_code",
        account_mails.translator_of(language),
        code=f"{code[:3]} {code[3:]}",
        service=settings().base_url.partition("://")[2],
        minutes=int(sign_in.CODE_LIFE.total_seconds()) // 60,
    )
