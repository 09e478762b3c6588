"""Moves a site to another origin, and deletes a site with everything that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from commentsvc.core import origins
from commentsvc.core.errors import Conflict, Invalid
from commentsvc.services import site_settings
from commentsvc.store import audit_log, site_rows, sites
from commentsvc.store.audit_log import Actor
from commentsvc.store.sites import Site
from commentsvc.store.transactions import retried, write


@dataclass(frozen=True)
class SiteMove:
    """What a move has changed: addresses of threads, and of pages that comments name."""

    threads: int
    comments: int


def move(site: Site, old: str, new: str, by: Actor, now: datetime) -> SiteMove:
    """Replace one of a site's origins, and rewrite the addresses of its pages; raises Invalid for a wrong origin.

    The addresses are rewritten in steps, so that posts go on; a move that was cut off is completed by the next.
    """
    old, new = origins.normal(old), origins.normal(new)
    if old == new:
        raise Invalid("to", "The two origins are the same.")
    site_id, key = site.id, site.key
    _replace_origin(site, old, new, by, now)
    moved = SiteMove(_rewrite("threads", site_id, old, new), _rewrite("comments", site_id, old, new))
    _log(key, moved, old, new, by, now)
    return moved


@retried
def _replace_origin(site: Site, old: str, new: str, by: Actor, now: datetime) -> None:
    present = [one.origin for one in site.origins]
    if old not in present and new not in present:
        known = ", ".join(present)
        raise Invalid("from", f"“{old}” is no origin of this site. It has: {known}.")
    wanted = list(dict.fromkeys(new if origin == old else origin for origin in present))
    if wanted != present:
        site_settings.change(site.id, {"origins": wanted}, by, "", now)


def _rewrite(what: str, site_id: int, old: str, new: str) -> int:
    rewrite = {"threads": site_rows.rewrite_threads, "comments": site_rows.rewrite_comments}[what]
    count = 0
    while changed := _rewrite_some(rewrite, site_id, old, new):
        count += changed
    return count


@retried
def _rewrite_some(rewrite: site_rows.Rewrite, site_id: int, old: str, new: str) -> int:
    with write():
        return rewrite(site_id, old, new)


@retried
def _log(key: str, moved: SiteMove, old: str, new: str, by: Actor, now: datetime) -> None:
    with write():
        counts = {"threads": moved.threads, "comments": moved.comments}
        after = {"origin": new, **counts}
        audit_log.add("site-move", now, site=sites.by_key(key), by=by, before={"origin": old}, after=after)


def delete(site: Site, by: Actor, now: datetime) -> dict[str, int]:
    """Delete a site and all its rows, in steps; accounts stay. Gives the number of rows by table.

    Nothing brings them back but an export or a backup: the caller writes one first.
    """
    key, site_id = site.key, site.id
    _close(site)
    counts = {}
    for table in site_rows.tables():
        if deleted := _delete_rows(table, site_id):
            counts[table] = deleted
    _log_deletion(key, counts, by, now)
    return counts


@retried
def _close(site: Site) -> None:
    """Take no more comments while rows are deleted."""
    with write():
        sites.lock(site)
        sites.change_policy(site, {"is_open": False})


@retried
def _delete_rows(table: str, site_id: int) -> int:
    with write():
        return site_rows.delete(table, site_id)


@retried
def _log_deletion(key: str, counts: dict[str, int], by: Actor, now: datetime) -> None:
    with write():
        audit_log.add("site-deletion", now, by=by, subject=key, before=counts)


def check_is_meant(is_meant: bool, key: str) -> None:
    """Raise Conflict unless a deletion was confirmed."""
    if not is_meant:
        raise Conflict(f"This deletes the site “{key}” with all its comments. Confirm it with --yes.", "not-confirmed")
