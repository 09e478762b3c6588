"""The pages of a site that have threads: their titles and addresses; owners move, merge and delete them too."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import routes, text_input
from commentsvc.core.errors import Invalid
from commentsvc.core.pagination import PAGE_SIZE
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import TITLE_MAX
from commentsvc.core.whole_numbers import find_number
from commentsvc.services import thread_deletion, thread_moves, thread_settings
from commentsvc.services.moderation import Moderator
from commentsvc.store import threads
from commentsvc.store.sites import Site
from commentsvc.web.api import schemas
from commentsvc.web.dashboard import layout
from commentsvc.web.http import access
from commentsvc.web.http.access import client_ip
from commentsvc.web.http.app_setup import now
from commentsvc.web.http.refusals import attempt, say

pages = Blueprint("threads", __name__)


@pages.get(routes.THREADS)
def show(site_key: str) -> str:
    by = access.require_dashboard_moderator()
    site = access.require_moderated_site(site_key, by)
    words = request.args.get("q", "").replace("\0", "").strip()[:TITLE_MAX]
    before_id = find_number(request.args.get("before", ""))
    found = threads.matching(site, words, before_id, PAGE_SIZE + 1)
    return layout.draw(
        "dashboard/threads.html",
        by,
        site,
        threads=found[:PAGE_SIZE],
        query=words,
        following=found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else None,
        is_first_page=before_id is None,
    )


@pages.post(routes.THREADS)
def change(site_key: str) -> Response:
    """The button says what is done to the thread."""
    by = access.require_dashboard_moderator()
    wanted = request.form.get("act", "")
    find_site = access.require_owned_site if wanted in OWNERS_ACTS else access.require_moderated_site
    site = find_site(site_key, by)
    with attempt():
        act = (ACTS | OWNERS_ACTS).get(wanted)
        if act is None:
            raise Invalid("act", "Choose an action.")
        act(site, request.form.get("thread", ""), by)
    return redirect(url_for("threads.show", site_key=site_key, q=request.form.get("q") or None), 303)


def _set_names(site: Site, key: str, by: Moderator) -> None:
    """Title and address, each if it differs: one that was only shown is not one that a moderator has chosen."""
    thread_key = threads.key_for(site, key)
    thread = threads.find(site, thread_key)
    named: dict[str, str] = {}
    if "title" in request.form:
        named["title"] = text_input.line(request.form["title"], "title", phrase("The page's title"), TITLE_MAX, False)
    if "url" in request.form:
        named["url"] = schemas.page_url(request.form["url"], site)
    changes = {name: value for name, value in named.items() if thread is None or value != getattr(thread, name)}
    changed = thread_settings.tend(site, thread_key, changes, by.account, client_ip(), now())
    say("Title and address saved." if changes else "Nothing was changed.", changed.undo or "")


def _set_open(site: Site, key: str, by: Moderator) -> None:
    is_open = request.form.get("act") == "open"
    changes = {"is_open": is_open}
    changed = thread_settings.tend(site, threads.key_for(site, key), changes, by.account, client_ip(), now())
    say("Comments are open." if is_open else "Comments are closed.", changed.undo or "")


def _move(site: Site, key: str, by: Moderator) -> None:
    moved = thread_moves.move(site.id, key, _goal(), by.account, client_ip(), now())
    say(f"Moved to {moved.thread.key}. The old address still leads to these comments.", moved.undo or "")


def _merge(site: Site, key: str, by: Moderator) -> None:
    merged = thread_moves.merge(site.id, key, _goal(), by.account, client_ip(), now())
    say(f"Merged into {merged.thread.key}. Comments moved: {merged.comments}.", merged.undo)


def _delete(site: Site, key: str, by: Moderator) -> None:
    deleted = thread_deletion.delete(site, key, by.account, client_ip(), now())
    say(f"Comments deleted: {deleted.comments}. The page is closed.", deleted.undo)


ACTS: dict[str, Callable[[Site, str, Moderator], None]] = {
    "names": _set_names,
    "open": _set_open,
    "close": _set_open,
}
OWNERS_ACTS: dict[str, Callable[[Site, str, Moderator], None]] = {
    "move": _move,
    "merge": _merge,
    "delete": _delete,
}


def _goal() -> str:
    goal = request.form.get("to", "").strip()
    if not goal:
        raise Invalid("to", "Enter the address or the path of the other page.")
    return goal
