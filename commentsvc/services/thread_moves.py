"""Moves threads: to another key, or all comments of one thread to another; and undoes such a change.

A former key goes on leading to the thread. Everything is in the audit log, which also holds what an undo needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from commentsvc.core import origins, page_keys
from commentsvc.core.errors import Conflict, Invalid, NotFound
from commentsvc.core.policy import URL_MAX
from commentsvc.core.status import Status
from commentsvc.services import thread_deletion, thread_settings, transitions
from commentsvc.services.thread_settings import ThreadChange
from commentsvc.store import accounts, audit_log, comments, sites, thread_aliases, thread_merges, thread_titles, threads
from commentsvc.store.accounts import Account
from commentsvc.store.audit_log import THREAD_DELETE, THREAD_MERGE, THREAD_MOVE, Actor, AuditEntry
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import retried, write

KINDS = (THREAD_MOVE, THREAD_MERGE, THREAD_DELETE)  # of entries of the audit log that undo() takes back
# Columns of a merged thread that an undo brings back.
KEPT = (
    *("key", "title", "url", "is_title_fixed", "is_url_fixed", "page_title", "page_url"),
    *("is_open", "mode", "pinned_id", "version"),
)


@dataclass(frozen=True)
class MergedThread:
    """`comments` is the number of comments that were moved, in any status."""

    thread: Thread
    comments: int
    undo: str


@retried
def move(
    site_id: int, old: str, new: str, by: Actor, ip: str, now: datetime, changes: Mapping[str, Any] | None = None
) -> ThreadChange:
    """Give a page's thread another key; `old` and `new` are addresses, paths or identifiers.

    The thread's address follows where it is that of the old key. `changes` are settings of the thread that an account
    changes with it (as thread_settings.tend). Raises NotFound for an unknown page, Conflict when the new key has
    comments already, and Invalid.
    """
    with write(keep_loaded=True):
        site = hold(site_id, by)
        thread = find_locked(site, threads.key_for(site, old))
        entry = move_locked(site, thread, new, by, ip, now)
        if changes and isinstance(by, Account):
            thread_settings.set_values(site, thread, changes, by, ip, now)
        db.session.refresh(thread)
        return ThreadChange(thread, thread_settings.undo_of(entry))


@retried
def merge(site_id: int, source: str, into: str, by: Actor, ip: str, now: datetime) -> MergedThread:
    """Move all comments of a page to another page's thread, whose title, settings and pin stay.

    Raises NotFound for an unknown page, and Conflict when both are one page.
    """
    with write(keep_loaded=True):
        site = hold(site_id, by)
        pair = [threads.find(site, threads.key_for(site, value)) for value in (source, into)]
        for value, found in zip((source, into), pair, strict=True):
            if found is None:
                raise NotFound(f"There are no comments for “{value}” on this site.")
        merged, target = (found for found in pair if found is not None)
        if merged.id == target.id:
            raise Conflict("Both are one page already.", "no-change")
        threads.lock([merged.id, target.id])
        return merge_locked(site, merged, target, by, ip, now)


@retried
def undo(entry_id: int, by: Actor, ip: str, now: datetime) -> ThreadChange:
    """Take back a move, a merge or the deletion of a thread; the caller has checked the right to the site.

    Raises NotFound for any other entry of the audit log, and Conflict when the thread was changed since.
    """
    entry = audit_log.by_id(entry_id)
    if entry.kind == THREAD_DELETE:
        return thread_deletion.restore(entry_id, by, ip, now)
    if entry.kind not in (THREAD_MOVE, THREAD_MERGE) or entry.site_id is None:
        raise NotFound("There is nothing to undo.")
    site_id = entry.site_id
    with write(keep_loaded=True):
        site = hold(site_id, by)
        entry = audit_log.by_id(entry_id)
        restored = (_move_back if entry.kind == THREAD_MOVE else _split)(site, entry, by, ip, now)
        db.session.refresh(restored.thread)
        return restored


def hold(site_id: int, by: Actor) -> Site:
    """Lock a site, so that nothing is posted and no other thread moves, and the account that acts."""
    sites.stop_posting([site_id])
    site = db.session.get_one(Site, site_id)
    sites.lock(site)
    if isinstance(by, Account):
        accounts.hold(by.id)
    return site


def find_locked(site: Site, key: str) -> Thread:
    """The thread with this key, now or formerly; locked and read anew. Raises NotFound."""
    found = threads.find(site, key)
    if found is None:
        raise NotFound(f"There are no comments for “{key}” on this site.")
    threads.lock([found.id])
    db.session.refresh(found)
    return found


def new_key(site: Site, new: str) -> str:
    """The key for a page's new address, path or identifier; raises Invalid for none, and for an origin of others."""
    key = page_keys.checked_key(new, site.policy, "move_to")
    origin = page_keys.origin_of(new)
    if origin is not None and not site.allows(origins.normal(origin)):
        raise Invalid("move_to", f"{origin} is not one of this site's origins. Add it to the site, or give the path.")
    return key


