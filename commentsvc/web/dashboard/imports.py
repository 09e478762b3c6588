"""Imports of a site: upload, check, report, start, progress, and undo of a whole import; for owners."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import routes
from commentsvc.core.errors import Invalid
from commentsvc.services import import_runs as import_runs_service
from commentsvc.services.import_runs import RunOptions
from commentsvc.services.moderation import Moderator
from commentsvc.store import import_runs
from commentsvc.store.import_runs import ImportRun, ImportState
from commentsvc.store.sites import Site
from commentsvc.web.dashboard import layout
from commentsvc.web.http import access
from commentsvc.web.http.access import client_ip
from commentsvc.web.http.app_setup import RULES_MAX_BYTES, now
from commentsvc.web.http.refusals import attempt, refused, say

pages = Blueprint("imports", __name__)

FORMAT_NAMES = {
    "wordpress": "WordPress (WXR)",
    "disqus": "Disqus (XML)",
    "isso": "Isso (SQLite or JSON)",
    "commento": "Commento, Commento++ (JSON)",
    "remark42": "Remark42 (backup)",
    "comentario": "Comentario (JSON)",
    "waline": "Waline, Valine (JSON)",
    "artalk": "Artalk (Artrans)",
    "blogger": "Blogger (Takeout)",
    "json": "This service (export)",
}
STATES = {
    ImportState.CHECKING: "being checked",
    ImportState.CHECKED: "checked, not started",
    ImportState.IMPORTING: "being imported",
    ImportState.DONE: "imported",
    ImportState.FAILED: "failed",
    ImportState.CANCELLED: "cancelled",
    ImportState.UNDOING: "being undone",
    ImportState.UNDONE: "undone",
}
FIELDS = ("format", "timezone", "include_private", "from", "to")
PROBLEMS_SHOWN = 200
MAX_MB = RULES_MAX_BYTES // 2**20


@pages.get(routes.IMPORTS)
def show(site_key: str) -> str:
    by = access.require_dashboard_moderator()
    return _page(access.require_owned_site(site_key, by), by)


@pages.post(routes.IMPORTS)
def upload(site_key: str) -> Response | str:
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    try:
        run_id = _upload(site, by)
    except Invalid as error:
        return refused(error, _page(site, by, str(error)))
    return redirect(url_for("imports.one", site_key=site_key, run_id=run_id), 303)


@pages.get(routes.IMPORT_RUN)
def one(site_key: str, run_id: int) -> str:
    """A page that reloads itself while a worker is at the import."""
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    run = import_runs.by_id(site, run_id)
    return layout.draw(
        "dashboard/import.html",
        by,
        site,
        run=run,
        state=STATES[ImportState(run.state)],
        format_name=FORMAT_NAMES[run.format],
        added=import_runs.count_comments(run.id),
        shown_max=PROBLEMS_SHOWN,
    )


@pages.post(routes.IMPORT_RUN)
def act(site_key: str, run_id: int) -> Response:
    """The button says what: start, cancel or undo."""
    by = access.require_dashboard_moderator()
    site = access.require_owned_site(site_key, by)
    acts: dict[str, Callable[[], None]] = {
        "start": lambda: import_runs_service.start(site, run_id, by.account, now()),
        "cancel": lambda: import_runs_service.cancel(site, run_id, by.account, now()),
        "undo": lambda: import_runs_service.undo(site, run_id, by.account, client_ip(), now()),
    }
    with attempt():
        chosen = acts.get(request.form.get("act", ""))
        if chosen is None:
            raise Invalid("act", "Choose an action.")
        chosen()
        if request.form["act"] == "cancel":
            say("Import cancelled. The file was deleted.")
    return redirect(url_for("imports.one", site_key=site_key, run_id=run_id), 303)


def _upload(site: Site, by: Moderator) -> int:
    form, file, map_file = request.form, request.files.get("file"), request.files.get("map")
    if file is None or not file.filename:
        raise Invalid("file", "Choose the file to import.")
    try:
        map_lines = map_file.read().decode("utf-8-sig").splitlines() if map_file is not None else []
    except UnicodeDecodeError:
        raise Invalid("map", "The map of addresses is not a CSV file in UTF-8.") from None
    typed = RunOptions(
        form.get("timezone", "").strip() or "UTC",
        form.get("include_private") == "yes",
        form.get("from", "").strip(),
        form.get("to", "").strip(),
    )
    options = import_runs_service.checked_options(typed, map_lines, site.policy)
    return import_runs_service.upload(
        site, form.get("format", ""), file.filename, file.read(), options, by.account, now()
    )


def _page(site: Site, by: Moderator, problem: str = "") -> str:
    typed = {name: request.form.get(name, "") for name in FIELDS} if problem else {}
    return layout.draw(
        "dashboard/imports.html",
        by,
        site,
        runs=import_runs.of_site(site),
        state_of=_state,
        formats=FORMAT_NAMES,
        offered=[name for name in FORMAT_NAMES if name != import_runs_service.OURS or by.account.is_admin],
        typed=typed,
        problem=problem,
        max_mb=MAX_MB,
    )


def _state(run: ImportRun) -> str:
    return STATES[ImportState(run.state)]
