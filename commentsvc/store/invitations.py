"""Invitations to join a site's team, by mail: single use, valid for a week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core.errors import NotFound
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import EMAIL_MAX
from commentsvc.core.whole_numbers import is_row_id
from commentsvc.store.accounts import Account
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.sites import Site


class Invitation(Base):
    __tablename__ = "invitation"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), index=True)
    email: Mapped[str] = mapped_column(String(EMAIL_MAX))
    role: Mapped[str] = mapped_column(String(16))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    invited_by_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)  # accepted, or taken back
    site: Mapped[Site] = relationship(lazy="joined")
    invited_by: Mapped[Account] = relationship(lazy="joined")


def open_of(site: Site, now: datetime) -> Sequence[Invitation]:
    query = select(Invitation).where(Invitation.site_id == site.id, Invitation.ended_at.is_(None))
    return db.session.scalars(query.where(Invitation.expires_at > now).order_by(Invitation.id)).all()


def by_token(token_hash: bytes, now: datetime) -> Invitation:
    """The open invitation, locked; raises NotFound for one that was used, cancelled or has expired."""
    query = select(Invitation).where(Invitation.token_hash == token_hash, Invitation.ended_at.is_(None))
    found = db.session.scalar(query.where(Invitation.expires_at > now).with_for_update(of=Invitation))
    if found is None:
        raise NotFound(
            phrase("This invitation was already used or cancelled, or it is more than a week old. Ask for a new one.")
        )
    return found


def locked(site: Site, invitation_id: int) -> Invitation:
    """The invitation, locked: it may be accepted at this moment."""
    query = select(Invitation).where(Invitation.id == invitation_id).with_for_update(of=Invitation)
    found = db.session.scalar(query) if is_row_id(invitation_id) else None
    if found is None or found.site_id != site.id:
        raise NotFound("There is no such invitation here.")
    return found
