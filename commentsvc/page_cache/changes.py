"""Which cached pages are as the database has them, by one question for all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from commentsvc.store.page_changes import Change
from commentsvc.store.versions import ALL_THREADS, Source

SOURCES_MAX = 20_000  # whose last change is remembered; beyond it, all pages count as changed once


@dataclass(frozen=True)
class LookUp:
    """A look at the changes: its number, and the monotonic time at which it began."""

    number: int
    began_at: float


class Changes:
    """Follows the changes of the database.

    Looks are numbered. A page read after look n has all that look n saw; it is current until a later look sees a change
    of its source. A change that the page has too, because it was committed between look n and the page, counts as well:
    the page's own versions then tell.

    `read` gives what has changed since the last call, None when any page may have; raises DBAPIError.
    """

    def __init__(self, read: Callable[[], set[Change] | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self.last = LookUp(0, float("-inf"))
        self.before = self.last
        self._all = 0  # the number of the last look in which all pages counted as changed
        self._of_sites: dict[int, int] = {}  # by site, the last change of all its pages
        self._in_sites: dict[int, int] = {}  # by site, the last change of any page
        self._of_sources: dict[Source, int] = {}

    def look(self) -> bool:
        """See what has changed since the last look, and whether something has. One thread at a time."""
        began_at = self._clock()
        changed = self._read()
        number = self.last.number + 1
        with self._lock:
            if changed is None or len(self._of_sources) > SOURCES_MAX:
                self._all = number
                self._of_sources.clear()
                self._of_sites.clear()
                self._in_sites.clear()
            for site_id, key_hash in changed or ():
                self._in_sites[site_id] = number
                if key_hash is None:
                    self._of_sites[site_id] = number
                elif key_hash != ALL_THREADS:
                    self._of_sources[site_id, key_hash] = number
            self.before, self.last = self.last, LookUp(number, began_at)
        return changed is None or bool(changed)

    def is_unchanged(self, source: Source, since: int) -> bool:
        """Whether no look after look `since` has seen a change of the source."""
        site_id, key_hash = source
        of_site = self._in_sites if key_hash == ALL_THREADS else self._of_sites
        last = max(self._all, of_site.get(site_id, 0), self._of_sources.get(source, 0))
        return last <= since