def move_locked(site: Site, thread: Thread, new: str, by: Actor, ip: str, now: datetime) -> AuditEntry:
    """As move(), for a thread that the caller has locked."""
    key = new_key(site, new)
    if key == thread.key:
        raise Conflict(f"“{key}” is the key of this page already.", "no-change")
    target = threads.find(site, key)
    if target is not None and target.id != thread.id:
        raise Conflict(f"There are comments for “{key}” already. Use merge to bring both together.", "taken")
    url = page_keys.moved_url(thread.url, thread.key, site.lasting_url(new), site.policy)
    if len(url) > URL_MAX:
        raise Invalid("move_to", f"The new address is longer than {URL_MAX} characters.")
    return _rename(site, thread, key, url, by, ip, now)


def _rename(site: Site, thread: Thread, key: str, url: str, by: Actor, ip: str, now: datetime) -> AuditEntry:
    before = _names(thread)
    thread_aliases.remove(site.id, [threads.hash_of(key)])
    thread_aliases.add(site.id, {thread.key_hash: thread.key}, thread.id)
    return _finish_move(site, thread, key, url, before, by, ip, now)


def _names(thread: Thread) -> dict[str, Any]:
    return {"key": thread.key, "url": thread.url, "former_keys": thread_aliases.keys_of(thread.id)}


def _finish_move(
    site: Site,
    thread: Thread,
    key: str,
    url: str,
    before: dict[str, Any],
    by: Actor,
    ip: str,
    now: datetime,
    undoes: AuditEntry | None = None,
) -> AuditEntry:
    threads.rename(thread, key)
    old_url, thread.url = thread.url, url
    if thread.page_url != url:
        thread.page_url = None  # where the page was; it is read anew
        transitions.queue_page_read(thread, url, now)
    db.session.flush()
    if old_url and url != old_url:
        thread_merges.move_page_urls(thread.id, old_url, url)
    after = _names(thread)
    names: dict[str, Any] = {"site": site, "by": by, "ip": ip, "thread_id": thread.id, "undoes": undoes}
    entry = audit_log.add(THREAD_MOVE, now, subject=before["key"], before=before, after=after, **names)
    publish(site, thread.id)
    return entry


def publish(site: Site, *thread_ids: int) -> None:
    """Let all published pages of the site be made anew: pages of keys without a thread depend on the site alone."""
    site.version += 1
    threads.touch_all(dict.fromkeys(thread_ids, 0))
    transitions.update_counters([], [site.id])  # feeds name the page
    db.session.flush()


def _move_back(site: Site, entry: AuditEntry, by: Actor, ip: str, now: datetime) -> ThreadChange:
    thread = db.session.get(Thread, entry.thread_id)
    if thread is not None:
        threads.lock([thread.id])
        db.session.refresh(thread)
    if thread is None or thread.key != entry.after["key"]:
        raise Conflict("This page was moved or merged again since. Undo that first.", "changed-since")
    key, before = entry.before["key"], _names(thread)
    holder = threads.find(site, key)
    if holder is not None and holder.id != thread.id:
        raise Conflict(f"There are comments for “{key}” already. Use merge to bring both together.", "taken")
    had, has = set(entry.before["former_keys"]), set(entry.after["former_keys"])
    thread_aliases.remove(site.id, [threads.hash_of(name) for name in {key, *(has - had)}])
    back = {threads.hash_of(name): name for name in sorted(had - has) if threads.find(site, name) in (None, thread)}
    thread_aliases.add(site.id, {h: name for h, name in back.items() if name not in before["former_keys"]}, thread.id)
    url = entry.before["url"] if thread.url == entry.after["url"] else thread.url
    return ThreadChange(
        thread,
        thread_settings.undo_of(_finish_move(site, thread, key, url, before, by, ip, now, entry)),
    )


