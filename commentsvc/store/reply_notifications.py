"""Reply notifications: which authors want a mail about replies to their comments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import aliased

from commentsvc.store.comments import Comment
from commentsvc.store.db import db


def ids_to_announce(ids: Iterable[int]) -> Sequence[int]:
    """The subset of `ids` whose parent comment asks for mails about replies, in order."""
    parent = aliased(Comment)
    query = select(Comment.id).join(parent, parent.id == Comment.parent_id)
    query = query.where(Comment.id.in_(list(ids)), parent.notify.is_(True), parent.author_email.is_not(None))
    return db.session.scalars(query.order_by(Comment.id)).all()


def ask_for(thread_id: int, email: str) -> None:
    """Turn on mails about replies to the comments of an address in a thread. The caller holds the thread."""
    theirs = update(Comment).where(Comment.thread_id == thread_id, Comment.author_email == email)
    db.session.execute(theirs.where(Comment.notify.is_(False)).values(notify=True))


def unsubscribe_author(comment: Comment) -> None:
    """Turn off mails about replies to any comment of this comment's author on its site."""
    of_author = update(Comment).where(Comment.site_id == comment.site_id, Comment.author_id == comment.author_id)
    db.session.execute(of_author.where(Comment.notify.is_(True)).values(notify=False))
