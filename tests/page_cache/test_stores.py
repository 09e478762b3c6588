"""Pages kept in memory and on disk: bounded, and the newest stay."""

import os

from commentsvc.page_cache.pages import CachedPage
from commentsvc.page_cache.stores import PRUNE_EVERY, DiskStore

PAGE = CachedPage("200 OK", [("Content-Type", "text/html")], b"x" * 5000, '"tag"', True, None, 0.0)


def test_the_disk_is_bounded_by_bytes_and_forgets_the_oldest_pages(tmp_path):
    DiskStore(tmp_path, 0).put("measured", PAGE)
    assert list(tmp_path.glob("*.page")) == [], "nothing fits"

    store = DiskStore(tmp_path, max_bytes=3 * 6000)
    for number in range(PRUNE_EVERY):
        before = set(tmp_path.glob("*.page"))
        store.put(str(number), PAGE)
        (written,) = set(tmp_path.glob("*.page")) - before
        os.utime(written, (number, number))
    assert len(list(tmp_path.glob("*.page"))) == PRUNE_EVERY, "pruned once in so many writes"
    store.put("last", PAGE)
    assert {n for n in (*map(str, range(PRUNE_EVERY)), "last") if store.get(n)} == {
        *(str(PRUNE_EVERY - 2), str(PRUNE_EVERY - 1), "last")
    }
