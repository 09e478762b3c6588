"""Stores of cached pages: in memory, and on disk for a restart while the database is down."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol, TypeVar

from commentsvc.page_cache.pages import FIXED, CachedPage, PreparedResponse, RequestKey, tag_of
from commentsvc.store.versions import PageDependency

log = logging.getLogger(__name__)

FOLDER = "published"  # of a DiskStore, in the instance folder
PRUNE_EVERY = 200  # writes
SPELLINGS_MAX = 8  # responses kept for one page: in each encoding, and for addresses that mean the same
NEVER_CHECKED = float("-inf")  # monotonic time of a page that was not compared with the database yet
K = TypeVar("K", contravariant=True)


class PageStore(Protocol[K]):
    """A store of pages. It has a bound and may drop or decline pages; it does not raise for a missing page."""

    def get(self, key: K) -> CachedPage | None:
        """The page, or None for one that the store does not have."""

    def put(self, key: K, page: CachedPage) -> None: ...

    def drop(self, key: K) -> None: ...


class MemoryStore:
    """Pages in memory with the responses prepared of them, bounded in bytes.

    `ready` has the responses by request, and is read without a lock. A page that was used since it was last looked at
    gets another round before it is dropped (the algorithm CLOCK).
    """

    def __init__(self, max_bytes: int) -> None:
        self._pages: OrderedDict[str, CachedPage] = OrderedDict()
        self._lock = threading.Lock()
        self._left = max_bytes
        self.ready: dict[RequestKey, PreparedResponse] = {}

    def get(self, key: str) -> CachedPage | None:
        page = self._pages.get(key)
        if page is not None:
            page.is_used = True
        return page

    def put(self, key: str, page: CachedPage) -> None:
        with self._lock:
            self._drop(key)
            self._pages[key] = page
            self._left -= page.size_bytes
            self._make_room()

    def drop(self, key: str) -> None:
        with self._lock:
            self._drop(key)

    def add_ready(
        self, key: str, request_key: RequestKey, response: PreparedResponse, is_current: Callable[[CachedPage], bool]
    ) -> None:
        """Keep a response for its request, while its page is kept and current."""
        page = response.page
        with self._lock:
            # A look at the changes that comes after this one has the lock finds the response in `ready`.
            is_kept = self._pages.get(key) is page and len(page.prepared_for) < SPELLINGS_MAX
            if not is_kept or request_key in self.ready or not is_current(page):
                return
            page.prepared_for.append(request_key)
            self.ready[request_key] = response
            self._left -= response.size_bytes
            self._make_room()

    def drop_ready(self, is_current: Callable[[CachedPage], bool], checked_at: float) -> None:
        """Drop the responses of pages that are not current any more; they were until `checked_at` (monotonic)."""
        with self._lock:
            for page in self._pages.values():
                if page.prepared_for and not is_current(page):
                    page.checked_at = max(page.checked_at, checked_at)
                    self._drop_ready(page)

    def _make_room(self) -> None:
        while self._left < 0 and self._pages:
            key, page = next(iter(self._pages.items()))
            if page.is_used:
                page.is_used = False
                self._pages.move_to_end(key)
            else:
                self._drop(key)

    def _drop(self, key: str) -> None:
        page = self._pages.pop(key, None)
        if page is not None:
            self._left += page.size_bytes
            self._drop_ready(page)

    def _drop_ready(self, page: CachedPage) -> None:
        for request_key in page.prepared_for:
            self._left += self.ready.pop(request_key).size_bytes
        page.prepared_for.clear()


def forget_sites(folder: Path, site_ids: Collection[int]) -> None:
    """Delete the files with pages of these sites, and of pages that may show any site; they are made again when read.

    A page that is being written while this runs can stay; it has been rebuilt from what the database holds now.
    """
    for path in folder.glob("*.page"):
        try:
            with path.open("rb") as file:
                kept = json.loads(file.readline())
            if kept["dependency"] is None or kept["dependency"][0] in site_ids:
                path.unlink(missing_ok=True)
        except (OSError, ValueError, KeyError):
            path.unlink(missing_ok=True)  # cut off, or no page


class DiskStore:
    """The last good bytes of each page, for pages that memory has no room for, and for a restart while the database is
    away; bounded in bytes, oldest first.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._writes = 0
        self._began_at = time.time()

    def _path(self, key: str) -> Path:
        return self._folder / (hashlib.sha256(key.encode()).hexdigest() + ".page")

    def get(self, key: str) -> CachedPage | None:
        try:
            with self._path(key).open("rb") as file:
                is_recent = os.fstat(file.fileno()).st_mtime > self._began_at
                head, _, packed = file.read().partition(b"\n")
            kept = json.loads(head)
            if tag_of(packed) != kept["packed_tag"]:
                return None
        except (OSError, ValueError, KeyError):
            return None  # missing, or cut off when the machine died
        headers = [(name, value) for name, value in kept["headers"]]
        dependency = None
        if kept["dependency"]:
            site_id, key_hash, *versions = kept["dependency"]
            # A page of before the start may be of another database: it gets versions that none has, and is built again.
            of_site, of_thread = versions if is_recent else (-1, -1)
            dependency = PageDependency(site_id, bytes.fromhex(key_hash), (of_site, of_thread))
        return CachedPage(kept["status"], headers, packed, kept["tag"], kept["is_text"], dependency, NEVER_CHECKED)

    def put(self, key: str, page: CachedPage) -> None:
        if page.dependency == FIXED:
            return  # the program's own files need no copy
        dependency = None
        if isinstance(page.dependency, PageDependency):
            dependency = [page.dependency.site_id, page.dependency.key_hash.hex(), *page.dependency.versions]
        kept = {"status": page.status, "headers": page.headers, "dependency": dependency, "tag": page.tag}
        head = json.dumps({**kept, "is_text": page.is_text, "packed_tag": tag_of(page.packed)})
        path = self._path(key)
        part = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(head.encode() + b"\n" + page.packed)
            os.replace(part, path)
            self._prune()
        except OSError as error:
            log.warning("could not keep a published page on disk: %s", error)

    def drop(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def _prune(self) -> None:
        self._writes += 1
        if self._writes % PRUNE_EVERY != 1:
            return
        files = []
        for path in self._folder.glob("*.page"):
            try:
                files.append((path.stat().st_mtime, path.stat().st_size, path))
            except FileNotFoundError:  # another worker pruned it
                continue
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files, key=lambda f: f[0]):
            if total <= self._max_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size
