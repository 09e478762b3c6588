"""Public reads: pages of a thread as JSON and as HTML, counts, newest comments, and the widget's own file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template, request
from werkzeug.security import safe_join

from commentsvc.core import excerpts, page_keys, routes, tree
from commentsvc.core import pagination as paging
from commentsvc.core.errors import Invalid, NotFound
from commentsvc.core.phrases import phrase
from commentsvc.core.status import Status
from commentsvc.core.whole_numbers import find_number
from commentsvc.page_cache.middleware import DEPENDS_ON
from commentsvc.page_cache.pages import FIXED
from commentsvc.services import thread_pages
from commentsvc.services.thread_pages import ThreadPage
from commentsvc.store import avatars, comments, reports, sites, threads
from commentsvc.store.threads import hash_of
from commentsvc.store.transactions import begin_read
from commentsvc.store.versions import NO_THREAD, PageDependency
from commentsvc.web.api import schemas, serializers
from commentsvc.web.http import access, refused_origins
from commentsvc.web.http.app_setup import now
from commentsvc.web.http.i18n import ngettext, said, speak_for, widget_texts

pages = Blueprint("reading", __name__)

RECENT_SIZE = 10
EXCERPT_MAX = 160
# For the page's owner, in the browser's console.
HOME_CANONICAL = (
    "the canonical link of this page is the home page, so it is ignored. Correct it in the page's template."
)
HASHED = re.compile(r"[.-](?:[0-9a-f]{8,}|[0-9A-Z]{8,})\.(?:js|css)$")  # hexadecimal, or as esbuild writes it
KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
FOR_EVER = "public, max-age=31536000, immutable"
A_WHILE = "public, max-age=300"


@pages.after_request
def public(response: Response) -> Response:
    """Set headers of public reads: any origin may read them, and caches must revalidate."""
    if request.method not in ("GET", "HEAD"):
        return response
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = "ETag, Retry-After"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers.setdefault("Cache-Control", "no-cache")
    return response


def thread_page() -> ThreadPage:
    """The page that the query asks for; records its versions for the page cache."""
    sort = paging.sort(request.args.get("sort") or "oldest")
    after = paging.cursor(request.args.get("cursor", ""), sort)
    limit = paging.limit(request.args.get("limit", ""))
    asked, canonical = page_keys.check(request.args.get("thread", "")), request.args.get("canonical", "")
    begin_read()
    site = sites.by_key(request.args.get("site", "") or (request.view_args or {}).get("site_key", ""))
    speak_for(site)
    page = thread_pages.load(site, schemas.page_key_of_link(asked, canonical, site), sort, after, limit, now())
    # Of the thread's own key: pages of all spellings of an address, and of its former keys, depend on one row.
    request.environ[DEPENDS_ON] = PageDependency(site.id, hash_of(page.key), (site.version, page.version))
    return page


@pages.get(routes.API_COMMENTS)
def thread_json() -> Response:
    page = thread_page()
    shown = [serializers.comment_json(comment) for comment in tree.walk(page.roots)]
    following = str(page.following) if page.following else None
    answer = {"thread": serializers.thread_json(page), "comments": shown, "next": following}
    if page.more:
        answer["more_replies"] = [{"id": root_id, "next": str(cursor)} for root_id, cursor in page.more.items()]
    return jsonify(answer)


@pages.get(routes.EMBED_COMMENTS)
def fragment() -> str:
    """The page as the widget shows it; with `form=0` without the reply form and the buttons that need scripts."""
    form = request.args.get("form", "1")
    if form not in ("0", "1"):
        raise Invalid("form", "form is 1, or 0 for a page without the reply form.")
    page, canonical = thread_page(), request.args.get("canonical", "")
    policy = page.policy
    is_wrong = page_keys.is_home(canonical, policy) and page_keys.key_of(canonical, policy) != page.key
    warning = HOME_CANONICAL if is_wrong else ""
    return render_template("fragment.html", page=page, has_form=form == "1", warning=warning)


@pages.get(routes.EMBED_COMMENT)
def own_comment_fragment() -> Response:
    number = find_number(request.args.get("id", ""))
    if number is None:
        raise Invalid("id", "id is the number of a comment.")
    comment = access.require_readable_comment(number).comment
    if comment.status == Status.DELETED:
        raise NotFound(phrase("This comment was deleted."))
    speak_for(comment.site)
    page = thread_pages.page_around(comment)
    return _private(
        make_response(render_template("own_comment.html", page=page, node=tree.Node(comment, comment.depth)))
    )


@pages.get(routes.API_COMMENT)
def comment_json(comment_id: int) -> Response:
    found = access.require_readable_comment(comment_id)
    comment, moderator = found.comment, found.moderator
    if moderator:
        reported = reports.open_of([comment.id]).get(comment.id, [])
        return _private(jsonify(serializers.moderated_json(comment, moderator.sees_addresses(comment.site), reported)))
    if found.is_author:
        return _private(jsonify(serializers.own_comment_json(comment)))
    return jsonify(serializers.comment_json(comment))


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "private, no-store"
    return response


@pages.get(routes.API_COUNTS)
def counts() -> Response:
    site = sites.by_key(request.args.get("site", ""))
    asked, canonical = request.args.getlist("thread"), request.args.get("canonical", "")
    keys = {value: schemas.page_key(value, site) for value in asked}
    if schemas.counts_as_canonical(canonical, site):
        keys[canonical] = schemas.page_key(canonical, site)
    if not 1 <= len(asked) <= schemas.COUNTS_MAX:
        raise Invalid("thread", f"Name 1 to {schemas.COUNTS_MAX} threads: &thread=…&thread=….")
    speak_for(site)
    by_key = threads.counts(site, sorted(set(keys.values())))
    found = {value: by_key[key] for value, key in keys.items()}  # by the values as asked: the widget looks them up
    # As the widget writes them, in the language asked for; the numbers alone are for everybody else.
    texts = {str(count): ngettext("One comment", "%(num)s comments", count) for count in sorted(set(found.values()))}
    return jsonify({"counts": found, "texts": texts})


@pages.get(routes.API_RECENT)
def recent() -> Response:
    site = sites.by_key(request.args.get("site", ""))
    limit = paging.limit(request.args.get("limit", ""), RECENT_SIZE)
    speak_for(site)
    line = said("%(name)s on %(title)s")  # how the widget writes a line, with its places left to fill
    return jsonify({"comments": [_recent_json(comment) for comment in comments.recent(site, limit)], "line": line})


def _recent_json(comment: comments.Comment) -> dict[str, Any]:
    thread = comment.thread
    return {
        **serializers.comment_json(comment),
        "excerpt": excerpts.plain(comment.html, EXCERPT_MAX),
        "thread": {"key": thread.key, "title": thread.title, "url": thread.url},
    }


@pages.get(routes.EMBED_TEXTS)
def texts() -> Response:
    """The widget's texts in one language, with the site's own wording."""
    key = request.args.get("site", "")
    if key:
        site = sites.by_key(key)
        speak_for(site)
        request.environ[DEPENDS_ON] = PageDependency(site.id, NO_THREAD, (site.version, 0))
    response = jsonify(widget_texts())
    response.headers["Cache-Control"] = "public, max-age=86400, stale-while-revalidate=604800"
    return response


@pages.get(routes.EMBED_MAY_WRITE)
def may_write() -> Response:
    """Whether the page that asks is one that may write: its browser says no more of a refusal than of a cut wire."""
    site = sites.by_key(request.args.get("site", ""))
    if access.may_write(site):
        return _private(jsonify({"may_write": True}))
    refused_origins.tell(site)
    # For the owner in the browser's console; of the site's origins, only this one is public (in its feed).
    return _private(jsonify({"may_write": False, "main_origin": site.main_origin}))


@pages.get(routes.AVATAR)
def picture(name: str) -> Response:
    response = make_response(avatars.by_hash(name).body)
    response.mimetype = "image/webp"
    return _fixed(response, FOR_EVER)  # the name is the hash of the bytes


@pages.get(routes.WIDGET_SCRIPT)
def script() -> Response:
    return _file("", "embed.js", A_WHILE)


@pages.get(routes.WIDGET_FILE)
def part(name: str) -> Response:
    """A part of the widget; one with the hash of its bytes in its name is never asked for again."""
    return _file("embed", name, FOR_EVER if HASHED.search(name) else A_WHILE)


def _file(folder: str, name: str, cache_control: str) -> Response:
    path = safe_join(str(Path(current_app.static_folder or "", folder)), name)
    kind = KINDS.get(Path(name).suffix)
    if path is None or kind is None or not Path(path).is_file():
        raise NotFound("There is no such file here.")
    return _fixed(Response(Path(path).read_bytes(), content_type=kind), cache_control)


def _fixed(response: Response, cache_control: str) -> Response:
    request.environ[DEPENDS_ON] = FIXED
    response.headers["Cache-Control"] = cache_control
    return response
