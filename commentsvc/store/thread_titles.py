"""Thread titles and addresses: those that the page itself gives, else those of the thread's approved comments."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import or_, select
from sqlalchemy.orm.attributes import InstrumentedAttribute

from commentsvc.core.status import Status
from commentsvc.store import threads
from commentsvc.store.comments import Comment, CommentKind
from commentsvc.store.db import db
from commentsvc.store.threads import Thread


def update(approved: Collection[Comment], withdrawn: Collection[Comment]) -> None:
    """Update titles and addresses of threads after comments were approved or withdrawn.

    A title that came from a withdrawn comment is replaced by that of the oldest approved comment that has one, unless
    another approved comment has the same title. Addresses follow the same rule. The caller holds the threads' locks.
    """
    found = threads.read_anew({comment.thread_id for comment in [*approved, *withdrawn]})
    for comment in withdrawn:
        thread = found[comment.thread_id]
        if thread.title and not thread.is_title_fixed and comment.page_title in (None, thread.title):
            comment.page_title, thread.title = thread.title, page_title_of(thread)
        if thread.url and not thread.is_url_fixed and comment.page_url in (None, thread.url):
            comment.page_url, thread.url = thread.url, page_url_of(thread)
    for comment in sorted(approved, key=lambda comment: comment.id):
        threads.describe(found[comment.thread_id], comment.page_title or "", comment.page_url or "")
    db.session.flush()


def refresh(thread: Thread) -> None:
    """Give a thread its title and address anew, where nobody has fixed them; the caller holds the lock."""
    if not thread.is_title_fixed:
        thread.title = page_title_of(thread)
    if not thread.is_url_fixed:
        thread.url = page_url_of(thread)
    db.session.flush()


def page_title_of(thread: Thread) -> str:
    """The page's own title; else of its approved comments the one shown, if one still has it, or the oldest one's."""
    shown = "" if thread.is_title_fixed else thread.title
    return thread.page_title or _value_of_page(thread, Comment.page_title, shown)


def page_url_of(thread: Thread) -> str:
    """The page's own address, else one of its approved comments, chosen like the title."""
    shown = "" if thread.is_url_fixed else thread.url
    return thread.page_url or _value_of_page(thread, Comment.page_url, shown)


def _value_of_page(thread: Thread, column: InstrumentedAttribute[str | None], shown: str) -> str:
    approved = (Comment.thread_id == thread.id, Comment.status == Status.APPROVED, Comment.kind == CommentKind.COMMENT)
    has_shown = select(Comment.id).where(*approved, or_(column.is_(None), column == shown)).limit(1)
    if shown and db.session.scalar(has_shown) is not None:
        return shown
    oldest = select(column).where(*approved, column != "").order_by(Comment.id).limit(1)
    return db.session.scalar(oldest) or ""
