"""Second factors of accounts: authenticator apps, passkeys, and the codes for when both are lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.core.errors import NotFound
from commentsvc.store.db import Base, Id, UtcTime, db

NAME_MAX = 80


class FactorKind(StrEnum):
    TOTP = "totp"
    PASSKEY = "passkey"
    RECOVERY = "recovery"


class SecondFactor(Base):
    __tablename__ = "second_factor"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    secret: Mapped[bytes] = mapped_column(LargeBinary)  # sealed seed; public key; hash of a recovery code
    credential_id: Mapped[bytes | None] = mapped_column(LargeBinary(1023), unique=True)
    counter: Mapped[int] = mapped_column(BigInteger, default=0)  # last step of a code; last count of a passkey
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)


def of_account(account_id: int, *kinds: FactorKind) -> Sequence[SecondFactor]:
    query = (
        select(SecondFactor)
        .where(SecondFactor.account_id == account_id, SecondFactor.kind.in_(kinds))
        .order_by(SecondFactor.id)
    )
    return db.session.scalars(query).all()


def is_protected(account_id: int) -> bool:
    """Whether the account has a second factor that must be shown."""
    query = (
        select(SecondFactor.id)
        .where(SecondFactor.account_id == account_id, SecondFactor.kind != FactorKind.RECOVERY)
        .limit(1)
    )
    return db.session.scalar(query) is not None


def locked(account_id: int, *kinds: FactorKind) -> Sequence[SecondFactor]:
    """As of_account, held until the transaction ends: a code must not be used twice at once."""
    query = (
        select(SecondFactor)
        .where(SecondFactor.account_id == account_id, SecondFactor.kind.in_(kinds))
        .order_by(SecondFactor.id)
    )
    return db.session.scalars(query.with_for_update(of=SecondFactor)).all()


def by_credential(account_id: int, credential_id: bytes) -> SecondFactor:
    query = select(SecondFactor).where(
        SecondFactor.account_id == account_id, SecondFactor.credential_id == credential_id
    )
    found = db.session.scalar(query.with_for_update(of=SecondFactor))
    if found is None:
        raise NotFound("This passkey does not belong to this account.")
    return found


def forget_all(account_id: int) -> None:
    db.session.execute(delete(SecondFactor).where(SecondFactor.account_id == account_id))
