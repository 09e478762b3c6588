"""Pruning by age: empties columns of old rows and deletes old sign-ins, a few rows at a time and in order of id."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile

from sqlalchemy import String, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.core.status import Status
from commentsvc.store.audit_log import AuditEntry
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, db
from commentsvc.store.reports import Report
from commentsvc.store.sessions import Session, SigninCode
from commentsvc.store.sites import Site
from commentsvc.store.upserts import upsert
from commentsvc.store.widget_tokens import AuthCode

AT_ONCE = 500  # rows in one transaction, so that posts do not wait long for it
REFUSED = (Status.REJECTED, Status.SPAM)


class Pruning(Base):
    """The id up to which a column was emptied. Without it, each search for old rows would need an index of its own."""

    __tablename__ = "pruning"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    position: Mapped[int] = mapped_column(Id)


def empty_column(table: type[Comment | Report | AuditEntry], column: str, before: datetime, now: datetime) -> bool:
    """Empty a column of the next rows that were written before then; returns whether there may be more.

    Stops at the first row that is younger: an imported row with an earlier time waits for those before it. The caller
    commits.
    """
    mark = position(f"{table.__tablename__}.{column}")
    query = select(table.id, table.created_at).where(table.id > mark.position).order_by(table.id).limit(AT_ONCE)
    rows = db.session.execute(query).all()
    # A time in the future, of an import or of a clock that was wrong, must not stop it for years.
    old = [row.id for row in takewhile(lambda row: row.created_at < before or row.created_at > now, rows)]
    if old:
        cells = table.__table__.c
        emptied = update(table).where(cells.id.in_(old), cells[column] != "").values({column: ""})
        db.session.execute(emptied.execution_options(synchronize_session=False))
        mark.position = old[-1]
    return len(old) == AT_ONCE


def delete_sign_ins(before: datetime) -> bool:
    """Delete sessions and codes that expired before then, the oldest first; returns whether there may be more."""
    has_more = False
    for table in (Session, SigninCode, AuthCode):
        rows = db.session.execute(
            select(table.id, table.expires_at).where(table.id > 0).order_by(table.id).limit(AT_ONCE)
        ).all()
        old = [row.id for row in takewhile(lambda row: row.expires_at < before, rows)]
        if old:
            db.session.execute(delete(table).where(table.id.in_(old)))
        has_more = has_more or len(old) == AT_ONCE
    return has_more


def refused_before(before: datetime, limit: int) -> Sequence[int]:
    """Ids of rejected comments and spam that were written before then."""
    found: list[int] = []
    for site_id in db.session.scalars(select(Site.id).order_by(Site.id)).all():
        for status in REFUSED:
            query = select(Comment.id).where(Comment.site_id == site_id, Comment.status == status)
            query = query.where(Comment.created_at < before).order_by(Comment.created_at, Comment.id)
            found += db.session.scalars(query.limit(limit - len(found))).all()
            if len(found) >= limit:
                return found
    return found


def position(name: str) -> Pruning:
    """The row, locked until the transaction ends."""
    db.session.execute(upsert(Pruning).values(name=name, position=0).on_conflict_do_nothing())
    query = select(Pruning).where(Pruning.name == name).with_for_update()
    return db.session.scalars(query.execution_options(populate_existing=True)).one()
