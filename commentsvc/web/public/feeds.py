"""Feeds of the newest comments, of a site or of one of its threads: Atom (RFC 4287), answers marked as in RFC 4685."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from xml.etree import ElementTree as xml

from flask import Blueprint, Response, make_response, request

from commentsvc.core import routes
from commentsvc.page_cache.middleware import DEPENDS_ON
from commentsvc.store import comments, counters, sites, threads
from commentsvc.store.comments import Comment
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import begin_read
from commentsvc.store.versions import ALL_THREADS, PageDependency
from commentsvc.web.api import schemas
from commentsvc.web.http import urls
from commentsvc.web.http.app_setup import machine_time, settings
from commentsvc.web.public import thread_reads

pages = Blueprint("feeds", __name__)
pages.after_request(thread_reads.public)

FEED_SIZE = 50
ATOM, THREADING = "http://www.w3.org/2005/Atom", "http://purl.org/syndication/thread/1.0"
xml.register_namespace("", ATOM)
xml.register_namespace("thr", THREADING)
# Characters that XML 1.0 forbids; imported comments may contain them.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@pages.get(routes.FEED)
def atom(site_key: str) -> Response:
    begin_read()
    site = sites.by_key(site_key)
    key = schemas.page_key(request.args["thread"], site) if request.args.get("thread") else None
    if key is None:
        newest, thread, version = comments.recent(site, FEED_SIZE), None, counters.version_of(site)
    else:
        thread = threads.find(site, key)
        newest, version = (comments.recent_in(thread, FEED_SIZE), thread.version) if thread else ([], 0)
    key_hash = ALL_THREADS if key is None else threads.hash_of(key)
    request.environ[DEPENDS_ON] = PageDependency(site.id, key_hash, (site.version, version))
    response = make_response(_drawn(site, key, thread, newest))
    response.content_type = "application/atom+xml; charset=utf-8"
    if site.policy.noindex:
        response.headers["X-Robots-Tag"] = "noindex"
    return response


def address(site_key: str, key: str | None = None) -> str:
    """The address of the feed of a site or thread."""
    query = {"thread": key} if key is not None else {}
    return settings().base_url + routes.fill(routes.FEED, site_key=site_key, **query)


def _drawn(site: Site, key: str | None, thread: Thread | None, newest: Sequence[Comment]) -> bytes:
    about = site.name if key is None else (thread.title if thread else "") or key
    page = site.main_origin + "/" if key is None and site.main_origin else ""
    if key is not None:
        page = (thread.url if thread else "") or urls.hosted_url(site.key, key)
    begun_at = thread.created_at if thread else site.created_at
    feed = xml.Element(f"{{{ATOM}}}feed")
    _add(feed, "id", address(site.key, key))
    _add(feed, "title", f"Comments on {about}")
    _add(feed, "updated", machine_time(max((_updated_at(comment) for comment in newest), default=begun_at)))
    _add(feed, "link", rel="self", type="application/atom+xml", href=address(site.key, key))
    if page:
        _add(feed, "link", rel="alternate", type="text/html", href=page)
    _add(feed, "generator", "commentsvc")
    for comment in newest:
        _add_entry(feed, comment)
    drawn: bytes = xml.tostring(feed, encoding="utf-8", xml_declaration=True)
    return drawn


def _add_entry(feed: xml.Element, comment: Comment) -> None:
    thread = comment.thread
    entry = _add(feed, "entry")
    _add(entry, "id", _id(comment.id))
    _add(entry, "title", f"{comment.author_name} on {thread.title or thread.key}")
    author = _add(entry, "author")
    _add(author, "name", comment.author_name)
    if comment.author_website:
        _add(author, "uri", comment.author_website)
    _add(entry, "published", machine_time(comment.created_at))
    _add(entry, "updated", machine_time(_updated_at(comment)))
    _add(entry, "link", rel="alternate", type="text/html", href=urls.permalink(comment))
    if comment.parent_id is not None:
        place = routes.comment_anchor(urls.permalink(comment), comment.parent_id)
        answered = {"ref": _id(comment.parent_id), "href": place, "type": "text/html"}
        xml.SubElement(entry, f"{{{THREADING}}}in-reply-to", answered)
    _add(entry, "content", comment.html, type="html")


def _id(comment_id: int) -> str:
    return settings().base_url + routes.fill(routes.API_COMMENT, comment_id=comment_id)


def _updated_at(comment: Comment) -> datetime:
    return comment.edited_at or comment.created_at


def _add(parent: xml.Element, name: str, words: str = "", **attributes: str) -> xml.Element:
    element = xml.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    element.text = _NO_XML.sub("", words) or None
    return element
