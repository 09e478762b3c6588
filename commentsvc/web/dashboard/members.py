"""The team page of a site: members, their roles, and open invitations; for owners."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import routes
from commentsvc.core.errors import Invalid
from commentsvc.core.whole_numbers import find_number
from commentsvc.services import members
from commentsvc.store import audit_log, invitations, memberships
from commentsvc.store.memberships import Role
from commentsvc.web.dashboard import layout
from commentsvc.web.http import access
from commentsvc.web.http.access import client_ip
from commentsvc.web.http.app_setup import now, settings
from commentsvc.web.http.refusals import attempt, say

pages = Blueprint("members", __name__)


@pages.get(routes.MEMBERS)
def show(site_key: str) -> str:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    found = memberships.members_with_roles(site)
    return layout.draw(
        "dashboard/members.html",
        by,
        site,
        members=found,
        last_seen=audit_log.last_sign_ins([member.account_id for member in found]),
        invited=invitations.open_of(site, now()),
        roles=list(Role),
    )


@pages.post(routes.MEMBERS)
def change(site_key: str) -> Response:
    """Invite, take an invitation back, give another role, or remove: the button says which."""
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    access.require_recent_sign_in()
    form, ip = request.form, client_ip()
    number = find_number(form.get("member", form.get("invitation", ""))) or 0
    act = form.get("act", "")
    with attempt():
        if act == "invite":
            members.invite(site, form.get("email", ""), _role(), by.account, settings().base_url, ip, now())
            say("Invitation sent.")
        elif act == "take-back":
            members.take_back(site, number, by.account, ip, now())
            say("Invitation cancelled.")
        elif act == "role":
            members.set_role(site, number, _role(), by.account, ip, now(), form.get("shown"))
            say("Role changed.")
        elif act == "remove":
            members.remove(site, number, by.account, ip, now())
            say("Removed from the team. You can undo this in Settings, under “Change history”.")
        else:
            raise Invalid("act", "Choose an action.")
    return redirect(url_for("members.show", site_key=site_key), 303)


def _role() -> Role:
    value = request.form.get("role", "")
    if value not in set(Role):
        raise Invalid("role", f"The role is one of {', '.join(Role)}.")
    return Role(value)
