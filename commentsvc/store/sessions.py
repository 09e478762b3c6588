"""Dashboard sessions, and the one-time codes and links that open them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Select,
    String,
    delete,
    false,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core.errors import NotFound
from commentsvc.core.networks import NetworkScope, count_in, network_of
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import EMAIL_MAX
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.identities import PROVIDER_MAX, Identity

if TYPE_CHECKING:
    from commentsvc.store.accounts import Account


class SigninCode(Base):
    """A code and link sent to an address, or a link printed for an account; single use."""

    __tablename__ = "signin_code"
    __table_args__ = (
        Index("ix_signin_code_email_created_at", "email", "created_at"),
        Index("ix_signin_code_network_created_at", "network", "created_at"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    email: Mapped[str] = mapped_column(String(EMAIL_MAX))
    ip: Mapped[str | None] = mapped_column(String(45))
    network: Mapped[str] = mapped_column(String(45), default="", server_default="")  # the neighbourhood of `ip`
    link_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    code_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # None: only the link works
    tries: Mapped[int] = mapped_column(Integer, default=0)
    stray_tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")  # by browsers that did not ask
    asker: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # the browser that asked
    is_known: Mapped[bool] = mapped_column(default=False, server_default=false())  # it had signed in there before
    is_mailed: Mapped[bool] = mapped_column(default=True, server_default=true())  # False: the address had enough mail
    joins: Mapped[bool] = mapped_column(default=False)  # makes an account when the address has none
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)


class Session(Base):
    """A browser signed in to the dashboard; ending the row ends it, whatever the cookie says."""

    __tablename__ = "session"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    provider: Mapped[str] = mapped_column(String(PROVIDER_MAX), default="email")  # how this browser signed in
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    ip: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    second_factor_at: Mapped[datetime | None] = mapped_column("proved_at", UtcTime)  # last proof
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")  # wrong codes since
    account: Mapped[Account] = relationship(lazy="joined")


def find_session(token_hash: bytes, now: datetime) -> Session | None:
    query = select(Session).where(Session.token_hash == token_hash)
    return db.session.scalar(query.where(Session.ended_at.is_(None), Session.expires_at > now))


def open_sessions(account_id: int, now: datetime) -> Sequence[Session]:
    """The browsers an account is signed in with, the newest first."""
    query = select(Session).where(Session.account_id == account_id, Session.ended_at.is_(None))
    return db.session.scalars(query.where(Session.expires_at > now).order_by(Session.id.desc())).all()


def end_session(account_id: int, session_id: int, now: datetime) -> None:
    ended = update(Session).where(Session.account_id == account_id, Session.id == session_id)
    db.session.execute(ended.where(Session.ended_at.is_(None)).values(ended_at=now))


def end_sessions(account_id: int, now: datetime, but: bytes | None) -> None:
    ended = update(Session).where(Session.account_id == account_id, Session.ended_at.is_(None))
    db.session.execute((ended.where(Session.token_hash != but) if but else ended).values(ended_at=now))


def forget_proofs(account_id: int) -> None:
    """No session of the account counts as having shown a second factor any more."""
    db.session.execute(update(Session).where(Session.account_id == account_id).values(second_factor_at=None))


def forget_codes(email: str | None) -> None:
    db.session.execute(delete(SigninCode).where(SigninCode.email == email))


def end_unconfirmed(account: Account) -> None:
    """End the sessions that only a provider's word has opened: it must not give the rights that are given now."""
    doubtful = select(Identity.provider).where(Identity.account_id == account.id, Identity.is_confirmed.is_(False))
    db.session.execute(delete(Session).where(Session.account_id == account.id, Session.provider.in_(doubtful)))


def newest_code(email: str, asker: bytes, now: datetime) -> SigninCode | None:
    """The only code that counts for the browser that asked for it: a new one makes the older ones worthless."""
    return db.session.scalar(_newest_mailed(email, now).where(SigninCode.asker == asker))


def newest_code_of_others(email: str, asker: bytes, now: datetime) -> SigninCode | None:
    """The newest code that another browser asked for."""
    is_others = or_(SigninCode.asker.is_(None), SigninCode.asker != asker)
    return db.session.scalar(_newest_mailed(email, now).where(is_others))


def _newest_mailed(email: str, now: datetime) -> Select[SigninCode]:
    query = select(SigninCode).where(SigninCode.email == email, SigninCode.code_hash.is_not(None))
    query = query.where(SigninCode.is_mailed, SigninCode.used_at.is_(None), SigninCode.expires_at > now)
    return query.order_by(SigninCode.id.desc()).limit(1).with_for_update()


def code_by_link(link_hash: bytes) -> SigninCode:
    code = db.session.scalar(select(SigninCode).where(SigninCode.link_hash == link_hash).with_for_update())
    if code is None:
        raise NotFound(phrase("This sign-in link was already used or has expired. Ask for a new one."))
    return code


def codes_asked_from(ip: str, since: datetime, now: datetime, most: int) -> tuple[int, int]:
    """The numbers of codes requested by unknown browsers of a household and of its neighbourhood, up to `most`.

    A browser that is known at the account is no stranger.
    """
    near = select(SigninCode.ip).where(SigninCode.network == network_of(ip, NetworkScope.NEIGHBOURHOOD))
    near = near.where(SigninCode.created_at > since, SigninCode.created_at <= now, SigninCode.ip.is_not(None))
    found = [other or "" for other in db.session.scalars(near.where(SigninCode.is_known.is_(False)).limit(most))]
    return count_in(found, ip, NetworkScope.HOUSEHOLD), len(found)


def codes_mailed(email: str, is_known: bool, since: datetime, now: datetime) -> int:
    """The number of codes mailed to an address for unknown browsers, or for known ones."""
    query = select(func.count()).where(SigninCode.email == email, SigninCode.is_known.is_(is_known))
    query = query.where(SigninCode.is_mailed, SigninCode.ip.is_not(None))  # a printed link has no network
    return db.session.scalar(query.where(SigninCode.created_at > since, SigninCode.created_at <= now)) or 0
