"""One-time codes and tokens of widgets, for one account on one site; only hashes are stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, LargeBinary, String, select, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core import tokens
from commentsvc.store.accounts import Account
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.identities import PROVIDER_MAX
from commentsvc.store.sites import Site

REDIRECT_MAX = 2048


class TokenKind(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"


class AuthCode(Base):
    """A code for a widget; single use: its tokens are revoked when it is used again."""

    __tablename__ = "auth_code"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    provider: Mapped[str] = mapped_column(String(PROVIDER_MAX))
    redirect_uri: Mapped[str] = mapped_column(String(REDIRECT_MAX))
    challenge: Mapped[str] = mapped_column(String(128))
    family: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    account: Mapped[Account] = relationship(lazy="joined")
    site: Mapped[Site] = relationship(lazy="joined")


class WidgetToken(Base):
    """An access or refresh token; all that descend from one sign-in are a family and end together."""

    __tablename__ = "widget_token"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    family: Mapped[str] = mapped_column(String(32), index=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    provider: Mapped[str] = mapped_column(String(PROVIDER_MAX))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)  # a refresh token that was traded for the next
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    account: Mapped[Account] = relationship(lazy="joined")
    site: Mapped[Site] = relationship(lazy="joined")


def find_code(code: str) -> AuthCode | None:
    """The code's row, locked: two who bring the same code at once must not both get tokens."""
    query = select(AuthCode).where(AuthCode.code_hash == tokens.digest(code))
    return db.session.scalar(query.with_for_update(of=AuthCode))


def find_token(token: str, for_change: bool = False) -> WidgetToken | None:
    query = select(WidgetToken).where(WidgetToken.token_hash == tokens.digest(token))
    return db.session.scalar(query.with_for_update(of=WidgetToken) if for_change else query)


def end_family(family: str, now: datetime) -> None:
    ended = update(WidgetToken).where(WidgetToken.family == family, WidgetToken.ended_at.is_(None))
    db.session.execute(ended.values(ended_at=now))


def end_all_of(account_id: int, now: datetime) -> None:
    ended = update(WidgetToken).where(WidgetToken.account_id == account_id, WidgetToken.ended_at.is_(None))
    db.session.execute(ended.values(ended_at=now))


def has_signed_in(account: Account, site: Site) -> bool:
    """Whether the account has let this site know it before."""
    query = select(WidgetToken.id).where(WidgetToken.account_id == account.id, WidgetToken.site_id == site.id)
    return db.session.scalar(query.limit(1)) is not None


def open_families(account_id: int, now: datetime) -> Sequence[WidgetToken]:
    """The newest refresh token of each sign-in that still lives, the newest sign-in first."""
    query = select(WidgetToken).where(WidgetToken.account_id == account_id, WidgetToken.kind == TokenKind.REFRESH)
    query = query.where(WidgetToken.used_at.is_(None), WidgetToken.ended_at.is_(None), WidgetToken.expires_at > now)
    return db.session.scalars(query.order_by(WidgetToken.id.desc())).all()
