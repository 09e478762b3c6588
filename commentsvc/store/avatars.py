"""Avatars by the hash of their bytes: the picture at an address never changes."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.core.errors import NotFound
from commentsvc.store.db import Base, UtcTime, db
from commentsvc.store.upserts import upsert


class Avatar(Base):
    __tablename__ = "picture"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256, hexadecimal
    body: Mapped[bytes] = mapped_column(LargeBinary)  # WebP
    created_at: Mapped[datetime] = mapped_column(UtcTime)


def by_hash(name: str) -> Avatar:
    picture = db.session.get(Avatar, name)
    if picture is None:
        raise NotFound("There is no such picture here.")
    return picture


def add(body: bytes, now: datetime) -> str:
    """Keep a picture, once; gives its hash."""
    name = hashlib.sha256(body).hexdigest()
    db.session.execute(upsert(Avatar).values(hash=name, body=body, created_at=now).on_conflict_do_nothing())
    return name
