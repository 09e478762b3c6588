"""Thread merges: which comments a merge has moved, and the statements that move all rows of a thread to another."""

from __future__ import annotations

from sqlalchemy import ForeignKey, func, insert, literal, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.core.status import Status
from commentsvc.store.comments import Comment, CommentKind
from commentsvc.store.db import Base, Id, db
from commentsvc.store.threads import Thread
from commentsvc.store.votes import Vote


class MergedComment(Base):
    """A comment that came to its thread by a merge; `entry_id` is the merge in the audit log, which can be undone."""

    __tablename__ = "merged_comment"

    entry_id: Mapped[int] = mapped_column(Id, ForeignKey("journal.id"), primary_key=True, autoincrement=False)
    comment_id: Mapped[int] = mapped_column(
        Id, ForeignKey("comment.id"), primary_key=True, autoincrement=False, index=True
    )


def move_all(source: Thread, into: Thread, entry_id: int) -> int:
    """Move the comments and votes of a thread to another, and note which; gives the number of comments.

    A comment without a title or address of its page had those of its thread, and keeps them.
    """
    ids = select(literal(entry_id), Comment.id).where(Comment.thread_id == source.id)
    db.session.execute(insert(MergedComment).from_select(["entry_id", "comment_id"], ids))
    of_thread = update(Comment).where(Comment.thread_id == source.id).execution_options(synchronize_session=False)
    for column, value in ((Comment.page_title, source.title), (Comment.page_url, source.url)):
        if value:
            db.session.execute(of_thread.where(column.is_(None)).values({column: value}))
    _move_votes(source.id, into.id)
    moved = db.session.execute(of_thread.values(thread_id=into.id)).rowcount  # type: ignore[attr-defined]
    db.session.expire_all()
    return int(moved)


def move_back(into: Thread, source_id: int, entry_id: int) -> None:
    """Move the comments of a merge, the replies that they have got since, and their votes to the thread `source_id`."""
    merged = select(MergedComment.comment_id).where(MergedComment.entry_id == entry_id)
    is_of_merge = or_(Comment.id.in_(merged), Comment.root_id.in_(merged))
    of_merge = update(Comment).where(Comment.thread_id == into.id, is_of_merge)
    db.session.execute(of_merge.values(thread_id=source_id).execution_options(synchronize_session=False))
    _move_votes(source_id, source_id)
    db.session.expire_all()


def _move_votes(of_thread_id: int, to_thread_id: int) -> None:
    """Give the votes on a thread's comments another thread."""
    voted = select(Comment.id).where(Comment.thread_id == of_thread_id)
    votes = update(Vote).where(Vote.comment_id.in_(voted)).execution_options(synchronize_session=False)
    db.session.execute(votes.values(thread_id=to_thread_id))


def count_approved(thread_id: int) -> int:
    """The number of approved comments of a thread, without pingbacks."""
    query = select(func.count(Comment.id)).where(Comment.thread_id == thread_id, Comment.status == Status.APPROVED)
    return db.session.scalar(query.where(Comment.kind == CommentKind.COMMENT)) or 0


def move_page_urls(thread_id: int, old: str, new: str) -> None:
    """Replace an address of the page in all comments of a thread that give it."""
    of_page = update(Comment).where(Comment.thread_id == thread_id, Comment.page_url == old)
    db.session.execute(of_page.values(page_url=new).execution_options(synchronize_session=False))
    db.session.expire_all()
