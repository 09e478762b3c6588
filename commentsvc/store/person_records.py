"""Records about a person for their own copy: comments, subscriptions, sanctions and waiting mails, without secrets."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import select, text

from commentsvc.core.sanction_kinds import SanctionKind, SubjectKind
from commentsvc.store import thread_subscriptions
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.jobs import FAILED, OPEN, Job
from commentsvc.store.sanctions import Sanction
from commentsvc.store.sites import Site
from commentsvc.store.subscriptions import Subscription

TOLD = (SanctionKind.WARN, SanctionKind.SUSPEND, SanctionKind.BAN)  # the person is shown these, with their reason


def of_comment(comment: Comment) -> dict[str, Any]:
    return {
        "type": "comment",
        "id": comment.id,
        "site": comment.site.key,
        "thread": comment.thread.key,
        "page": comment.page_url or comment.thread.url,
        "name": comment.author_name,
        "email": comment.author_email,
        "website": comment.author_website,
        "status": comment.status,
        "text": comment.source,
        "html": comment.html,
        "written_at": comment.created_at.isoformat(),
        "edited_at": comment.edited_at.isoformat() if comment.edited_at else None,
        "ip": comment.ip,
        "browser": comment.user_agent,
    }


def subscriptions_of(email: str, sites: Collection[Site]) -> Iterator[dict[str, Any]]:
    query = select(Subscription).where(Subscription.site_id.in_([site.id for site in sites]))
    for found in db.session.scalars(query.where(Subscription.email == email).order_by(Subscription.id)):
        confirmed_at = found.confirmed_at.isoformat() if found.confirmed_at else None
        asked_at = found.created_at.isoformat()
        followed = [thread.key for thread in thread_subscriptions.threads_of(found.id)]
        values = {"asked_at": asked_at, "confirmed_at": confirmed_at, "threads": followed}
        yield {"type": "subscription", "site": found.site.key, **values}


def sanctions_of(email: str, account_id: int | None, site: Site | None) -> Iterator[dict[str, Any]]:
    """The sanctions on an address or account of which the person is told."""
    subjects = [f"{SubjectKind.EMAIL}:{email}", f"{SubjectKind.ACCOUNT}:{account_id}"]
    query = select(Sanction).where(Sanction.subject.in_(subjects), Sanction.kind.in_(TOLD)).order_by(Sanction.id)
    if site is not None:
        query = query.where(Sanction.site_id == site.id)
    for found in db.session.scalars(query):
        until = found.until_at.isoformat() if found.until_at else None
        values = {"kind": found.kind, "reason": found.reason, "until": until}
        yield {"type": "sanction", **values, "made_at": found.created_at.isoformat()}


def mails_to(email: str) -> Iterator[dict[str, Any]]:
    """Mails to the address that wait, or that were given up; without subjects and texts, which hold codes and links."""
    for is_waiting in (text(OPEN), text(FAILED)):
        for job in db.session.scalars(select(Job).where(is_waiting)):
            if str((job.payload or {}).get("to", "")).lower() == email:
                yield {"type": "mail", "queued_at": job.created_at.isoformat()}
