"""Stores of cached pages: in memory, and on disk for a restart while the database is down."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from typing import Protocol, TypeVar

from commentsvc.page_cache.pages import FIXED, CachedPage, tag_of
from commentsvc.store.versions import PageDependency

log = logging.getLogger(__name__)

FOLDER = "published"  # of a DiskStore, in the instance folder
PRUNE_EVERY = 200  # writes
NEVER_CHECKED = float("-inf")  # monotonic time of a page that was not compared with the database yet
K = TypeVar("K", contravariant=True)


class PageStore(Protocol[K]):
    """A store of pages. It has a bound and may drop or decline pages; it does not raise for a missing page."""

    def get(self, key: K) -> CachedPage | None:
        """The page, or None for one that the store does not have."""

    def put(self, key: K, page: CachedPage) -> None: ...

    def drop(self, key: K) -> None: ...


class MemoryStore:
    """Pages in memory, bounded in bytes; drops the least recently used first."""

    def __init__(self, max_bytes: int) -> None:
        self._pages: OrderedDict[str, CachedPage] = OrderedDict()
        self._lock = threading.Lock()
        self._left = max_bytes

    def get(self, key: str) -> CachedPage | None:
        with self._lock:
            page = self._pages.get(key)
            if page is not None:
                self._pages.move_to_end(key)
            return page

    def put(self, key: str, page: CachedPage) -> None:
        with self._lock:
            self._drop(key)
            self._pages[key] = page
            self._left -= page.size_bytes
            while self._left < 0 and self._pages:
                self._drop(next(iter(self._pages)))

    def drop(self, key: str) -> None:
        with self._lock:
            self._drop(key)

    def _drop(self, key: str) -> None:
        page = self._pages.pop(key, None)
        if page is not None:
            self._left += page.size_bytes


def forget_sites(folder: Path, site_keys: Collection[str]) -> None:
    """Delete the files with pages of these sites, and of pages that may show any site; they are made again when read.

    A page that is being written while this runs can stay; it has been rebuilt from what the database holds now.
    """
    for path in folder.glob("*.page"):
        try:
            with path.open("rb") as file:
                kept = json.loads(file.readline())
            if kept["dependency"] is None or kept["dependency"][0] in site_keys:
                path.unlink(missing_ok=True)
        except (OSError, ValueError, KeyError):
            path.unlink(missing_ok=True)  # cut off, or no page


class DiskStore:
    """The last good bytes of each page, for a restart while the database is away; bounded in bytes, oldest first."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._writes = 0

    def _path(self, key: str) -> Path:
        return self._folder / (hashlib.sha256(key.encode()).hexdigest() + ".page")

    def get(self, key: str) -> CachedPage | None:
        try:
            head, _, packed = self._path(key).read_bytes().partition(b"\n")
            kept = json.loads(head)
            if tag_of(packed) != kept["packed_tag"]:
                return None
        except (OSError, ValueError, KeyError):
            return None  # missing, or cut off when the machine died
        headers = [(name, value) for name, value in kept["headers"]]
        # Versions that no database has: the first check against the database rebuilds the page.
        dependency = (
            PageDependency(kept["dependency"][0], kept["dependency"][1], (-1, -1)) if kept["dependency"] else None
        )
        return CachedPage(kept["status"], headers, packed, kept["tag"], kept["is_text"], dependency, NEVER_CHECKED)

    def put(self, key: str, page: CachedPage) -> None:
        if page.dependency == FIXED:
            return  # the program's own files need no copy
        dependency = (
            [page.dependency.site_key, page.dependency.thread_key]
            if isinstance(page.dependency, PageDependency)
            else None
        )
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
