"""Changes a thread: its title and address, its pin, whether and how it takes more; and undoes such a change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from commentsvc.core.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.core.policy import Mode
from commentsvc.core.status import Status
from commentsvc.services import transitions
from commentsvc.services.moderation import Moderator
from commentsvc.store import accounts, audit_log, comments, memberships, sites, thread_titles, threads
from commentsvc.store.accounts import Account
from commentsvc.store.audit_log import THREAD, AuditEntry
from commentsvc.store.comments import CommentKind
from commentsvc.store.db import db
from commentsvc.store.memberships import Role
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import retried, write

UNDO = re.compile(r"thread-([1-9][0-9]{0,17})")  # `undo` of a change of a thread: its entry in the audit log


@dataclass(frozen=True)
class ThreadChange:
    """`undo` is what takes the change back; None when nothing was changed."""

    thread: Thread
    undo: str | None


def undo_of(entry: AuditEntry) -> str:
    return f"thread-{entry.id}"


def find_entry(undo: str) -> int | None:
    """The entry of the journal that `undo` names; None when it names an act on comments."""
    found = UNDO.fullmatch(undo)
    return int(found[1]) if found else None


@retried
def tend(site: Site, key: str, changes: Mapping[str, Any], by: Account, ip: str, now: datetime) -> ThreadChange:
    """Change what is named of a thread: `title`, `url`, `pinned_id`, `is_open`, `mode`; a new page gets its thread so.

    A title or address stays whatever the page and comments say; an empty one is again the page's own, which is read
    anew, or what the approved comments give.
    Raises Invalid for a comment that can't be pinned (only a published one of this thread that answers none), and
    for a mode that there is not; None is the site's own.
    """
    with write():
        sites.hold_posting(site.id)  # no thread moves meanwhile
        accounts.hold(by.id)
        thread = threads.get_or_add(site, key, now)
        entry = set_values(site, thread, changes, by, ip, now)
    return ThreadChange(thread, undo_of(entry) if entry else None)


def set_values(
    site: Site, thread: Thread, changes: Mapping[str, Any], by: Account, ip: str, now: datetime
) -> AuditEntry | None:
    """As tend(), for a thread that the caller has locked; the caller commits. None when nothing was changed."""
    if changes.get("mode") is not None and changes["mode"] not in set(Mode):
        raise Invalid("mode", f"The moderation mode is one of {', '.join(Mode)}, or empty for the site's own.")
    if changes.get("pinned_id") is not None:
        _check_pin(thread, changes["pinned_id"])
    is_cleared = "" in (changes.get("title"), changes.get("url"))
    changes = {**changes, **_fixed(thread, changes)}
    changed = {name: value for name, value in changes.items() if value != getattr(thread, name)}
    entry = _change(site, thread, changed, by, ip, now) if changed else None
    if is_cleared:
        transitions.queue_page_read(thread, "", now)
    return entry


@retried
def undo(entry_id: int, by: Moderator, ip: str, now: datetime) -> ThreadChange:
    """Put back what a change of a thread's settings changed; undoing that puts it forth again.

    Raises NotFound unless it is a change of a thread that the moderator moderates, NotAllowed for a mode, which
    owners choose, and Conflict when one of the settings was changed since.
    """
    with write():
        entry = audit_log.by_id(entry_id)
        site = db.session.get(Site, entry.site_id) if entry.kind == THREAD else None
        if site is None or not by.may_moderate(site):
            raise NotFound("There is nothing to undo.")
        if "mode" in entry.after and memberships.role_on(by.account, site) is not Role.OWNER:
            raise NotAllowed("Only an owner of this site can change the moderation of a page.")
        accounts.hold(by.account.id)
        return put_back(site, entry, by.account, ip, now)


def put_back(site: Site, entry: AuditEntry, by: Account, ip: str, now: datetime) -> ThreadChange:
    """As undo(), for an entry that the caller has checked; the caller commits."""
    found = threads.find(site, entry.subject) if entry.thread_id is None else db.session.get(Thread, entry.thread_id)
    if found is None or found.site_id != site.id:
        raise Conflict("This page no longer exists.", "changed-since")
    threads.lock([found.id])
    db.session.refresh(found)
    if any(getattr(found, name) != value for name, value in entry.after.items()):
        raise Conflict("The settings of this page have changed since. Check them again.", "changed-since")
    if entry.before.get("pinned_id") is not None:
        try:
            _check_pin(found, entry.before["pinned_id"])
        except Invalid:
            raise Conflict("The comment that was pinned before is no longer published.", "changed-since") from None
    return ThreadChange(found, undo_of(_change(site, found, entry.before, by, ip, now, entry)))


def _change(
    site: Site,
    thread: Thread,
    values: Mapping[str, Any],
    by: Account,
    ip: str,
    now: datetime,
    undoes: AuditEntry | None = None,
) -> AuditEntry:
    before = {name: getattr(thread, name) for name in values}
    for name, value in values.items():
        setattr(thread, name, value)
    db.session.flush()
    entry = audit_log.add(
        THREAD,
        now,
        site=site,
        by=by,
        subject=thread.key,
        before=before,
        after=dict(values),
        ip=ip,
        undoes=undoes,
        thread_id=thread.id,
    )
    threads.touch(thread.id, 0)
    if not values.keys().isdisjoint(("title", "url")):
        transitions.update_counters([], [site.id])  # feeds name the page
    db.session.flush()
    return entry


def _fixed(thread: Thread, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes that follow from a new title or address: whether they are fixed, and the value of an empty one."""
    more: dict[str, Any] = {}
    if "title" in changes:
        more["is_title_fixed"] = bool(changes["title"])
        more["title"] = changes["title"] or thread_titles.page_title_of(thread)
    if "url" in changes:
        more["is_url_fixed"] = bool(changes["url"])
        more["url"] = changes["url"] or thread_titles.page_url_of(thread)
    return more


def _check_pin(thread: Thread, comment_id: int) -> None:
    comment = comments.find_parent(thread, comment_id)
    if comment is None or comment.status != Status.APPROVED or comment.kind != CommentKind.COMMENT:
        raise Invalid("pinned", "Only a published comment of this thread can be pinned.")
    if comment.parent_id is not None:
        raise Invalid("pinned", "Only a comment that is not a reply can be pinned.")
