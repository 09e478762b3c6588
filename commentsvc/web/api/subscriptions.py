"""The API by which readers follow a thread by email without commenting."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from commentsvc.core import emails, routes
from commentsvc.services import subscriptions
from commentsvc.web.api import schemas
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import csrf, now, settings
from commentsvc.web.http.i18n import gettext, language_wished

pages = Blueprint("subscriptions", __name__)
csrf.exempt(pages)  # cookies are ignored here


@pages.post(routes.API_SUBSCRIPTIONS)
def subscribe() -> tuple[Response, int]:
    shape = schemas.parsed(schemas.SubscriptionIn)
    site = access.require_site_for_writes(shape.site)
    what, email = subscriptions.wanted(shape.what), emails.address(shape.email, "email", True)
    key = schemas.page_key(shape.thread, site)
    access.check_subscribing_pace()
    subscriptions.subscribe(
        site.id, key, email, what, language_wished(), access.client_ip(), settings().secret_key, now()
    )
    sentence = gettext("Thank you. If this address is new here, you will get an email with a link to confirm it.")
    return jsonify({"message": sentence}), 202
