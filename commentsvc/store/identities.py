"""Identities: the ways in which an account signs in, by provider and subject."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    ForeignKey,
    String,
    UniqueConstraint,
    select,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core.policy import NAME_MAX
from commentsvc.store.db import Base, Id, UtcTime, db

if TYPE_CHECKING:
    from commentsvc.store.accounts import Account


PROVIDER_MAX = 64
SUBJECT_MAX = 255


class Identity(Base):
    """One way an account signs in."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("provider", "subject"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    provider: Mapped[str] = mapped_column(String(PROVIDER_MAX))
    subject: Mapped[str] = mapped_column(String(SUBJECT_MAX))
    name: Mapped[str] = mapped_column(String(NAME_MAX), default="")  # as the provider says it, to tell two apart
    # Added by the account's holder or by a mailed code; False for what rests on the provider's word alone.
    is_confirmed: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    account: Mapped[Account] = relationship(back_populates="identities")


def find_identity(provider: str, subject: str) -> Identity | None:
    return db.session.scalar(select(Identity).where(Identity.provider == provider, Identity.subject == subject))


def add_identity(
    account: Account, provider: str, subject: str, name: str, now: datetime, is_confirmed: bool = True
) -> None:
    values = {"provider": provider, "subject": subject, "name": name[:NAME_MAX], "is_confirmed": is_confirmed}
    db.session.add(Identity(account_id=account.id, created_at=now, **values))
    db.session.flush()


def identities_of(account_id: int) -> Sequence[Identity]:
    return db.session.scalars(select(Identity).where(Identity.account_id == account_id).order_by(Identity.id)).all()
