"""The queue: comments of one site or of all sites of a moderator, by status, with counts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import Blueprint, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response

from commentsvc.core import pagination as core_pages
from commentsvc.core import routes, search_query
from commentsvc.core.errors import Invalid, NotFound
from commentsvc.core.pagination import Sort
from commentsvc.core.search_query import Search
from commentsvc.core.status import Action, Status
from commentsvc.core.whole_numbers import find_number
from commentsvc.services.moderation import Moderator
from commentsvc.store import appeals, canned_responses, comment_search, counters, memberships
from commentsvc.store.comment_search import SearchPage, Wanted
from commentsvc.store.sites import Site
from commentsvc.web.dashboard import cards, layout
from commentsvc.web.http import access

pages = Blueprint("queue", __name__)

ALL = "_all"  # stands in the address for all sites of a moderator; no site has such a key
COUNTED_MAX = 10_000
NEW_MAX = 100
SORTS = {"oldest": Sort.OLDEST, "newest": Sort.NEWEST, "likely-spam": Sort.TOP}
FLAGGED = "flagged"  # published, and reported by readers
ANY = search_query.ANY_STATUS  # all lists together, for a search
EMPTY = {
    Status.PENDING: "All caught up. No pending comments.",
    Status.APPROVED: "No approved comments yet.",
    Status.REJECTED: "No rejected comments.",
    Status.SPAM: "No comments marked as spam.",
    FLAGGED: "No reported comments.",
    ANY: "No comments yet.",
    Status.DELETED: "No deleted comments. You can restore deleted comments from here.",
}


@dataclass(frozen=True)
class Place:
    """The scope of the queue: one site, or all of the moderator's sites (`site` is None)."""

    key: str
    site: Site | None
    sites: list[Site]


@pages.get(routes.DASHBOARD, strict_slashes=False)
def sites() -> Response | str:
    by = access.require_dashboard_moderator()
    found = memberships.moderated_sites(by.account)
    if len(found) == 1:
        return redirect(url_for("queue.show", site_key=found[0].key))
    seen = [site for site in found if by.has_shown_factor or not site.policy.second_factor_required]
    pending = {site.id: counters.of_site(site)[Status.PENDING] for site in seen}
    return layout.draw("dashboard/sites.html", by, None, pending=pending)


@pages.get(routes.QUEUE)
def show(site_key: str) -> Response | tuple[str, int] | str:
    by = access.require_dashboard_moderator()
    place = find_place(site_key, by)
    query = request.args.get("q", "").replace("\0", "").strip()
    listed, problem = _list(), ""
    try:
        search = _search(query, place, by)
    except Invalid as error:
        search, problem = Search(), str(error)
    chosen = ANY if search.is_any_status else search.status
    if chosen and (chosen != listed or search_query.without_status(query) != query):
        goal = url_for("queue.show", site_key=site_key, status=chosen, q=search_query.without_status(query) or None)
        return redirect(goal)
    status, search = _of_list(listed, search)
    sort = _sort(status)
    after = core_pages.cursor(request.args.get("cursor", ""), sort)
    sees_addresses = _sees_addresses(place, by)
    wanted = Wanted(place.sites, status, sort, search, sees_addresses, is_flagged=listed == FLAGGED)
    found = SearchPage([], None) if problem else comment_search.page(wanted, after, core_pages.PAGE_SIZE)
    drawn = layout.draw(
        "dashboard/queue.html",
        by,
        place.site,
        place_key=site_key,
        status=listed,
        query=query,
        problem=problem,
        sort=next(name for name, order in SORTS.items() if order is sort),
        cards=cards.of(found.comments, by, search),
        found=found,
        is_first_page=after is None,
        tally=_tally(place.sites),
        appealed=_appeals(place, by),
        newest_id=comment_search.newest_id(place.sites),
        offered=cards.OFFERED_FLAGGED if listed == FLAGGED else cards.OFFERED[status],
        has_one_status=listed != ANY,
        canned=canned_responses.of_site(place.site) if place.site else (),
        empty=EMPTY[listed],
    )
    return (drawn, 422) if problem else drawn


@pages.get(routes.QUEUE_COUNTS)
def counts(site_key: str) -> Response:
    """The numbers beside the tabs, and how many came since the page was drawn; 304 while nothing moves."""
    by = access.require_dashboard_moderator()
    place = find_place(site_key, by)
    since = find_number(request.args.get("since", ""))
    listed = _list()
    new = (
        comment_search.arrived_since(place.sites, Status(listed), since, NEW_MAX)
        if since is not None and listed not in (FLAGGED, ANY)
        else 0
    )
    response = jsonify({"counts": _tally(place.sites), "appeals": _appeals(place, by), "new": new})
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    return response.make_conditional(request)


