"""How often a moderator is mailed about what waits on a site."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import languages
from commentsvc.core.errors import Invalid
from commentsvc.services import notifications
from commentsvc.store import digest_settings
from commentsvc.store.digest_settings import DigestInterval
from commentsvc.web.dashboard import layout
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import now

pages = Blueprint("mails", __name__, url_prefix="/dashboard")

MEANS = {
    DigestInterval.AT_ONCE: "At once, one mail for each comment that waits",
    DigestInterval.HOURLY: "Once an hour, when something new waits",
    DigestInterval.DAILY: "Once a day, when something new waits",
    DigestInterval.OFF: "Never",
}


@pages.get("/<site_key>/mails")
def show(site_key: str) -> str:
    by = access.require_dashboard_moderator()
    site = access.require_moderated_site(site_key, by)
    watch = digest_settings.find(by.account, site)
    pace = watch.pace if watch else DigestInterval.HOURLY
    speaks = languages.own_name(site.voice(by.account.language).tag)
    return layout.draw("dashboard/mails.html", by, site, pace=pace, means=MEANS, speaks=speaks)


@pages.post("/<site_key>/mails")
def choose(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    site = access.require_moderated_site(site_key, by)
    pace = request.form.get("pace", "")
    if pace not in set(DigestInterval):
        raise Invalid("pace", "Choose how often.")
    notifications.choose_interval(by.account, site, DigestInterval(pace), now())
    layout.say("Saved.")
    return redirect(url_for("mails.show", site_key=site_key), 303)
