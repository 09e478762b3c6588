"""A moderator's acts on the queue: deciding on one, many or all that match, answering, editing, and undoing any of it.

Each takes a plain form and leads back to the list; a script that asks for JSON gets the outcome as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import routes
from commentsvc.core.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.core.search_query import Search
from commentsvc.core.status import TARGET, Action
from commentsvc.core.whole_numbers import find_number, is_row_id
from commentsvc.services import moderation, moderator_replies, thread_settings, thread_undo
from commentsvc.services.moderation import DecisionOutcome, DecisionText, Moderator
from commentsvc.store import comments, decisions
from commentsvc.store.comment_search import Wanted
from commentsvc.store.comments import Comment
from commentsvc.store.sites import Site
from commentsvc.web.dashboard import cards, layout, queue
from commentsvc.web.dashboard.queue import Place
from commentsvc.web.http import access
from commentsvc.web.http.app_setup import now
from commentsvc.web.http.refusals import refuse, refused_script, say
from commentsvc.web.http.safe_redirect import local_path

pages = Blueprint("acts", __name__)

BATCH = re.compile(r"[0-9a-f]{32}")
Outcome = dict[str, Any]  # the result of an action, for a page or a script


@pages.post(routes.DECIDE)
def decide(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    place = queue.find_place(site_key, by)
    return _answered(site_key, lambda: _decide(place, by))


@pages.post(routes.DECIDE_ALL)
def decide_all(site_key: str) -> Response:
    """The next 500 of all that match; a script calls again, with the act's name, until nothing is left."""
    by = access.require_dashboard_moderator()
    wanted = queue.wanted_list(queue.find_place(site_key, by), by)
    return _answered(site_key, lambda: _decide_all(wanted, by))


@pages.post(routes.UNDO)
def undo(site_key: str) -> Response:
    by = access.require_dashboard_moderator()
    queue.find_place(site_key, by)
    return _answered(site_key, lambda: _undo(by))


@pages.get(routes.COMMENT)
def show(site_key: str, comment_id: int) -> str:
    by = access.require_dashboard_moderator()
    place = queue.find_place(site_key, by)
    comment = _here(place, comment_id)
    log, _ = decisions.log(comment.site, comment.id, None, 50)
    drawn = cards.of([comment], by, Search())[0]
    return layout.draw(
        "dashboard/comment.html",
        by,
        place.site,
        place_key=site_key,
        card=drawn,
        above=comments.above(comment),
        below=comments.below(comment),
        log=log,
        offered=drawn.offered,
    )


@pages.get(routes.COMMENT_CARD)
def card(site_key: str, comment_id: int) -> str:
    """One card as it is now, for a page that shows it already."""
    by = access.require_dashboard_moderator()
    comment = _here(queue.find_place(site_key, by), comment_id)
    drawn = cards.of([comment], by, Search())[0]
    names = {"card": drawn, "place_key": site_key, "offered": drawn.offered}
    return layout.draw("dashboard/one_card.html", by, None, **names)


@pages.post(routes.COMMENT_EDIT)
def edit(site_key: str, comment_id: int) -> Response:
    by = access.require_dashboard_moderator()
    comment = _here(queue.find_place(site_key, by), comment_id)
    seen = find_number(request.form.get("version", ""))
    return _answered(site_key, lambda: _edit(comment.id, by, seen))


@pages.post(routes.COMMENT_UPHOLD)
def uphold(site_key: str, comment_id: int) -> Response:
    """Answer an appeal by leaving the comment where it is."""
    by = access.require_dashboard_moderator()
    comment = _here(queue.find_place(site_key, by), comment_id)
    moderation.uphold(comment.id, by, now())
    return _answered(site_key, lambda: {"said": "Decision upheld. The commenter can see that the appeal was reviewed."})


def _decide(place: Place, by: Moderator) -> Outcome:
    act, ids = _chosen()
    _check_of(place.sites, ids)
    seen = _seen(ids)
    one = ids[0] if "one" in request.form and ids else None
    if act == "answer":
        decided = moderator_replies.answer(ids[0], request.form.get(f"reply-{one}", ""), by, seen.get(ids[0]), now())
        return _outcome("Your reply is published.", decided)
    words = DecisionText(_word("note", one), _word("told", one))
    action = Action(act)
    decided = moderation.decide(ids, action, by, words.note, now(), words.message, seen)
    return _outcome(_sentence(action, len(decided.decisions), len(set(ids))), decided)


