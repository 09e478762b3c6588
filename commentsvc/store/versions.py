"""The versions that a cached page depends on, and the query that confirms them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import and_, select

from commentsvc.core.status import Status
from commentsvc.store import (
    threads,
    time_limits,
)
from commentsvc.store.counters import StatusCount
from commentsvc.store.db import (
    db,
)
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread


@dataclass(frozen=True)
class PageDependency:
    """The source of a published page: a thread of a site, with the versions of site and thread when it was read.

    Without a thread: all published comments of the site; the second version is then theirs.
    """

    site_key: str
    thread_key: str | None
    versions: tuple[int, int]


def version_reader(app: Flask) -> Callable[[PageDependency], tuple[int, int] | None]:
    """A function that looks up the versions of a page now, by one indexed query; None when the site is gone."""
    with app.app_context():
        engine = db.engine

    def read(watched: PageDependency) -> tuple[int, int] | None:
        if watched.thread_key is None:
            on = and_(StatusCount.site_id == Site.id, StatusCount.status == Status.APPROVED)
            query = select(Site.version, StatusCount.version).outerjoin(StatusCount, on)
        else:
            on = and_(Thread.site_id == Site.id, Thread.key_hash == threads.hash_of(watched.thread_key))
            query = select(Site.version, Thread.version).outerjoin(Thread, on)
        query = query.where(Site.key == watched.site_key)
        with engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row[0], row[1] or 0)

    return read


def threads_reader(app: Flask) -> Callable[[Iterable[PageDependency]], set[PageDependency]]:
    """A function that returns the pages whose versions are unchanged, with one query for each site."""
    with app.app_context():
        engine = db.engine

    def standing(pages: Iterable[PageDependency]) -> set[PageDependency]:
        by_site: dict[str, dict[PageDependency, bytes]] = {}
        for page in pages:
            if page.thread_key is not None:
                by_site.setdefault(page.site_key, {})[page] = threads.hash_of(page.thread_key)
        found: set[PageDependency] = set()
        with time_limits.within(time_limits.CONFIRMATION), engine.connect() as connection:
            for site_key, hashes in by_site.items():
                on = and_(Thread.site_id == Site.id, Thread.key_hash.in_(sorted(set(hashes.values()))))
                query = select(Site.version, Thread.key_hash, Thread.version).outerjoin(Thread, on)
                rows = connection.execute(query.where(Site.key == site_key)).all()
                versions = {bytes(row[1] or b""): (row[0], row[2] or 0) for row in rows}
                missing = (rows[0][0], 0) if rows else None  # threads without a comment, on a site that there is
                found |= {page for page, at in hashes.items() if versions.get(at, missing) == page.versions}
        return found

    return standing
