"""Revisions: the texts of a comment that an edit replaced, so that a moderator sees what was changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.core.errors import NotFound
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, UtcTime, db, insert_all


class Revision(Base):
    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), index=True)
    source: Mapped[str] = mapped_column(Text)  # as typed; never rendered without cleaning
    renderer: Mapped[str] = mapped_column(String(16))
    replaced_at: Mapped[datetime] = mapped_column(UtcTime)


def add(comment: Comment, now: datetime) -> None:
    """Add the current text of a comment, in the transaction that replaces it; the caller commits."""
    values = {"source": comment.source, "renderer": comment.renderer}
    db.session.add(Revision(comment_id=comment.id, replaced_at=now, **values))


def add_all(rows: Sequence[dict[str, Any]]) -> None:
    """Add earlier texts of an import; a row has the columns but the id."""
    insert_all(Revision, rows)


def newest(comment_id: int, replaced_at: datetime) -> Revision:
    """The text that was replaced at this moment."""
    query = select(Revision).where(Revision.comment_id == comment_id, Revision.replaced_at == replaced_at)
    found = db.session.scalar(query.order_by(Revision.id.desc()).limit(1))
    if found is None:
        raise NotFound("The text before this edit was not kept.")
    return found


def of_comments(comment_ids: Iterable[int]) -> dict[int, Sequence[Revision]]:
    """Earlier texts by comment id, the oldest first."""
    found: dict[int, list[Revision]] = {}
    query = select(Revision).where(Revision.comment_id.in_(list(comment_ids))).order_by(Revision.id)
    for revision in db.session.scalars(query):
        found.setdefault(revision.comment_id, []).append(revision)
    return dict(found)


def forget(comment_ids: Iterable[int]) -> None:
    """Delete all earlier texts of comments, because their author has asked for it."""
    db.session.execute(delete(Revision).where(Revision.comment_id.in_(list(comment_ids))))