@pages.get(routes.QUEUE_MATCHING)
def matching(site_key: str) -> Response:
    """The size of the list, counted up to a limit, and its last comment; for an action on all of them."""
    by = access.require_dashboard_moderator()
    place = find_place(site_key, by)
    wanted = wanted_list(place, by)
    if wanted.search.is_empty:
        count = _tally(place.sites)[FLAGGED if wanted.is_flagged else wanted.status]
    else:
        count = len(comment_search.ids(wanted, COUNTED_MAX + 1))
    is_exact = wanted.search.is_empty or count <= COUNTED_MAX
    until = comment_search.newest_id(place.sites)
    return jsonify({"count": count if is_exact else COUNTED_MAX, "is_exact": is_exact, "until": until})


@pages.get(routes.QUEUE_APPEALS)
def appealed(site_key: str) -> str:
    by = access.require_dashboard_moderator()
    place = find_place(site_key, by)
    found = [a.comment for site in place.sites for a in appeals.open_for(site, by.account, _has_others(site))]
    return layout.draw(
        "dashboard/appeals.html",
        by,
        place.site,
        place_key=site_key,
        cards=cards.of(found, by, Search()),
        tally=_tally(place.sites),
        appealed=len(found),
        offered=(Action.APPROVE, Action.REJECT, Action.SPAM, Action.DELETE),
        canned=canned_responses.of_site(place.site) if place.site else (),
    )


def wanted_list(place: Place, by: Moderator) -> Wanted:
    """The list that a request's status and search name, up to the comment `until`."""
    values = request.values
    search = _search(values.get("q", ""), place, by)
    until = find_number(values.get("until", ""))
    is_flagged = _list() == FLAGGED
    status, search = _of_list(_list(), search)
    if search.is_any_status:
        raise Invalid("status", "Choose a list, such as Pending, to decide on all results at once.")
    return Wanted(place.sites, status, Sort.OLDEST, search, _sees_addresses(place, by), until, is_flagged)


def find_place(site_key: str, by: Moderator) -> Place:
    if site_key == ALL:
        every = memberships.moderated_sites(by.account)
        for site in every:
            by.check_factor(site)
        return Place(site_key, None, every)
    site = access.require_moderated_site(site_key, by)
    return Place(site_key, site, [site])


def _search(query: str, place: Place, by: Moderator) -> Search:
    search = search_query.parse(query)
    if search.asks_for_address and not _sees_addresses(place, by):
        raise Invalid("q", "Only owners can search addresses here. An owner can allow it for moderators in Settings.")
    return search


def _of_list(listed: str, search: Search) -> tuple[Status, Search]:
    """The status of a list, and the search in it; of all lists together, the first status."""
    if listed == ANY:
        return Status.PENDING, replace(search, is_any_status=True)
    return Status.APPROVED if listed == FLAGGED else Status(listed), search


def _sees_addresses(place: Place, by: Moderator) -> bool:
    return all(by.sees_addresses(site) for site in place.sites)


def _list() -> str:
    """The list that is asked for: a status, or those that readers report."""
    value = request.values.get("status", Status.PENDING)
    if value not in {*Status, FLAGGED, ANY}:
        raise NotFound(f"The queue has no page “{value[:40]}”; it has {', '.join(Status)}, {FLAGGED}, {ANY}.")
    return value


def _sort(status: Status) -> Sort:
    """By default pending comments oldest first and decided comments newest first; the query can change it."""
    asked = request.args.get("sort", "")
    if asked and asked not in SORTS:
        raise Invalid("sort", f"sort is one of {', '.join(SORTS)}.")
    is_queue = status is Status.PENDING and _list() != ANY
    return SORTS[asked] if asked else Sort.OLDEST if is_queue else Sort.NEWEST


def _tally(of: list[Site]) -> dict[str, int]:
    found = [counters.of_site(site) for site in of]
    pending, *decided = ((str(status), sum(tally[status] for tally in found)) for status in Status)
    return dict([pending, (FLAGGED, sum(counters.flagged_on(site) for site in of)), *decided])


def _appeals(place: Place, by: Moderator) -> int:
    return sum(appeals.count_open(site, by.account, _has_others(site)) for site in place.sites)


def _has_others(site: Site) -> bool:
    return memberships.members_of(site.id) > 1
