"""Accounts: people who sign in, with what they are called and whether they are administrators."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    Index,
    Integer,
    String,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core import emails, text_input
from commentsvc.core.errors import NotFound, NotSignedIn
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import EMAIL_MAX, NAME_MAX, WEBSITE_MAX
from commentsvc.core.whole_numbers import is_row_id
from commentsvc.store import sessions
from commentsvc.store.db import Base, Id, UtcTime, db

if TYPE_CHECKING:
    from commentsvc.store.identities import Identity
    from commentsvc.store.memberships import Membership

LANGUAGE_MAX = 16  # characters of a tag
ADMIN = text("is_admin")


class Account(Base):
    __tablename__ = "account"
    # The few administrators are looked for with each comment: nobody else may go by their names.
    __table_args__ = (Index("ix_account_admin", "id", sqlite_where=ADMIN, postgresql_where=ADMIN),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    # Lower case, and only an address that its holder has proved or the operator has set.
    email: Mapped[str | None] = mapped_column(String(EMAIL_MAX), unique=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    website: Mapped[str | None] = mapped_column(String(WEBSITE_MAX))
    is_admin: Mapped[bool] = mapped_column(default=False)
    picture: Mapped[str | None] = mapped_column(String(64))  # its hash
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    language: Mapped[str | None] = mapped_column(String(LANGUAGE_MAX))  # of mails to them; one of languages.TAGS
    erased_at: Mapped[datetime | None] = mapped_column(UtcTime)  # the bare row stays; nothing is written for it again
    # Wrong second factors in a row, over all sessions, and when the last came (see services/second_factors.py).
    factor_misses: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    factor_missed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    memberships: Mapped[list[Membership]] = relationship(back_populates="account", lazy="selectin")
    identities: Mapped[list[Identity]] = relationship(back_populates="account", lazy="select")


def account_by_email(email: str) -> Account:
    account = find_account(email)
    if account is None:
        raise NotFound(f"There is no account with the address {email}. Add one with: commentsvc user create")
    return account


def find_account(email: str) -> Account | None:
    return db.session.scalar(select(Account).where(Account.email == email.strip().lower()))


def find_name_and_language(email: str) -> tuple[str, str | None] | None:
    """Name and language of the account with this address, or None; the query takes equally long in both cases."""
    found = db.session.execute(select(Account.name, Account.language).where(Account.email == email)).first()
    return (found.name, found.language) if found else None


def find_account_by_id(account_id: int) -> Account | None:
    return db.session.get(Account, account_id) if is_row_id(account_id) else None


def held(account_ids: Iterable[int]) -> set[int]:
    """Lock accounts against erasure until the transaction ends; returns those that exist and are not erased."""
    asked = sorted(set(account_ids))
    query = select(Account.id).where(Account.id.in_(asked), Account.erased_at.is_(None)).order_by(Account.id)
    # FOR KEY SHARE waits for `locked` alone: many can write for one account at once.
    return set(db.session.scalars(query.with_for_update(read=True, key_share=True))) if asked else set()


def hold(account_id: int) -> None:
    """Keep an account from being erased until the transaction ends; raises NotSignedIn when it has been."""
    if not held([account_id]):
        raise NotSignedIn(phrase("Your account was deleted."))


def locked(account_id: int) -> Account:
    """The account, read anew; until the transaction ends nobody else writes for it. Raises NotSignedIn as hold."""
    query = select(Account).where(Account.id == account_id, Account.erased_at.is_(None)).with_for_update(of=Account)
    found = db.session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotSignedIn(phrase("Your account was deleted."))
    return found


def make_account(email: str, name: str, is_admin: bool, now: datetime) -> Account:
    """The account with this address, made when there is none; raises Invalid for a bad address or name."""
    email = emails.address(email, "email", required=True)
    name = text_input.line(name, "name", "The name", NAME_MAX, required=True)
    account = find_account(email)
    if account is None:
        account = Account(email=email, name=name, is_admin=False, created_at=now)
        db.session.add(account)
    db.session.flush()
    if is_admin and not account.is_admin:
        sessions.end_unconfirmed(account)
    account.is_admin = account.is_admin or is_admin
    db.session.flush()
    return account


def add_account(name: str, email: str | None, website: str | None, now: datetime) -> Account:
    """Add an account for a person who has authenticated; the address, if any, is verified."""
    account = Account(name=name[:NAME_MAX], email=email, website=website, is_admin=False, created_at=now)
    db.session.add(account)
    db.session.flush()
    return account


def taken_addresses(emails: Iterable[str]) -> set[str]:
    """The given addresses that belong to an account."""
    asked = sorted(emails)
    found = db.session.scalars(select(Account.email).where(Account.email.in_(asked))) if asked else ()
    return {email for email in found if email is not None}
