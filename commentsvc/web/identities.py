"""Adding a way to sign in to an account: by forms, for its holder, who has shown a short while ago who they are."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core.errors import Conflict, NotFound
from commentsvc.core.phrases import phrase
from commentsvc.services import signing_in
from commentsvc.store.db import db
from commentsvc.web import account_mails, federation, guard
from commentsvc.web.dashboard.frame import refuse, say
from commentsvc.web.translating import gettext
from commentsvc.web.wiring import now

pages = Blueprint("identities", __name__, url_prefix="/account/link")


@pages.post("")
def begin() -> Response:
    """To the provider that the form of the account's page names."""
    holder = guard.proved()
    found = federation.provider_named(request.form.get("provider", ""))
    guard.check_fresh()
    guard.check_pace()
    instance = request.form.get("instance", "")
    return federation.begin(found, url_for("account.show"), instance, links_to=holder.session.id)


@pages.post("/add")
def add() -> Response:
    """Add the identity that the page has named."""
    holder = guard.proved()
    guard.check_fresh()
    asked = federation.answered("signin/add_identity.html")
    try:
        if asked is None:
            raise NotFound(phrase("This page was open too long. Please begin again."))
        person, _ = asked
        label = federation.provider_named(person.provider).label + (f", {person.server}" if person.server else "")
        signing_in.link(person, label, holder.account, account_mails.of_identity, now())
        say(gettext("This way to sign in is added."))
    except (Conflict, NotFound) as error:
        db.session.rollback()
        refuse(error)
    return redirect(url_for("account.show"), 303)
