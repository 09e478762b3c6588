"""The queue of a site: what waits and what was decided, and a moderator's acts on it."""

from __future__ import annotations

import re

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import pages as core_pages
from commentsvc.core.errors import Conflict, Invalid, NotFound
from commentsvc.core.pages import Sort
from commentsvc.core.status import TARGET, Action, Status
from commentsvc.services import moderating
from commentsvc.store import comments, people, threads
from commentsvc.store.sites import Site
from commentsvc.web import guard
from commentsvc.web.dashboard import frame
from commentsvc.web.local_paths import local_path
from commentsvc.web.wiring import now

pages = Blueprint("queue", __name__, url_prefix="/dashboard")

WORDS_MAX = 200
# The likeliest act first; what a comment is already is not offered.
OFFERED = {
    Status.PENDING: (Action.APPROVE, Action.REJECT, Action.SPAM, Action.DELETE),
    Status.APPROVED: (Action.PENDING, Action.REJECT, Action.SPAM, Action.DELETE),
    Status.REJECTED: (Action.APPROVE, Action.PENDING, Action.SPAM, Action.DELETE),
    Status.SPAM: (Action.APPROVE, Action.PENDING, Action.REJECT, Action.DELETE),
    Status.DELETED: (Action.APPROVE, Action.PENDING),
}
LABEL = {
    Action.APPROVE: "Approve",
    Action.REJECT: "Reject",
    Action.SPAM: "Spam",
    Action.DELETE: "Delete",
    Action.PENDING: "Back to pending",
}
DONE = {
    Action.APPROVE: "approved",
    Action.REJECT: "rejected",
    Action.SPAM: "marked as spam",
    Action.DELETE: "deleted",
    Action.PENDING: "put back to pending",
}
EMPTY = {
    Status.PENDING: "Nothing is waiting for you. Enjoy the quiet.",
    Status.APPROVED: "No comment has been approved yet. The first one you approve will be here.",
    Status.REJECTED: "You have not had to reject anything.",
    Status.SPAM: "No spam. Long may it last.",
    Status.DELETED: "Nothing has been deleted. What you delete waits here, and can be brought back.",
}


@pages.get("", strict_slashes=False)
def sites() -> Response | str:
    by = guard.dashboard_moderator()
    found = people.moderated_sites(by.account)
    if len(found) == 1:
        return redirect(url_for("queue.show", site_key=found[0].key))
    pending = {site.id: comments.tally(site)[Status.PENDING] for site in found}
    return frame.draw("dashboard/sites.html", by, None, pending=pending)


@pages.get("/<site_key>")
def show(site_key: str) -> str:
    by = guard.dashboard_moderator()
    site = guard.moderated(site_key, by)
    status = _status()
    words = request.args.get("q", "").replace("\0", "").strip()[:WORDS_MAX]  # PostgreSQL takes no NUL
    thread_key = request.args.get("thread", "")
    oldest_first = status is Status.PENDING
    sort = Sort.OLDEST if oldest_first else Sort.NEWEST
    after = core_pages.cursor(request.args.get("cursor", ""), sort)
    thread = threads.find(site, thread_key) if thread_key else None
    found, following = (
        ([], None)
        if thread_key and thread is None
        else comments.queue(
            site,
            status,
            oldest_first=oldest_first,
            after=after,
            limit=core_pages.PAGE_SIZE,
            thread=thread,
            words=words,
        )
    )
    return frame.draw(
        "dashboard/queue.html",
        by,
        site,
        status=status,
        words=words,
        thread_key=thread_key,
        thread=thread,
        cards=found,
        following=following,
        is_first_page=after is None,
        tally=comments.tally(site),
        offered=OFFERED[status],
        label=LABEL,
        empty=EMPTY[status],
    )


@pages.post("/<site_key>/decide")
def decide(site_key: str) -> Response:
    by = guard.dashboard_moderator()
    site = guard.moderated(site_key, by)
    note = request.form.get("note", "").replace("\0", "").strip()
    try:
        action, ids = _chosen()
        _check_of(site, ids)
        decided = moderating.decide(ids, action, by, note, now())
    except (Conflict, Invalid, NotFound) as error:
        frame.refuse(error)
    else:
        frame.say(_outcome(action, len(decided.decisions), len(set(ids))), decided.undo)
    return _back(site_key)


@pages.post("/<site_key>/undo")
def undo(site_key: str) -> Response:
    by = guard.dashboard_moderator()
    guard.moderated(site_key, by)
    batch = request.form.get("undo", "")
    try:
        if not re.fullmatch(r"[0-9a-f]{32}", batch):
            raise NotFound("There is no such act to undo.")
        decided = moderating.undo(batch, by, now())
    except (Conflict, NotFound) as error:
        frame.refuse(error)
    else:
        frame.say(f"Undone: {_comments(len(decided.decisions))} as before.")
    return _back(site_key)


def _status() -> Status:
    value = request.args.get("status", Status.PENDING)
    if value not in set(Status):
        raise NotFound(f"The queue has no page “{value[:40]}”; it has {', '.join(Status)}.")
    return Status(value)


def _chosen() -> tuple[Action, list[int]]:
    """One card's own button (`approve:12`), or the bar's button and every ticked card."""
    action, _, number = request.form.get("one", "").partition(":")
    values = [number] if action else request.form.getlist("ids")
    action = action or request.form.get("action", "")
    if action not in set(Action):
        raise Invalid("action", "Choose what to do with these comments.")
    if not values:
        raise Invalid("ids", "Tick the comments first, then choose what to do with them.")
    return Action(action), [frame.find_number(value) or 0 for value in values]


def _check_of(site: Site, ids: list[int]) -> None:
    """Raise NotFound unless every comment is of this site: a form of one site never acts on another."""
    found = comments.of_ids(ids)
    if len(found) != len(set(ids)) or any(comment.site_id != site.id for comment in found):
        raise NotFound("One of these comments is not on this site any more. Nothing was changed.")


def _outcome(action: Action, done: int, asked: int) -> str:
    already = f" ({asked - done} already {TARGET[action]})" if asked > done else ""
    return f"{_comments(done)} {DONE[action]}{already}."


def _comments(count: int) -> str:
    return "1 comment" if count == 1 else f"{count} comments"


def _back(site_key: str) -> Response:
    return redirect(local_path(request.form.get("back", ""), url_for("queue.show", site_key=site_key)), 303)
