"""Background jobs of the whole service that wait, run or have failed; for admins."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import routes
from commentsvc.core.errors import Invalid
from commentsvc.core.whole_numbers import find_number
from commentsvc.services import job_admin
from commentsvc.store import jobs
from commentsvc.web.dashboard import layout
from commentsvc.web.http import access
from commentsvc.web.http.access import client_ip
from commentsvc.web.http.app_setup import now
from commentsvc.web.http.refusals import attempt, say

pages = Blueprint("jobs", __name__)

SHOWN = 200


@pages.get(routes.JOBS)
def show() -> str:
    by = access.require_admin()
    found = jobs.listed(now())
    return layout.draw("dashboard/jobs.html", by, None, jobs=found[:SHOWN], count=len(found))


@pages.post(routes.JOBS)
def act() -> Response:
    """Retry or drop one job, or all that have failed: the button says which."""
    by = access.require_admin()
    number = find_number(request.form.get("job", ""))
    ids = [number] if number is not None else []
    with attempt():
        name = request.form.get("act", "")
        if name not in ("retry", "drop"):
            raise Invalid("act", "Choose an action.")
        count = (job_admin.retry if name == "retry" else job_admin.drop)(ids, by.account, client_ip(), now())
        say(f"Jobs that will be retried: {count}." if name == "retry" else f"Jobs deleted: {count}.")
    return redirect(url_for("jobs.show"), 303)
