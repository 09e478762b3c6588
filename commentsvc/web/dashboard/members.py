"""Who moderates a site: its members and their roles, and invitations; for owners."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import tokens
from commentsvc.core.errors import Invalid, NotFound
from commentsvc.services import membering
from commentsvc.store import invitations, journal, people
from commentsvc.store.db import db
from commentsvc.store.people import Role
from commentsvc.web import guard
from commentsvc.web.dashboard import frame
from commentsvc.web.guard import client_ip
from commentsvc.web.signin import is_agreed, replaced_by, welcome
from commentsvc.web.translating import tell_error
from commentsvc.web.wiring import now, settings

pages = Blueprint("members", __name__)


@pages.get("/dashboard/<site_key>/members")
def show(site_key: str) -> str:
    by = guard.dashboard_moderator()
    site = guard.owned(site_key, by)
    found = people.members_with_roles(site)
    return frame.draw(
        "dashboard/members.html",
        by,
        site,
        members=found,
        last_seen=journal.last_sign_ins([member.account_id for member in found]),
        invited=invitations.open_of(site, now()),
        roles=list(Role),
    )


@pages.post("/dashboard/<site_key>/members")
def change(site_key: str) -> Response:
    """Invite, take an invitation back, give another role, or remove: the button says which."""
    by = guard.dashboard_moderator()
    site = guard.owned(site_key, by)
    guard.check_fresh()
    form, ip = request.form, client_ip()
    number = frame.find_number(form.get("member", form.get("invitation", ""))) or 0
    act = form.get("act", "")
    with frame.attempt():
        if act == "invite":
            membering.invite(site, form.get("email", ""), _role(), by.account, settings().base_url, ip, now())
            frame.say("Invited. The mail is on its way.")
        elif act == "take-back":
            membering.take_back(site, number, by.account, ip, now())
            frame.say("The invitation is taken back.")
        elif act == "role":
            membering.set_role(site, number, _role(), by.account, ip, now(), form.get("shown"))
            frame.say("The role is changed.")
        elif act == "remove":
            membering.remove(site, number, by.account, ip, now())
            frame.say("Removed. The changes can undo it.")
        else:
            raise Invalid("act", "Choose what to do.")
    return redirect(url_for("members.show", site_key=site_key), 303)


@pages.get("/auth/join/<token>")
def ask_to_join(token: str) -> Response:
    """Only asks: mail scanners follow links."""
    try:
        return _join_page(token, 200)
    except NotFound as error:
        return _gone(error)


@pages.post("/auth/join/<token>")
def join(token: str) -> Response:
    try:
        if not is_agreed(replaced_by(invitations.by_token(tokens.digest(token), now()).email)):
            return _join_page(token, 409)
        session_token = membering.accept(token, guard.browser(), now())
    except NotFound as error:
        db.session.rollback()
        return _gone(error)
    return welcome(session_token, url_for("queue.sites"))


def _join_page(token: str, status: int) -> Response:
    found = invitations.by_token(tokens.digest(token), now())
    names = {"invitation": found, "token": token, "replaced": replaced_by(found.email)}
    return make_response(render_template("signin/join.html", **names), status)


def _role() -> Role:
    value = request.form.get("role", "")
    if value not in set(Role):
        raise Invalid("role", f"The role is one of {', '.join(Role)}.")
    return Role(value)


def _gone(error: NotFound) -> Response:
    return make_response(render_template("notice/gone.html", sentence=tell_error(error), is_desk=True), 404)
