"""Second factors on our own pages: showing one after signing in, showing oneself again, adding and removing them."""

from __future__ import annotations

from flask import Blueprint, jsonify, make_response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from commentsvc.core import routes, tokens, totp
from commentsvc.core.errors import Conflict, Invalid, NotFound, TooMany
from commentsvc.core.whole_numbers import find_number
from commentsvc.gateways import passkeys
from commentsvc.gateways.passkeys import Party
from commentsvc.services import second_factors as second_factors_service
from commentsvc.store import memberships
from commentsvc.store import second_factors as stored_second_factors
from commentsvc.store.second_factors import FactorKind
from commentsvc.web.auth import account_mails as mails
from commentsvc.web.auth.sign_in import send_again
from commentsvc.web.http import access
from commentsvc.web.http.access import client_ip
from commentsvc.web.http.app_setup import now, settings
from commentsvc.web.http.i18n import tell_error
from commentsvc.web.http.refusals import refuse, refused, refused_script, say
from commentsvc.web.http.safe_redirect import local_path

pages = Blueprint("security", __name__)

CHALLENGE = "passkey_challenge"
SEED_LIFE_S = 3600


@pages.get(routes.SECOND_FACTOR)
def ask() -> Response:
    """The second factor, after signing in, or once more before something dangerous."""
    return _ask_page(_goal(request.args.get("next", "")))


@pages.post(routes.SECOND_FACTOR)
def prove() -> Response:
    holder = access.require_signed_in()
    goal, key = _goal(request.form.get("next", "")), settings().secret_key
    code = request.form.get("code", "")
    try:
        access.check_pace()
        second_factors_service.by_code(
            holder.account, holder.session.id, code, key, mails.of_wrong_factors, client_ip(), now()
        )
    except (Invalid, TooMany) as error:
        return refused(error, _ask_page(goal, tell_error(error)))
    return redirect(goal, 303)


@pages.get(routes.SECOND_FACTOR_PASSKEY)
def passkey_options() -> Response:
    holder = access.require_signed_in()
    known = [
        f.credential_id
        for f in stored_second_factors.of_account(holder.account.id, FactorKind.PASSKEY)
        if f.credential_id
    ]
    options, session[CHALLENGE] = passkeys.asked_to_show(_party(), known)
    return jsonify(options)


@pages.post(routes.SECOND_FACTOR_PASSKEY)
def prove_by_passkey() -> Response:
    holder = access.require_signed_in()
    answer, challenge = request.form.get("answer", ""), session.pop(CHALLENGE, "")
    args = (_party(), answer, challenge, mails.of_wrong_factors, client_ip(), now())
    try:
        access.check_pace()
        second_factors_service.by_passkey(holder.account, holder.session.id, *args)
    except (Invalid, TooMany) as error:
        return refused_script(error)
    return jsonify({"goal": _goal(request.form.get("next", ""))})


@pages.get(routes.SIGN_IN_AGAIN)
def ask_again() -> Response:
    """Sign in again for a sensitive action: by a second factor, or by a mailed code."""
    holder = access.require_signed_in()
    goal = _goal(request.args.get("next", ""))
    if stored_second_factors.is_protected(holder.account.id):
        return _ask_page(goal, again=True)
    if not holder.account.email:
        return redirect(goal)
    return make_response(render_template("signin/again.html", email=holder.account.email, goal=goal))


@pages.post(routes.SIGN_IN_AGAIN)
def mail_again() -> Response:
    holder = access.require_signed_in()
    return send_again(holder.account.email or "", _goal(request.form.get("next", "")))


@pages.get(routes.SECURITY)
def show() -> str:
    return _page()


