"""Reads the pages of threads: title and address of a thread are those that the page itself gives."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from commentsvc.core import links, origins, page_keys
from commentsvc.core.outbound import OutboundAllow
from commentsvc.core.page_head import EmbeddedThread
from commentsvc.core.policy import TITLE_MAX, URL_MAX, Policy
from commentsvc.services import transitions
from commentsvc.store import thread_titles, threads
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import end_read_transaction, retried, write

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageNames:
    """Title and address that a page gives itself; "" where it gives none."""

    title: str
    url: str


@dataclass(frozen=True)
class WantedPage:
    """What is known of a thread's page before it is read; `addresses` are tried in their order."""

    key: str
    site_key: str
    main_origin: str
    allowed: tuple[str, ...]
    policy: Policy
    addresses: tuple[str, ...]

    def is_own(self, url: str) -> bool:
        """Whether the address is of an origin of the site, and not of a preview."""
        parts = links.parts_of(url)
        origin = page_keys.origin_of(url)
        return parts is not None and "@" not in parts.netloc and origin in self.allowed and len(url) <= URL_MAX


def read(thread_id: int, url: str, allow: OutboundAllow, now: datetime) -> None:
    """Read the page of a thread, and keep its title and address; `url` is where an approved comment says it is.

    A page that is not there, is no HTML, or leads to other origins changes nothing. Raises OSError when another try
    may succeed.
    """
    thread = db.session.get(Thread, thread_id)
    wanted = _wanted(thread.site, thread, url) if thread is not None else None
    end_read_transaction()
    if wanted is None:
        return
    for address in wanted.addresses:
        found = _names_at(address, wanted, allow)
        if found is not None:
            _keep(thread_id, wanted.key, found, now)
            return


def _wanted(site: Site, thread: Thread, url: str) -> WantedPage:
    policy, main_origin = site.policy, site.main_origin
    allowed = tuple(one.origin for one in site.origins if not origins.is_wildcard(one.origin))
    is_path = thread.key.startswith("/")
    possible = [thread.url, url] if thread.is_url_fixed else [url, thread.url]
    possible += [page_keys.address_of(main_origin, thread.key)] if is_path and main_origin else []
    plain = dict.fromkeys(page_keys.plain_address(site.lasting_url(one), policy) for one in possible if one)
    # An address of another page than the key's comes last: the key names the page, unless it is an identifier.
    ordered = sorted(plain, key=lambda one: is_path and page_keys.key_of(one, policy) != thread.key)
    return WantedPage(thread.key, site.key, main_origin, allowed, policy, tuple(ordered))


def _names_at(address: str, wanted: WantedPage, allow: OutboundAllow) -> PageNames | None:
    # Imported here: requests takes several MB, which a worker without such jobs does not need.
    from commentsvc.gateways import pages

    page = pages.read(address, wanted.is_own, allow)
    if isinstance(page, pages.Unreadable):
        log.info("%s: the page %s gives no title: %s", wanted.site_key, address, page.reason)
        return None
    asked, found = (page_keys.key_of(one, wanted.policy) for one in (address, page.url))
    # A redirect for now leads to a sign-in or a language; one to the first page stands for “not found”.
    if asked != found and (not page.is_moved or found == "/"):
        log.info("%s: the page %s gives no title: it leads to %s", wanted.site_key, address, page.url)
        return None
    own = _embedded(page.head.embedded, wanted)
    return PageNames(own.title or page.head.title, _address_of(page.url, own.url or page.head.canonical, wanted))


def _embedded(embedded: tuple[EmbeddedThread, ...], wanted: WantedPage) -> EmbeddedThread:
    """The thread's own element on the page; its title and address are set by the owner."""
    for one in embedded:
        is_of_site = one.site in ("", wanted.site_key)
        if is_of_site and (not one.thread or page_keys.key_of(one.thread, wanted.policy) == wanted.key):
            return one
    return EmbeddedThread()


def _address_of(found: str, given: str, wanted: WantedPage) -> str:
    """The address that the page gives itself, else where it was found.

    One of another origin is left out, and so is the first page's on another page: templates that are wrong do that.
    """
    given = page_keys.without_tracking(page_keys.without_fragment(given))
    is_first_page = [page_keys.key_of(one, wanted.policy) == "/" for one in (given, found)] if given else []
    if given and wanted.is_own(given) and is_first_page != [True, False]:
        return given
    return page_keys.plain_address(found, wanted.policy)


@retried
def _keep(thread_id: int, key: str, found: PageNames, now: datetime) -> None:
    with write():
        threads.lock([thread_id])
        thread = threads.read_anew([thread_id]).get(thread_id)
        if thread is None or thread.key != key:  # deleted, merged or moved meanwhile
            return
        before = (thread.title, thread.url)
        thread.page_title = found.title[:TITLE_MAX] or None
        thread.page_url = found.url if len(found.url) <= URL_MAX else None
        thread_titles.refresh(thread)
        if (thread.title, thread.url) != before:
            threads.touch(thread.id, 0)
            transitions.update_counters([], [thread.site_id])  # feeds name the page
