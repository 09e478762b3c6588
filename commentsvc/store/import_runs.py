"""Imports: what each was asked to do, how far it has come, its report, and the file while it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Integer, LargeBinary, String, Text, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core.errors import NotFound
from commentsvc.core.status import Status
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.sites import Site

FILE_NAME_MAX = 200
SHOWN_MAX = 50  # imports in the list


class ImportState(StrEnum):
    """The values are in the database."""

    CHECKING = "checking"
    CHECKED = "checked"
    IMPORTING = "importing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDOING = "undoing"
    UNDONE = "undone"


AT_WORK = (ImportState.CHECKING, ImportState.IMPORTING, ImportState.UNDOING)


class ImportRun(Base):
    """`done` of `total` comments are imported; 0 of 0 before the file was read to its end."""

    __tablename__ = "import_run"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), index=True)
    by_account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # None: the command line
    format: Mapped[str] = mapped_column(String(16))
    file_name: Mapped[str] = mapped_column(String(FILE_NAME_MAX))
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(String(16))
    done: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[int] = mapped_column(Integer, default=0)
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    problem: Mapped[str] = mapped_column(Text, default="")  # why it failed
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    busy_until: Mapped[datetime | None] = mapped_column(UtcTime)  # a worker processes it until then, unless it died
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)

    by_account: Mapped[Account | None] = relationship(lazy="select")

    @property
    def is_at_work(self) -> bool:
        return self.state in AT_WORK


class ImportFile(Base):
    """The uploaded file, until the import has ended."""

    __tablename__ = "import_file"

    run_id: Mapped[int] = mapped_column(Id, ForeignKey("import_run.id"), primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)


def add(run: ImportRun, content: bytes | None) -> None:
    db.session.add(run)
    db.session.flush()
    if content is not None:
        db.session.add(ImportFile(run_id=run.id, content=content))
        db.session.flush()


def of_site(site: Site) -> Sequence[ImportRun]:
    """The imports of a site, the newest first."""
    query = select(ImportRun).where(ImportRun.site_id == site.id)
    return db.session.scalars(query.order_by(ImportRun.id.desc()).limit(SHOWN_MAX)).all()


def by_id(site: Site, run_id: int) -> ImportRun:
    """Raises NotFound."""
    found = db.session.get(ImportRun, run_id)
    if found is None or found.site_id != site.id:
        raise NotFound("There is no import with this number here.")
    return found


def content_of(run_id: int) -> bytes | None:
    return db.session.scalar(select(ImportFile.content).where(ImportFile.run_id == run_id))


def drop_file(run_id: int) -> None:
    db.session.execute(delete(ImportFile).where(ImportFile.run_id == run_id))


def claim(run_id: int, now: datetime, until: datetime) -> bool:
    """Whether the caller may work on the import until then: nobody else is at it. The caller commits."""
    free = or_(ImportRun.busy_until.is_(None), ImportRun.busy_until < now)
    mine = update(ImportRun).where(ImportRun.id == run_id, free).values(busy_until=until)
    return bool(db.session.execute(mine).rowcount)  # type: ignore[attr-defined]


def note_progress(run_id: int, done: int, total: int, until: datetime) -> None:
    """The caller commits."""
    values = {"done": done, "total": total, "busy_until": until}
    db.session.execute(update(ImportRun).where(ImportRun.id == run_id).values(values))


def forget_files(before: datetime) -> bool:
    """Delete the files of imports that were uploaded before, and nobody has started; whether there were any."""
    waiting = (ImportState.CHECKING, ImportState.CHECKED)
    old = select(ImportRun.id).where(ImportRun.created_at < before, ImportRun.state.in_(waiting))
    ids = db.session.scalars(old).all()
    db.session.execute(delete(ImportFile).where(ImportFile.run_id.in_(ids)))
    db.session.execute(update(ImportRun).where(ImportRun.id.in_(ids)).values(state=ImportState.CANCELLED))
    return bool(ids)


def comments_left(run_id: int, limit: int) -> Sequence[int]:
    """Ids of comments that the import has added and that are not deleted, in order of id."""
    query = select(Comment.id).where(Comment.import_run_id == run_id, Comment.status != Status.DELETED)
    return db.session.scalars(query.order_by(Comment.id).limit(limit)).all()


def count_comments(run_id: int) -> int:
    return db.session.scalar(select(func.count(Comment.id)).where(Comment.import_run_id == run_id)) or 0


def forget_names(run_id: int, limit: int) -> int:
    """Let comments of the import forget what its file calls them, so that it can be imported again; gives how many."""
    named = select(Comment.id).where(Comment.import_run_id == run_id)
    named = named.where(or_(Comment.import_id.is_not(None), Comment.uid.is_not(None))).limit(limit)
    ids = db.session.scalars(named).all()
    if ids:
        forget = update(Comment).where(Comment.id.in_(ids)).values(import_id=None, uid=None)
        db.session.execute(forget.execution_options(synchronize_session=False))
    return len(ids)