def merge_locked(site: Site, merged: Thread, target: Thread, by: Actor, ip: str, now: datetime) -> MergedThread:
    """As merge(), for threads that the caller has locked."""
    db.session.refresh(merged)
    db.session.refresh(target)
    kept = {name: getattr(merged, name) for name in KEPT} | {
        "id": merged.id,
        "created_at": merged.created_at.isoformat(),
    }
    kept["former_keys"] = thread_aliases.keys_of(merged.id)
    entry = audit_log.add(
        THREAD_MERGE,
        now,
        site=site,
        by=by,
        subject=merged.key,
        before=kept,
        after={"key": target.key},
        ip=ip,
        thread_id=target.id,
    )
    db.session.flush()
    key, key_hash, count, merged_id = merged.key, merged.key_hash, merged.count, merged.id
    moved = thread_merges.move_all(merged, target, entry.id)
    entry.after = {"key": target.key, "comments": moved}
    thread_aliases.lead_to(merged_id, target.id)
    db.session.delete(db.session.get_one(Thread, merged_id))
    db.session.flush()
    thread_aliases.add(site.id, {key_hash: key}, target.id)
    thread_titles.refresh(target)
    threads.touch(target.id, count)
    publish(site)
    db.session.refresh(target)
    return MergedThread(target, moved, thread_settings.undo_of(entry))


def _split(site: Site, entry: AuditEntry, by: Actor, ip: str, now: datetime) -> ThreadChange:
    """Give a merged page its own thread again, with its comments and the replies that they have got since."""
    kept = entry.before
    if entry.undoes_id is not None or "id" not in kept:
        raise NotFound("Undoing a merge cannot be undone. Merge the pages again.")
    target = db.session.get(Thread, entry.thread_id)
    leads_to = threads.find(site, kept["key"])
    if target is None or leads_to is None or leads_to.id != target.id or target.key == kept["key"]:
        raise Conflict("These pages were moved or merged again since. Undo that first.", "changed-since")
    threads.lock([target.id])
    db.session.refresh(target)
    former = [name for name in kept["former_keys"] if name in thread_aliases.keys_of(target.id)]
    thread_aliases.remove(site.id, [threads.hash_of(name) for name in (kept["key"], *former)])
    thread = _restored(site, kept)
    thread_aliases.add(site.id, {threads.hash_of(name): name for name in former}, thread.id)
    thread_id, target_id = thread.id, target.id
    thread_merges.move_back(target, thread_id, entry.id)
    thread, target = db.session.get_one(Thread, thread_id), db.session.get_one(Thread, target_id)
    _set_pins(thread, target, kept["pinned_id"])
    counts = {number: thread_merges.count_approved(number) for number in (thread_id, target_id)}
    thread.count, target.count = counts[thread_id], counts[target_id]
    db.session.flush()
    thread_titles.refresh(thread)
    thread_titles.refresh(target)
    was, now_is = {"key": target.key}, {"key": thread.key}
    names: dict[str, Any] = {"site": site, "by": by, "ip": ip, "thread_id": target_id, "undoes": entry}
    audit_log.add(THREAD_MERGE, now, subject=thread.key, before=was, after=now_is, **names)
    publish(site, thread_id, target_id)
    return ThreadChange(thread, None)


def _restored(site: Site, kept: Mapping[str, Any]) -> Thread:
    """The row of a merged thread again; under its old id, unless another thread has got that meanwhile."""
    values = {name: kept.get(name) for name in KEPT if name != "pinned_id"}  # an older version kept fewer
    thread = Thread(site_id=site.id, key_hash=threads.hash_of(kept["key"]), **values)
    thread.created_at = datetime.fromisoformat(kept["created_at"])
    if db.session.get(Thread, kept["id"]) is None:
        thread.id = kept["id"]
    db.session.add(thread)
    db.session.flush()
    return thread


def _set_pins(thread: Thread, target: Thread, pinned_id: int | None) -> None:
    """The pin of before the merge, if it is still published; none of a comment that went back to its own page."""
    pinned = comments.find_parent(thread, pinned_id) if pinned_id is not None else None
    thread.pinned_id = pinned.id if pinned is not None and pinned.status == Status.APPROVED else None
    if target.pinned_id is not None and comments.find_parent(target, target.pinned_id) is None:
        target.pinned_id = None
