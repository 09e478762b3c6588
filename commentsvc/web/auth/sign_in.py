"""Sign-in pages: asking for a code, typing it, following a link that asks first, signing out."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user, logout_user
from werkzeug.wrappers import Response as BaseResponse

from commentsvc.core import emails, routes, tokens
from commentsvc.core.errors import Invalid, NotFound, TooMany
from commentsvc.core.phrases import phrase
from commentsvc.gateways import mail_templates
from commentsvc.services import sign_in
from commentsvc.services.identities import Addition
from commentsvc.services.sign_in import Asker
from commentsvc.store import sessions
from commentsvc.web.auth import account_mails, known_browsers
from commentsvc.web.auth.oauth_server import blog_of
from commentsvc.web.http.access import check_pace, client_ip, current_browser
from commentsvc.web.http.app_setup import FROM_BLOG, SignedIn, keep_opener, now, settings
from commentsvc.web.http.i18n import gettext, tell_error
from commentsvc.web.http.refusals import refused
from commentsvc.web.http.safe_redirect import local_path

pages = Blueprint("signin", __name__)

# In the browser's session between the two steps, so that a code is typed where it was asked for.
ADDRESS = "signin_address"
GOAL = "signin_goal"
ASKER = "signin_asker"
# Session key: the provider's data about a person who must first confirm the account's address by a mailed code.
UNCONFIRMED = "unconfirmed_identity"
# People who sign in to comment may be new; the dashboard is only for accounts that the operator has created.
JOINING = (FROM_BLOG, routes.HOSTED_PAGES)
# The sign-in that this browser has just done, and the one whose page has named the blog that asks: where both are
# this one, asking again would be noise.
JUST_SIGNED_IN = "just_signed_in_for"
NAMED = "named_blog_for"


@pages.get(routes.SIGN_IN)
def ask() -> BaseResponse:
    goal = local_path(request.args.get("next", ""), url_for("queue.sites"))
    return redirect(goal) if current_user.is_authenticated else _ask_page(goal)


@pages.post(routes.SIGN_IN)
def send() -> BaseResponse:
    goal = local_path(request.form.get("next", ""), url_for("queue.sites"))
    keep_opener(goal)
    typed = request.form.get("email", "")
    try:
        address = emails.address(typed, "email", required=False)
        if not address:
            raise Invalid("email", phrase("Enter the email address of your account."))
        joins = goal.startswith(JOINING)
        secret = settings().secret_key
        check_pace()
        sign_in.send_code(address, _asker(address), settings().limits, secret, _write_mail, now(), joins)
    except (Invalid, TooMany) as error:
        return refused(error, _ask_page(goal, typed, tell_error(error)))
    session.pop(UNCONFIRMED, None)  # this code is for signing in and nothing else
    session[ADDRESS], session[GOAL] = address, goal
    return redirect(url_for("signin.type_code"), 303)


def send_again(address: str, goal: str) -> BaseResponse:
    """Mail a code to who is signed in, so that they show once more who they are."""
    session.pop(UNCONFIRMED, None)
    return _send(address, goal)


def send_to_confirm(address: str, goal: str) -> BaseResponse:
    """Mail a code to the address of an account, whose typing adds the identity that waits in the browser's session."""
    return _send(address, goal)


def _send(address: str, goal: str) -> BaseResponse:
    try:
        secret = settings().secret_key
        sign_in.send_code(address, _asker(address), settings().limits, secret, _write_mail, now(), joins=False)
    except TooMany as error:
        flash(tell_error(error), "refused")
        return redirect(goal, 303)
    session[ADDRESS], session[GOAL] = address, goal
    return redirect(url_for("signin.type_code"), 303)


def _asker(address: str) -> Asker:
    """The requester of a code. The browser's secret stays in its session: a code works only in this browser."""
    if ASKER not in session:
        session[ASKER] = tokens.new()
    return Asker(client_ip(), session[ASKER], known_browsers.knows(address))


def replaced_by(email: str) -> SignedIn | None:
    """The signed-in account that a sign-in with this address would replace, or None."""
    if not current_user.is_authenticated or current_user.account.email == email:
        return None
    found: SignedIn = current_user._get_current_object()
    return found


def is_agreed(replaced: SignedIn | None) -> bool:
    """Whether the form comes from a page that said whose session ends."""
    return replaced is None or request.form.get("instead_of") == str(replaced.session.id)


def _addition() -> Addition | None:
    """The identity that a provider vouched for in this browser, when its page was answered by asking for a code."""
    kept = session.get(UNCONFIRMED)
    if kept is None or not kept["is_agreed"]:
        return None
    names = (kept["provider"], kept["subject"], kept["name"], kept["email"])
    return Addition(*names, kept["label"], account_mails.of_identity)


