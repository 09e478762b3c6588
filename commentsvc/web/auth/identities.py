"""Adding a way to sign in to an account: by forms, for its holder, who has shown a short while ago who they are."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import routes
from commentsvc.core.errors import Conflict, NotFound
from commentsvc.core.phrases import phrase
from commentsvc.services import identities
from commentsvc.web.auth import account_mails, providers
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import now
from commentsvc.web.http.i18n import gettext
from commentsvc.web.http.refusals import refuse, say

pages = Blueprint("identities", __name__)


@pages.post(routes.ACCOUNT_LINK)
def begin() -> Response:
    """Redirect to the provider that the account page's form names."""
    holder = access.require_second_factor()
    found = providers.provider_named(request.form.get("provider", ""))
    access.require_recent_sign_in()
    access.check_pace()
    instance = request.form.get("instance", "")
    return providers.begin(found, url_for("account.show"), instance, links_to=holder.session.id)


@pages.post(routes.ACCOUNT_LINK_ADD)
def add() -> Response:
    """Add the identity that the page has named."""
    holder = access.require_second_factor()
    access.require_recent_sign_in()
    asked = providers.answered("signin/add_identity.html")
    try:
        if asked is None:
            raise NotFound(phrase("This page has expired. Please start again."))
        person, _ = asked
        label = providers.provider_named(person.provider).label + (f", {person.server}" if person.server else "")
        identities.link(person, label, holder.account, account_mails.of_identity, now())
        say(gettext("Sign-in method added."))
    except (Conflict, NotFound) as error:
        refuse(error)
    return redirect(url_for("account.show"), 303)
