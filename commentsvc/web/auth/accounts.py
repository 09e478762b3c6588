"""The account page: own comments, sign-in methods, sessions, a copy of all data, and erasure."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify, redirect, render_template, request, session, url_for
from flask_login import logout_user
from werkzeug.wrappers import Response as BaseResponse

from commentsvc.core import languages, routes, tokens
from commentsvc.core.errors import Conflict, Invalid, NotFound
from commentsvc.core.phrases import marked, phrase
from commentsvc.core.status import Status
from commentsvc.core.whole_numbers import find_number
from commentsvc.services import accounts as accounts_service
from commentsvc.services import appeals as appeals_service
from commentsvc.store import appeals as stored_appeals
from commentsvc.store import (
    authors,
    comments,
    decisions,
    identities,
    memberships,
    own_comments,
    sessions,
    widget_tokens,
)
from commentsvc.web.auth.providers import leads_to, offered
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import now, settings
from commentsvc.web.http.i18n import gettext, language
from commentsvc.web.http.refusals import refuse, say

pages = Blueprint("account", __name__)

STATUS_NAMES = {
    Status.PENDING: marked("awaiting moderation"),
    Status.APPROVED: marked("published"),
    Status.REJECTED: marked("not published"),
    Status.SPAM: marked("not published"),
    Status.DELETED: marked("deleted"),
}
SHOWN = 50  # comments on the page; the copy has them all


@pages.get(routes.ACCOUNT)
def show() -> str:
    holder = access.require_second_factor()
    account = holder.account
    written = own_comments.of_account(account.id, SHOWN)
    g.form_leads_to = " ".join(dict.fromkeys(source for name, _ in offered() for source in leads_to(name).split()))
    return render_template(
        "account.html",
        account=account,
        sites=memberships.moderated_sites(account),
        site=None,
        here=url_for("account.show"),
        written=written,
        messages=decisions.messages_to_authors([comment.id for comment in written]),
        appealed=stored_appeals.of_comments([comment.id for comment in written]),
        can_appeal=appeals_service.can_appeal,
        status_names={status: gettext(name) for status, name in STATUS_NAMES.items()},
        labels=dict(offered()),
        identities=identities.identities_of(account.id),
        sessions=sessions.open_sessions(account.id, now()),
        this=holder.session.id,
        blogs=widget_tokens.open_families(account.id, now()),
        languages={tag: languages.own_name(tag) for tag in languages.TAGS},
        chosen=account.language or language(),
    )


@pages.get(routes.ACCOUNT_COPY)
def copy() -> Response:
    response = jsonify(accounts_service.copy_of(access.require_second_factor().account, now()))
    response.headers["Content-Disposition"] = "attachment; filename=my-comments.json"
    return response


@pages.post(routes.ACCOUNT_APPEAL)
def appeal() -> BaseResponse:
    account = access.require_second_factor().account
    comment_id = find_number(request.form.get("comment", "")) or 0
    try:
        if authors.by_id(comments.by_id(comment_id).author_id).account_id != account.id:
            raise NotFound("There is no comment of yours with this number here.")
        appeals_service.appeal(comment_id, request.form.get("text", ""), now(), account)
        say(phrase("Appeal sent. A moderator will review the decision."))
    except (Conflict, Invalid, NotFound) as error:
        refuse(error)
    return _back()


@pages.post(routes.ACCOUNT_LANGUAGE)
def choose_language() -> BaseResponse:
    account = access.require_second_factor().account
    try:
        accounts_service.choose_language(account, request.form.get("language", ""))
        say(gettext("Saved."))
    except Invalid as error:
        refuse(error)
    return _back()


@pages.post(routes.ACCOUNT_UNLINK)
def unlink() -> BaseResponse:
    account_id = access.require_second_factor().account.id
    access.require_recent_sign_in()
    try:
        accounts_service.unlink(account_id, find_number(request.form.get("identity", "")) or 0)
        say(gettext("Sign-in method removed."))
    except (Conflict, NotFound) as error:
        refuse(error)
    return _back()


@pages.post(routes.ACCOUNT_END)
def end() -> BaseResponse:
    holder = access.require_second_factor()
    account_id, own = holder.account.id, tokens.digest(holder.token)
    if "everywhere" in request.form:
        accounts_service.end_everywhere(account_id, now(), but=own)
    elif "family" in request.form:
        accounts_service.end_family(account_id, request.form["family"], now())
    else:
        accounts_service.end_session(account_id, find_number(request.form.get("session", "")) or 0, now())
    say(gettext("That session was signed out."))
    return _back()


@pages.post(routes.ACCOUNT_ERASE)
def erase() -> BaseResponse:
    account = access.require_second_factor().account
    access.require_recent_sign_in()
    if request.form.get("sure") != "yes":
        refuse(Conflict(phrase("Tick the box to confirm. Nothing was deleted.")))
        return _back()
    try:
        accounts_service.erase(account.id, request.form.get("comments") != "go", now(), settings())
    except Conflict as error:
        refuse(error)
        return _back()
    logout_user()
    session.clear()
    say(gettext("Your account was deleted."))
    return redirect(url_for("home.show"), 303)


def _back() -> BaseResponse:
    return redirect(url_for("account.show"), 303)