@pages.get(routes.SIGN_IN_CODE)
def type_code() -> BaseResponse:
    keep_opener(session.get(GOAL, ""))
    return _code_page() if ADDRESS in session else redirect(url_for("signin.ask"))


@pages.post(routes.SIGN_IN_CODE)
def use_code() -> BaseResponse:
    keep_opener(session.get(GOAL, ""))
    if ADDRESS not in session:
        flash(gettext("This browser has not asked for a code, or its code has expired. Ask for a new one."), "refused")
        return redirect(url_for("signin.ask"), 303)
    if not is_agreed(replaced_by(session[ADDRESS])):
        return _code_page(status=409)
    code = "".join(request.form.get("code", "").split())  # the mail writes it in two groups
    args = (settings().secret_key, session.get(ASKER, ""), current_browser(), now(), _addition())
    try:
        token = sign_in.by_code(session[ADDRESS], code, *args)
    except Invalid as error:
        return refused(error, _code_page(tell_error(error)))
    return welcome(token, session[GOAL])


@pages.get(routes.SIGN_IN_LINK)
def ask_before_link(token: str) -> Response:
    """Only asks: mail scanners follow links, and would use it up or be signed in."""
    return _link_page(token, 200)


@pages.post(routes.SIGN_IN_LINK)
def use_link(token: str) -> BaseResponse:
    try:
        _, email = sign_in.whom_a_link_signs_in(token, now())
        if not is_agreed(replaced_by(email)):
            return _link_page(token, 409)
        session_token = sign_in.by_link(token, current_browser(), now(), _addition())
    except NotFound as error:
        return _link_gone(error)
    return welcome(session_token, url_for("queue.sites"))


def _link_page(token: str, status: int) -> Response:
    try:
        name, email = sign_in.whom_a_link_signs_in(token, now())
    except NotFound as error:
        return _link_gone(error)
    page = render_template("signin/link.html", name=name, token=token, replaced=replaced_by(email))
    return make_response(page, status)


@pages.post(routes.SIGN_OUT)
def sign_out() -> BaseResponse:
    if current_user.is_authenticated:
        sign_in.sign_out(current_user.token, now())
    logout_user()
    session.clear()
    flash(gettext("You are signed out."), "done")
    return redirect(url_for("signin.ask"), 303)


def unhurried(goal: str) -> str:
    """The same goal with the choice of sign-in methods: a person who failed with one must not be sent to it again."""
    return f"{goal}&prompt=login" if goal.startswith(FROM_BLOG) and "&prompt=" not in goal else goal


def welcome(token: str, goal: str) -> BaseResponse:
    """Begin a session in this browser and send it to where it wanted to go, a path of this service."""
    named = session.get(NAMED)
    # Nothing else of the time before may stay: somebody else could have planted this browser's session.
    session.clear()
    if goal.startswith(FROM_BLOG):
        session[JUST_SIGNED_IN] = goal
        session[NAMED] = named
    found = sessions.find_session(tokens.digest(token), now())
    assert found is not None  # opened by the verb just before
    login_user(SignedIn(token, found), remember=False)
    session.permanent = True
    response = redirect(goal, 303)
    if found.account.email:
        known_browsers.remember(response, found.account.email)
    return response


def _ask_page(goal: str, typed: str = "", problem: str = "", status: int = 200) -> Response:
    page = render_template("signin/ask.html", goal=goal, typed=typed, problem=problem, has_code=ADDRESS in session)
    return make_response(page, status)


def _code_page(problem: str = "", status: int = 200) -> Response:
    minutes = int(sign_in.CODE_LIFE.total_seconds()) // 60
    is_joining = session[GOAL].startswith(JOINING)
    g.form_leads_to = blog_of(session[GOAL])
    names = {"address": session[ADDRESS], "problem": problem, "minutes": minutes, "goal": session[GOAL]}
    # Ask a signed-in person to sign in again.
    is_again = not is_joining and current_user.is_authenticated and current_user.account.email == session[ADDRESS]
    again_from = url_for("security.ask_again", next=session[GOAL]) if is_again else ""
    replaced = replaced_by(session[ADDRESS])
    page = render_template("signin/code.html", is_joining=is_joining, again_from=again_from, replaced=replaced, **names)
    return make_response(page, status)


def _link_gone(error: NotFound) -> Response:
    return refused(error, render_template("signin/link_gone.html", sentence=tell_error(error)))


def _write_mail(name: str, language: str | None, code: str, link_token: str) -> mail_templates.RenderedMail:
    speaks = account_mails.translator_of(language)
    return mail_templates.render(
        "signin_code",
        speaks,
        name=name,
        code=f"{code[:3]} {code[3:]}",
        link=settings().base_url + routes.fill(routes.SIGN_IN_LINK, token=link_token, lang=speaks.tag),
        service=settings().base_url.partition("://")[2],
        minutes=int(sign_in.CODE_LIFE.total_seconds()) // 60,
    )