@pages.post(routes.SECURITY_APP)
def add_app() -> Response | str:
    holder = access.require_second_factor()
    form, key = request.form, settings().secret_key
    sealed = tokens.unsealed(key, f"seed {holder.account.id}", form.get("seed", ""), SEED_LIFE_S)
    try:
        access.require_recent_sign_in()
        if sealed is None:
            raise Invalid("code", "This page was open too long. Here is a new code to scan.")
        args = (sealed["seed"], form.get("code", ""), key, client_ip(), now())
        codes = second_factors_service.add_totp(holder.account, holder.session.id, *args)
    except Invalid as error:
        refuse(error)
        return redirect(url_for("security.show") + "#app", 303)
    say("The app is added. From now on you are asked for a code after signing in.")
    return _page(codes)


@pages.get(routes.SECURITY_PASSKEY)
def new_passkey_options() -> Response:
    holder = access.require_second_factor()
    account = holder.account
    known = [
        f.credential_id for f in stored_second_factors.of_account(account.id, FactorKind.PASSKEY) if f.credential_id
    ]
    options, challenge = passkeys.asked_to_make(_party(), account.id, account.email or account.name, known)
    session[CHALLENGE] = challenge
    return jsonify(options)


@pages.post(routes.SECURITY_PASSKEY)
def add_passkey() -> Response:
    holder = access.require_second_factor()
    form, challenge = request.form, session.pop(CHALLENGE, "")
    try:
        access.require_recent_sign_in()
        args = (_party(), form.get("name", ""), form.get("answer", ""), challenge, client_ip(), now())
        codes = second_factors_service.add_passkey(holder.account, holder.session.id, *args)
    except Invalid as error:
        return refused_script(error)
    return jsonify({"codes": codes, "said": "The passkey is added."})


@pages.post(routes.SECURITY_REMOVE)
def remove() -> Response:
    holder = access.require_second_factor()
    access.require_recent_sign_in()
    try:
        second_factors_service.remove(
            holder.account, find_number(request.form.get("factor", "")) or 0, client_ip(), now()
        )
        say("Removed.")
    except NotFound as error:
        refuse(error)
    return redirect(url_for("security.show"), 303)


@pages.post(routes.SECURITY_RECOVERY)
def new_codes() -> Response | str:
    holder = access.require_second_factor()
    access.require_recent_sign_in()
    try:
        return _page(second_factors_service.new_recovery_codes(holder.account, client_ip(), now()))
    except Conflict as error:
        refuse(error)
    return redirect(url_for("security.show"), 303)


def _page(codes: list[str] | None = None) -> str:
    holder = access.require_second_factor()
    account = holder.account
    seed = totp.new_secret()
    service = settings().base_url.partition("://")[2]
    address = totp.address(seed, account.email or account.name, service)
    recovery = stored_second_factors.of_account(account.id, FactorKind.RECOVERY)
    return render_template(
        "security.html",
        account=account,
        sites=memberships.moderated_sites(account),
        site=None,
        here=url_for("security.show"),
        factors=stored_second_factors.of_account(account.id, FactorKind.TOTP, FactorKind.PASSKEY),
        unused=sum(code.used_at is None for code in recovery),
        codes=codes or [],
        seed=" ".join(seed[at : at + 4] for at in range(0, len(seed), 4)),
        sealed=tokens.sealed(settings().secret_key, f"seed {account.id}", {"seed": seed}),
        picture=_qr_code(address),
        can_passkey=_party().can,
    )


def _qr_code(address: str) -> str:
    import segno  # only where somebody looks at it: it takes a megabyte

    return segno.make(address, error="m").png_data_uri(scale=5, border=3)


def _ask_page(goal: str, problem: str = "", status: int = 200, again: bool = False) -> Response:
    holder = access.require_signed_in()
    has_passkey = bool(stored_second_factors.of_account(holder.account.id, FactorKind.PASSKEY)) and _party().can
    names = {"goal": goal, "problem": problem, "has_passkey": has_passkey, "again": again}
    return make_response(render_template("signin/second.html", **names), status)


def _party() -> Party:
    return Party(settings().origin)


def _goal(value: str) -> str:
    return local_path(value, url_for("queue.sites"))
