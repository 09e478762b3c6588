"""Stored responses, for retries with the same Idempotency-Key."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.store.db import Base, Id, UtcTime, db, insert_all
from commentsvc.store.sites import Site

PRUNED_MAX = 500  # rows in one transaction, so that posts do not wait long for it


class StoredResponse(Base):
    __tablename__ = "answer"
    __table_args__ = (UniqueConstraint("site_id", "key_hash"), Index("ix_answer_created_at", "created_at"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    # Of the key and the author together: another author's same key is another key.
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    request_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comment.id"))
    answer: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


def find_all(site: Site, key_hashes: Collection[bytes]) -> dict[bytes, StoredResponse]:
    """The answers that were given already, by the hash of the key."""
    if not key_hashes:
        return {}
    query = select(StoredResponse).where(StoredResponse.site_id == site.id, StoredResponse.key_hash.in_(key_hashes))
    return {bytes(answer.key_hash): answer for answer in db.session.scalars(query)}


class NewResponse(NamedTuple):
    """An answer to be kept."""

    key_hash: bytes
    request_hash: bytes
    comment_id: int
    answer: dict[str, Any]


def add_all(site: Site, given: Iterable[NewResponse], now: datetime) -> None:
    """Keep the answers; a second one under the same key at the same moment raises IntegrityError."""
    insert_all(StoredResponse, [{**one._asdict(), "site_id": site.id, "created_at": now} for one in given])


def forget_old(before: datetime) -> bool:
    """Delete some of the responses given before then; returns whether there may be more."""
    old = select(StoredResponse.id).where(StoredResponse.created_at < before).order_by(StoredResponse.created_at)
    ids = db.session.scalars(old.limit(PRUNED_MAX)).all()
    if ids:
        db.session.execute(delete(StoredResponse).where(StoredResponse.id.in_(ids)))
    return len(ids) == PRUNED_MAX
