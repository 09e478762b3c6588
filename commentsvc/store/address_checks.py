"""Checks of guests' e-mail addresses: disclosures that an address belongs to an account, and mails that ask."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Index, LargeBinary, String, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.core.networks import NetworkScope, count_in, network_of
from commentsvc.store.db import Base, Id, UtcTime, db

HOLD_RULE = "address"  # the reason of a comment that waits for the holder of its address
# Enough for people who mistype or forget that they have an account; too few to find out who has one.
TOLD_WINDOW = timedelta(hours=1)
TOLD_PER_HOUSEHOLD = 10
TOLD_PER_NEIGHBOURHOOD = 30
# Anybody can type anybody's address: no more mails must come of it.
MAILS_WINDOW = timedelta(days=1)
MAILS_PER_ADDRESS = 3


class AddressCheck(Base):
    """`email_hash` is that of an address that was asked to confirm; None where a network was told of an account."""

    __tablename__ = "address_check"
    __table_args__ = (
        Index("ix_address_check_network_created_at", "network", "created_at"),
        Index("ix_address_check_email_hash_created_at", "email_hash", "created_at"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    network: Mapped[str] = mapped_column(String(45))
    ip: Mapped[str] = mapped_column(String(45))
    email_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


def may_be_told(ip: str, now: datetime) -> bool:
    """Whether a network may still be told that an e-mail address belongs to an account."""
    query = select(AddressCheck.ip).where(AddressCheck.network == network_of(ip, NetworkScope.NEIGHBOURHOOD))
    query = query.where(AddressCheck.created_at > now - TOLD_WINDOW, AddressCheck.created_at <= now)
    found = db.session.scalars(query.where(AddressCheck.email_hash.is_(None)).limit(TOLD_PER_NEIGHBOURHOOD)).all()
    return len(found) < TOLD_PER_NEIGHBOURHOOD and count_in(found, ip, NetworkScope.HOUSEHOLD) < TOLD_PER_HOUSEHOLD


def note_told(ip: str, now: datetime) -> None:
    db.session.add(_row(ip, None, now))


def take_mail(ip: str, email_hash: bytes, now: datetime) -> bool:
    """Note one more mail to an address; False when it got enough of them today."""
    query = select(func.count()).select_from(AddressCheck).where(AddressCheck.email_hash == email_hash)
    recent = query.where(AddressCheck.created_at > now - MAILS_WINDOW, AddressCheck.created_at <= now)
    if (db.session.scalar(recent) or 0) >= MAILS_PER_ADDRESS:
        return False
    db.session.add(_row(ip, email_hash, now))
    return True


def forget_old(now: datetime) -> None:
    db.session.execute(delete(AddressCheck).where(AddressCheck.created_at < now - MAILS_WINDOW))


def _row(ip: str, email_hash: bytes | None, now: datetime) -> AddressCheck:
    network = network_of(ip, NetworkScope.NEIGHBOURHOOD)
    return AddressCheck(network=network, ip=ip, email_hash=email_hash, created_at=now)
