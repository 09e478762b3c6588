"""How often a moderator is mailed about what waits on a site."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import languages
from commentsvc.core.errors import Invalid
from commentsvc.services.moderating import Moderator
from commentsvc.store import people, watches
from commentsvc.store.db import retried, write
from commentsvc.store.sites import Site
from commentsvc.store.watches import Pace
from commentsvc.web import guard
from commentsvc.web.dashboard import frame
from commentsvc.web.wiring import now

pages = Blueprint("mails", __name__, url_prefix="/dashboard")

MEANS = {
    Pace.AT_ONCE: "At once, one mail for each comment that waits",
    Pace.HOURLY: "Once an hour, when something new waits",
    Pace.DAILY: "Once a day, when something new waits",
    Pace.OFF: "Never",
}


@pages.get("/<site_key>/mails")
def show(site_key: str) -> str:
    by = guard.dashboard_moderator()
    site = guard.moderated(site_key, by)
    watch = watches.find(by.account, site)
    pace = watch.pace if watch else Pace.HOURLY
    speaks = languages.own_name(site.voice(by.account.language).tag)
    return frame.draw("dashboard/mails.html", by, site, pace=pace, means=MEANS, speaks=speaks)


@pages.post("/<site_key>/mails")
def choose(site_key: str) -> Response:
    by = guard.dashboard_moderator()
    site = guard.moderated(site_key, by)
    pace = request.form.get("pace", "")
    if pace not in set(Pace):
        raise Invalid("pace", "Choose how often.")
    _keep(by, site, Pace(pace))
    frame.say("Saved.")
    return redirect(url_for("mails.show", site_key=site_key), 303)


@retried
def _keep(by: Moderator, site: Site, pace: Pace) -> None:
    with write():
        people.hold(by.account.id)
        watches.set_pace(by.account, site, pace, now())
