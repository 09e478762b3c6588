"""The versions that a cached page depends on, and the queries that confirm them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from flask import Flask
from sqlalchemy import and_, bindparam, select

from commentsvc.core.status import Status
from commentsvc.store import time_limits
from commentsvc.store.counters import StatusCount
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread

# In place of the hash of a thread's key: all published comments of the site; nothing but the site's settings.
ALL_THREADS, NO_THREAD = b"", b"-"
# Site id, and the hash of the thread's key.
Source: TypeAlias = tuple[int, bytes]


@dataclass(frozen=True)
class PageDependency:
    """The source of a published page: a thread of a site, with the versions of site and thread when it was read.

    `key_hash` is that of the thread's key (threads.hash_of); with ALL_THREADS, the second version is that of all
    published comments.
    """

    site_id: int
    key_hash: bytes
    versions: tuple[int, int]

    @property
    def source(self) -> Source:
        return self.site_id, self.key_hash


def version_reader(app: Flask) -> Callable[[PageDependency], tuple[int, int] | None]:
    """A function that looks up the versions of a page now, by one indexed query; None when the site is gone."""
    with app.app_context():
        engine = db.engine
    # Made once: making a statement takes longer than running it.
    all_threads = and_(StatusCount.site_id == Site.id, StatusCount.status == Status.APPROVED)
    of_site = select(Site.version, StatusCount.version).outerjoin(StatusCount, all_threads)
    one_thread = and_(Thread.site_id == Site.id, Thread.key_hash == bindparam("key_hash"))
    of_thread = select(Site.version, Thread.version).outerjoin(Thread, one_thread)
    of_site, of_thread = (query.where(Site.id == bindparam("site_id")) for query in (of_site, of_thread))

    def read(watched: PageDependency) -> tuple[int, int] | None:
        values: dict[str, object] = {"site_id": watched.site_id}
        if watched.key_hash != ALL_THREADS:
            values["key_hash"] = watched.key_hash
        with engine.connect() as connection:
            row = connection.execute(of_thread if "key_hash" in values else of_site, values).first()
        return None if row is None else (row[0], row[1] or 0)

    return read


def threads_reader(app: Flask) -> Callable[[Iterable[PageDependency]], set[PageDependency]]:
    """A function that returns the pages whose versions are unchanged, with one query for each site."""
    with app.app_context():
        engine = db.engine

    def standing(pages: Iterable[PageDependency]) -> set[PageDependency]:
        by_site: dict[int, set[PageDependency]] = {}
        for page in pages:
            if page.key_hash != ALL_THREADS:
                by_site.setdefault(page.site_id, set()).add(page)
        found: set[PageDependency] = set()
        with time_limits.within(time_limits.CONFIRMATION), engine.connect() as connection:
            for site_id, asked in by_site.items():
                hashes = sorted({page.key_hash for page in asked})
                on = and_(Thread.site_id == Site.id, Thread.key_hash.in_(hashes))
                query = select(Site.version, Thread.key_hash, Thread.version).outerjoin(Thread, on)
                rows = connection.execute(query.where(Site.id == site_id)).all()
                versions = {bytes(row[1] or b""): (row[0], row[2] or 0) for row in rows}
                missing = (rows[0][0], 0) if rows else None  # threads without a comment, on a site that there is
                found |= {page for page in asked if versions.get(page.key_hash, missing) == page.versions}
        return found

    return standing
