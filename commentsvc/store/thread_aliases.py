"""Thread aliases: the former keys of threads that were moved or merged, which go on leading to them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ForeignKey, LargeBinary, Text, UniqueConstraint, delete, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.store.db import Base, Id, db


class ThreadAlias(Base):
    """A key of a site is that of one thread or that of one alias, never both."""

    __tablename__ = "thread_alias"
    __table_args__ = (UniqueConstraint("site_id", "key_hash"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    key: Mapped[str] = mapped_column(Text)
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"), index=True)


def of_threads(thread_ids: Collection[int]) -> dict[int, list[str]]:
    """The former keys of threads by thread id, in order of the keys."""
    query = select(ThreadAlias.thread_id, ThreadAlias.key).where(ThreadAlias.thread_id.in_(list(thread_ids)))
    found: dict[int, list[str]] = {}
    for thread_id, key in db.session.execute(query).all():
        found.setdefault(thread_id, []).append(key)
    return {thread_id: sorted(keys) for thread_id, keys in found.items()}


def keys_of(thread_id: int) -> list[str]:
    """The former keys of a thread, the oldest first."""
    query = select(ThreadAlias.key).where(ThreadAlias.thread_id == thread_id).order_by(ThreadAlias.id)
    return list(db.session.scalars(query))


def add(site_id: int, keys_by_hash: dict[bytes, str], thread_id: int) -> None:
    """Let keys lead to a thread; the caller has checked that they lead nowhere else."""
    if keys_by_hash:
        rows = [
            {"site_id": site_id, "key_hash": key_hash, "key": key, "thread_id": thread_id}
            for key_hash, key in keys_by_hash.items()
        ]
        db.session.execute(insert(ThreadAlias), rows)


def remove(site_id: int, key_hashes: Collection[bytes]) -> None:
    of_keys = ThreadAlias.key_hash.in_(list(key_hashes))
    db.session.execute(delete(ThreadAlias).where(ThreadAlias.site_id == site_id, of_keys))


def lead_to(from_thread_id: int, to_thread_id: int) -> None:
    """Let all former keys of one thread lead to another."""
    moved = update(ThreadAlias).where(ThreadAlias.thread_id == from_thread_id)
    db.session.execute(moved.values(thread_id=to_thread_id))
