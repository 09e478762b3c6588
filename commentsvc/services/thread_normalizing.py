"""Gives threads the keys that the site's present rules make of their pages' addresses (core/page_keys.py).

Threads made under other rules keep working under the spelling that they have; this brings all spellings together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from commentsvc.core import page_keys
from commentsvc.services import thread_moves
from commentsvc.store import audit_log, sites, thread_aliases, threads
from commentsvc.store.audit_log import THREADS_NORMALIZED, Actor
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import retried, write

AT_ONCE = 200  # threads renamed in one transaction


@dataclass
class NormalizeReport:
    """Old and new keys: of threads that got another key, and of those that are the same page as another thread."""

    renamed: list[tuple[str, str]] = field(default_factory=list)
    merged: list[tuple[str, str]] = field(default_factory=list)


def planned(site: Site) -> NormalizeReport:
    """What normalize() would do."""
    report = NormalizeReport()
    keys = [key for _, key in threads.keys_of(site)]
    taken = set(keys)
    for key in keys:
        new = page_keys.key_of(key, site.policy)
        if new == key:
            continue
        (report.merged if new in taken else report.renamed).append((key, new))
        taken.add(new)
    return report


def doubled(site: Site) -> list[tuple[str, str]]:
    """Keys of threads whose page has another thread under its normalised key, with that key."""
    return planned(site).merged


def normalize(site_id: int, merges: bool, by: Actor, now: datetime) -> NormalizeReport:
    """Rename the threads of a site in steps; with `merges`, merge those that are one page, which can be undone.

    A former key goes on leading to its thread. A run that was cut off is completed by the next.
    """
    report = NormalizeReport()
    waiting = iter(_not_normalized(site_id))
    while some := list(islice(waiting, AT_ONCE)):
        renamed, taken = _rename_some(site_id, some, by, now)
        report.renamed += renamed
        for old, new in taken if merges else ():
            thread_moves.merge(site_id, old, new, by, "", now)
            report.merged.append((old, new))
    if report.renamed:
        _log(site_id, len(report.renamed), by, now)
    return report


def _not_normalized(site_id: int) -> list[tuple[int, str]]:
    """Ids and keys of threads that are to have another key."""
    site = sites.by_id(site_id)
    return [(number, key) for number, key in threads.keys_of(site) if page_keys.key_of(key, site.policy) != key]


Pairs = list[tuple[str, str]]


@retried
def _rename_some(site_id: int, some: Sequence[tuple[int, str]], by: Actor, now: datetime) -> tuple[Pairs, Pairs]:
    """Rename threads; gives old and new keys of those that were, and of those whose new key has a thread already."""
    renamed, taken = [], []
    with write():
        site = thread_moves.hold(site_id, by)
        for number, key in some:
            thread, new = threads.find(site, key), page_keys.key_of(key, site.policy)
            if thread is None or thread.id != number or thread.key != key or new == key:
                continue  # it was moved since, or the rules have changed
            holder = threads.find(site, new)
            if holder is not None and holder.id != number:
                taken.append((key, new))
            else:
                _rename(site, thread, new)
                renamed.append((key, new))
        if renamed:
            thread_moves.publish(site)
    return renamed, taken


def _rename(site: Site, thread: Thread, new: str) -> None:
    threads.lock([thread.id])
    db.session.refresh(thread)
    thread_aliases.remove(site.id, [threads.hash_of(new)])  # it led to this thread
    thread_aliases.add(site.id, {thread.key_hash: thread.key}, thread.id)
    threads.rename(thread, new)
    db.session.flush()
    threads.touch(thread.id, 0)


@retried
def _log(site_id: int, count: int, by: Actor, now: datetime) -> None:
    with write():
        site = thread_moves.hold(site_id, by)
        audit_log.add(THREADS_NORMALIZED, now, site=site, by=by, subject=site.key, after={"threads": count})
