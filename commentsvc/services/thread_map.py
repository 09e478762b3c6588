"""Moves many threads by a map: a CSV file with the old and the new address of each page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from commentsvc.core.errors import CommentError
from commentsvc.services import thread_moves
from commentsvc.store import threads
from commentsvc.store.audit_log import Actor
from commentsvc.store.sites import Site


class MapOutcome(StrEnum):
    """What became of a line of the map."""

    MOVED = "moved"
    MERGED = "merged"
    SAME = "already there"
    UNKNOWN = "no comments"
    FAILED = "failed"


@dataclass(frozen=True)
class MappedPage:
    """A line of the map; `problem` says why it failed."""

    old: str
    new: str
    outcome: MapOutcome
    problem: str = ""


def apply(site: Site, pages: Mapping[str, str], is_dry_run: bool, by: Actor, now: datetime) -> list[MappedPage]:
    """Move the thread of each old page to its new one, and merge it into one that is there.

    `pages` has new addresses or paths by the old page's key. Each line is a change of its own in the audit log and can
    be undone; a second run finds nothing to do.
    """
    site_id = site.id
    return [_one(site, site_id, old, new, is_dry_run, by, now) for old, new in pages.items()]


def _one(site: Site, site_id: int, old: str, new: str, is_dry_run: bool, by: Actor, now: datetime) -> MappedPage:
    try:
        thread = threads.find(site, threads.key_for(site, old))
        if thread is None:
            return MappedPage(old, new, MapOutcome.UNKNOWN)
        key = thread_moves.new_key(site, new)
        target = threads.find(site, key)
        if thread.key == key:
            return MappedPage(old, new, MapOutcome.SAME)
        is_taken = target is not None and target.id != thread.id
        if not is_dry_run and is_taken:
            thread_moves.merge(site_id, old, new, by, "", now)
        elif not is_dry_run:
            thread_moves.move(site_id, old, new, by, "", now)
    except CommentError as error:
        return MappedPage(old, new, MapOutcome.FAILED, str(error))
    return MappedPage(old, new, MapOutcome.MERGED if is_taken else MapOutcome.MOVED)