def _decide_all(wanted: Wanted, by: Moderator) -> Outcome:
    action = request.form.get("action", "")
    if action not in set(Action):
        raise Invalid("action", "Choose an action.")
    batch = request.form.get("batch") or None
    decided = moderation.decide_matching(wanted, Action(action), by, DecisionText(_word("note", None)), batch, now())
    return _outcome(_sentence(Action(action), len(decided.decisions), len(decided.decisions)), decided)


def _undo(by: Moderator) -> Outcome:
    batch, into = request.form.get("undo", ""), request.form.get("into") or None
    entry_id = thread_settings.find_entry(batch)
    if entry_id is not None:
        return _undo_change(entry_id, by)
    if not BATCH.fullmatch(batch):
        raise NotFound("There is nothing to undo.")
    decided = moderation.undo(batch, by, now(), into)
    left = f" {decided.left} more to undo; press Undo again." if decided.left else ""
    outcome = _outcome(f"Undone.{left}", decided)
    return {**outcome, "flash": batch if decided.left else ""}


def _undo_change(entry_id: int, by: Moderator) -> Outcome:
    """Undo a change of a thread, of which a card shows nothing."""
    access.require_moderated_change(entry_id, by)
    undo = thread_undo.undo(entry_id, by, access.client_ip(), now()).undo
    return {"said": "Undone.", "undo": undo, "left": 0, "done": 0, "versions": {}}


def _edit(comment_id: int, by: Moderator, seen: int | None) -> Outcome:
    decision = moderation.edit(comment_id, request.form.get("body", ""), by, seen, now())
    return _outcome("Comment edited.", DecisionOutcome([decision], decision.batch))


def _outcome(said: str, decided: DecisionOutcome) -> Outcome:
    ids = [decision.comment_id for decision in decided.decisions]
    return {
        "said": said,
        "undo": decided.undo,
        "left": decided.left,
        "done": len(ids),
        "versions": {str(comment.id): comment.version for comment in comments.of_ids(ids)},
        "flash": decided.undo,
    }


def _answered(site_key: str, act: Callable[[], Outcome]) -> Response:
    wants_json = request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
    try:
        outcome = act()
    except (Conflict, Invalid, NotAllowed, NotFound) as error:
        if wants_json:
            return refused_script(error)
        refuse(error)
    else:
        if wants_json:
            return jsonify(outcome)
        say(outcome["said"], outcome.get("flash", ""))
    return redirect(local_path(request.form.get("back", ""), url_for("queue.show", site_key=site_key)), 303)


def _here(place: Place, comment_id: int) -> Comment:
    found = comments.of_ids([comment_id]) if is_row_id(comment_id) else []
    if not found or all(found[0].site_id != site.id for site in place.sites):
        raise NotFound("There is no comment with this number here.")
    return found[0]


def _chosen() -> tuple[str, list[int]]:
    """One card's own button (`approve:12`), or the bar's button and every ticked card."""
    act, _, number = request.form.get("one", "").partition(":")
    values = [number] if act else request.form.getlist("ids")
    act = act or request.form.get("action", "")
    if act not in {*Action, "answer"}:
        raise Invalid("action", "Choose an action.")
    if not values:
        raise Invalid("ids", "Select at least one comment.")
    return act, [find_number(value) or 0 for value in values]


def _seen(ids: list[int]) -> dict[int, int]:
    """The versions of these comments as the page showed them."""
    pairs = (value.partition(":") for value in request.form.getlist("seen"))
    numbers = ((find_number(comment_id), find_number(version)) for comment_id, _, version in pairs)
    return {comment_id: version for comment_id, version in numbers if comment_id in ids and version is not None}


def _word(name: str, one: int | None) -> str:
    own = request.form.get(f"{name}-{one}", "") if one is not None else ""
    return own or request.form.get(name, "")


def _check_of(of: list[Site], ids: list[int]) -> None:
    """Raise NotFound unless every comment is of these sites: a form of one site never acts on another."""
    found = comments.site_ids_of(ids)
    if len(found) != len(set(ids)) or not set(found.values()) <= {site.id for site in of}:
        raise NotFound("One of these comments is no longer on this site. Nothing was changed.")


def _sentence(action: Action, done: int, asked: int) -> str:
    already = f" ({asked - done} already {TARGET[action]})" if asked > done else ""
    return f"{_comments(done)} {cards.DONE[action]}{already}."


def _comments(count: int) -> str:
    return "1 comment" if count == 1 else f"{count:,} comments"
