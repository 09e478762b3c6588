"""Changes a thread: its title and address, which comment is pinned, whether and how it takes more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from commentsvc.core.errors import Invalid
from commentsvc.core.policy import Mode
from commentsvc.core.status import Status
from commentsvc.services import publishing
from commentsvc.store import comments, journal, threads
from commentsvc.store.comments import Kind
from commentsvc.store.db import begin_write, db
from commentsvc.store.people import Account
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread


def tend(site: Site, key: str, changes: Mapping[str, Any], by: Account, ip: str, now: datetime) -> Thread:
    """Change what is named of a thread: `title`, `url`, `pinned_id`, `is_open`, `mode`; a new page gets its thread so.

    A title or address stays whatever comments say; an empty one is again what the approved comments give.
    Raises Invalid for a comment that can't be pinned (only a published one of this thread that answers none), and
    for a mode that there is not; None is the site's own.
    """
    if changes.get("mode") is not None and changes["mode"] not in set(Mode):
        raise Invalid("mode", f"The moderation mode is one of {', '.join(Mode)}, or empty for the site's own.")
    begin_write()
    thread = threads.get_or_add(site, key, now)
    if changes.get("pinned_id") is not None:
        _check_pin(thread, changes["pinned_id"])
    changes = {**changes, **_fixed(thread, changes)}
    before = {name: getattr(thread, name) for name in changes}

    changed = {name: value for name, value in changes.items() if value != before[name]}
    if changed:
        for name, value in changed.items():
            setattr(thread, name, value)
        db.session.flush()
        was = {name: before[name] for name in changed}
        journal.add("thread", now, site=site, by=by, subject=key, before=was, after=changed, ip=ip)
        threads.touch(thread.id, 0)
        if not changed.keys().isdisjoint(("title", "url")):
            publishing.moved([], [site.id])  # feeds name the page
    db.session.commit()
    return thread


def _fixed(thread: Thread, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What else changes with a title and an address: whether they are fixed, and what an empty one becomes."""
    more: dict[str, Any] = {}
    if "title" in changes:
        more["is_title_fixed"] = bool(changes["title"])
        more["title"] = changes["title"] or comments.page_title_of(thread)
    if "url" in changes:
        more["is_url_fixed"] = bool(changes["url"])
        more["url"] = changes["url"] or comments.page_url_of(thread)
    return more


def _check_pin(thread: Thread, comment_id: int) -> None:
    comment = comments.find_parent(thread, comment_id)
    if comment is None or comment.status != Status.APPROVED or comment.kind != Kind.COMMENT:
        raise Invalid("pinned", "Only a published comment of this thread can be pinned.")
    if comment.parent_id is not None:
        raise Invalid("pinned", "Only a comment that answers no other can be pinned.")
