"""Guest adoption: an account gets the comments that its holder has written as a guest."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import func, select, update

from commentsvc.store import authors, comments, threads
from commentsvc.store.accounts import Account
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.sites import Site


def adopt_guests(account: Account, email: str, now: datetime) -> None:
    """Move to the account the comments that a guest wrote under an e-mail address which its holder has now proved.

    Moves the comments of the threads that are locked here. A comment that is posted in another thread at the same
    moment moves when the holder next signs in.
    """
    guests = select(Author.id, Author.site_id).where(Author.email == email, Author.account_id.is_(None))
    site_of = dict(db.session.execute(guests.order_by(Author.id)).all())
    if not site_of:
        return
    thread_ids = comments.thread_ids_by(site_of)
    threads.lock(thread_ids)
    author_id_on = {}
    for site_id in sorted(set(site_of.values())):
        site = db.session.get_one(Site, site_id)
        author_id_on[site_id] = authors.get_or_add_author(site, account, account.name, email, "", now).id
    moved: dict[int, Counter[str]] = {}
    for guest_id, site_id in site_of.items():
        of_guest = (Comment.author_id == guest_id, Comment.thread_id.in_(thread_ids))
        counted = select(Comment.status, func.count()).where(*of_guest).group_by(Comment.status)
        for status, count in db.session.execute(counted).all():
            moved.setdefault(guest_id, Counter())[status] -= count
            moved.setdefault(author_id_on[site_id], Counter())[status] += count
        db.session.execute(update(Comment).where(*of_guest).values(author_id=author_id_on[site_id]))
    authors.add_to_counts(moved)
