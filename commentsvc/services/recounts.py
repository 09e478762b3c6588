"""Recounts every kept number of a site and mends those that are wrong, while others go on writing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from commentsvc.core.status import Status
from commentsvc.store import comments, counters, recounts, search_index, threads
from commentsvc.store.db import db
from commentsvc.store.recounts import Difference
from commentsvc.store.sites import Site
from commentsvc.store.transactions import begin_read, retried, write

AUTHORS_AT_ONCE = 100  # locked together: a transaction that posting can wait for
TRIES = 3  # at what the spam filter has learnt, which changes while it is counted

Progress = Callable[[str], None]


@dataclass(frozen=True)
class WrongCount:
    """A kept number that was wrong; `is_mended` when it is right now."""

    site_key: str
    difference: Difference
    is_mended: bool


def check(site: Site, progress: Progress) -> list[WrongCount]:
    """Count everything and change nothing; all numbers but the words of search are as of one moment."""
    key, site_id = site.key, site.id
    progress(f"{key}: counting")
    begin_read()
    recounts.allow_long_reading()
    found = [*recounts.in_threads(site_id), *recounts.of_authors(site_id), *recounts.of_tallies(site_id)]
    found += [shown for one in recounts.of_learnt(site_id) for shown in one.shown]
    db.session.rollback()
    found += _wrong_words(key, site_id, progress)
    return [WrongCount(key, difference, is_mended=False) for difference in found]


def mend(site: Site, progress: Progress) -> list[WrongCount]:
    """Recount all stored numbers of a site and correct wrong ones; returns the differences.

    Each difference of a first pass is counted again under the lock that its writers take, each thread in a transaction
    of its own, and corrected together with a new version of the published page.
    """
    key, site_id = site.key, site.id
    progress(f"{key}: counting")
    begin_read()
    recounts.allow_long_reading()
    wrong_threads = {d.thread_id for d in recounts.in_threads(site_id) if d.thread_id is not None}
    db.session.rollback()
    wrong_threads |= {d.thread_id for d in _wrong_words(key, site_id, progress) if d.thread_id is not None}

    found: list[Difference] = []
    for number, thread_id in enumerate(sorted(wrong_threads), 1):
        progress(f"{key}: mending page {number} of {len(wrong_threads)}")
        found += _mend_thread(site_id, thread_id)
    found += _mend_authors(site_id)
    found += _mend_tallies(site_id)
    progress(f"{key}: counting what the spam filter has learnt")
    learnt, left = _mend_learnt(site_id)
    return [*(WrongCount(key, d, True) for d in [*found, *learnt]), *(WrongCount(key, d, False) for d in left)]


def _wrong_words(key: str, site_id: int, progress: Progress) -> list[Difference]:
    found: list[Difference] = []
    last, done = 0, 0
    while True:
        differences, last = recounts.of_words(site_id, last)
        db.session.rollback()
        if not last:
            return found
        found += differences
        done += recounts.AT_ONCE
        progress(f"{key}: {done} comments read")


@retried
def _mend_thread(site_id: int, thread_id: int) -> list[Difference]:
    with write():
        threads.lock([thread_id])
        found = recounts.in_threads(site_id, [thread_id])
        recounts.mend(found)
        texts = _mend_words(site_id, thread_id)
        if any(difference.is_published for difference in found):
            threads.touch(thread_id, 0)
            counters.add({(site_id, Status.APPROVED): 0})  # feeds ask for its version
    return [*found, *texts]


def _mend_words(site_id: int, thread_id: int) -> list[Difference]:
    found: list[Difference] = []
    last = 0
    while True:
        differences, last = recounts.of_words(site_id, last, [thread_id])
        if not last:
            return found
        if differences:
            search_index.keep(comments.of_ids(difference.row_id for difference in differences))
        found += differences


def _mend_authors(site_id: int) -> list[Difference]:
    begin_read()
    recounts.allow_long_reading()
    wrong = sorted({difference.row_id for difference in recounts.of_authors(site_id)})
    db.session.rollback()
    found: list[Difference] = []
    for at in range(0, len(wrong), AUTHORS_AT_ONCE):
        found += _mend_these_authors(site_id, wrong[at : at + AUTHORS_AT_ONCE])
    return found


@retried
def _mend_these_authors(site_id: int, author_ids: Collection[int]) -> list[Difference]:
    with write():
        recounts.lock_authors(author_ids)
        found = recounts.of_authors(site_id, author_ids)
        recounts.mend(found)
    return found


@retried
def _mend_tallies(site_id: int) -> list[Difference]:
    begin_read()
    recounts.allow_long_reading()
    is_wrong = bool(recounts.of_tallies(site_id))
    db.session.rollback()
    if not is_wrong:
        return []
    with write():
        counters.add({(site_id, status): 0 for status in Status})  # makes rows that are missing, and locks them all
        found = recounts.of_tallies(site_id)
        recounts.mend_tallies(site_id, found)
    return found


@retried
def _mend_learnt(site_id: int) -> tuple[list[Difference], list[Difference]]:
    """The corrected numbers, and those that changed during each try."""
    mended: list[Difference] = []
    left: list[Difference] = []
    for _ in range(TRIES):
        begin_read()
        recounts.allow_long_reading()
        wrong = recounts.of_learnt(site_id)
        db.session.rollback()
        left = []
        with write():
            for one in wrong:
                (mended if recounts.mend_learnt(site_id, one) else left).extend(one.shown)
        if not left:
            break
    return mended, left
