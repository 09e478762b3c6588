"""Solved challenges: each works once, so its signature is kept until it is worthless by age."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, delete
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.store.db import Base, UtcTime, db
from commentsvc.store.upserts import upsert


class SolvedChallenge(Base):
    __tablename__ = "solved_challenge"

    signature: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


def use(signature: bytes, expires_at: datetime) -> bool:
    """Take a solution in; False when it was used before. Gone again when the transaction is not committed."""
    row = upsert(SolvedChallenge).values(signature=signature, expires_at=expires_at).on_conflict_do_nothing()
    return db.session.execute(row.returning(SolvedChallenge.signature)).first() is not None


def forget_old(now: datetime) -> None:
    db.session.execute(delete(SolvedChallenge).where(SolvedChallenge.expires_at < now))
