"""Undoes a change of a thread, of whatever kind: settings, move, merge, deletion."""

from __future__ import annotations

from datetime import datetime

from commentsvc.core.errors import NotAllowed, NotFound
from commentsvc.services import thread_moves, thread_settings
from commentsvc.services.moderation import Moderator
from commentsvc.services.thread_settings import ThreadChange
from commentsvc.store import audit_log, memberships
from commentsvc.store.audit_log import OF_THREADS, THREAD, THREAD_DELETE, THREAD_MERGE
from commentsvc.store.db import db
from commentsvc.store.memberships import Role
from commentsvc.store.sites import Site


def undo(entry_id: int, by: Moderator, ip: str, now: datetime) -> ThreadChange:
    """Take back a change by its number in the audit log.

    Raises NotFound unless it is a change of a thread that the moderator moderates, NotAllowed for one that only owners
    make, and Conflict when the thread was changed since.
    """
    entry = audit_log.by_id(entry_id)
    if entry.kind == THREAD:
        return thread_settings.undo(entry_id, by, ip, now)
    site = db.session.get(Site, entry.site_id) if entry.kind in OF_THREADS else None
    if site is None or not by.may_moderate(site):
        raise NotFound("There is nothing to undo.")
    if entry.kind in (THREAD_MERGE, THREAD_DELETE) and memberships.role_on(by.account, site) is not Role.OWNER:
        raise NotAllowed("Only an owner of this site can undo this.")
    return thread_moves.undo(entry_id, by.account, ip, now)
