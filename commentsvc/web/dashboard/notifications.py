"""Settings of a moderator's mails about pending comments of a site."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import languages, routes
from commentsvc.core.errors import Invalid
from commentsvc.services import notifications
from commentsvc.store import digest_settings
from commentsvc.store.digest_settings import DigestInterval
from commentsvc.web.dashboard import layout
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import now
from commentsvc.web.http.refusals import say

pages = Blueprint("mails", __name__)

MEANS = {
    DigestInterval.AT_ONCE: "Immediately, one email per comment",
    DigestInterval.HOURLY: "Hourly, if new comments are pending",
    DigestInterval.DAILY: "Daily, if new comments are pending",
    DigestInterval.OFF: "Never",
}


@pages.get(routes.NOTIFICATIONS)
def show(site_key: str) -> str:
    by = access.require_dashboard_moderator()
    site = access.require_moderated_site(site_key, by)
    watch = digest_settings.find(by.account, site)
    pace = watch.pace if watch else DigestInterval.HOURLY
    speaks = languages.own_name(site.translator(by.account.language).tag)
    return layout.draw("dashboard/mails.html", by, site, pace=pace, means=MEANS, speaks=speaks)


@pages.post(routes.NOTIFICATIONS)
def choose(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_moderated_site(site_key, by)
    pace = request.form.get("pace", "")
    if pace not in set(DigestInterval):
        raise Invalid("pace", "Choose how often you want emails.")
    notifications.choose_interval(by.account, site, DigestInterval(pace), now())
    say("Saved.")
    return redirect(url_for("mails.show", site_key=site_key), 303)
