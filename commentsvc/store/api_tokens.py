"""Personal API tokens of accounts; only their hashes are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ForeignKey,
    LargeBinary,
    String,
    false,
    select,
)
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from commentsvc.store.accounts import Account
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.sites import Site

TOKEN_NAME_MAX = 80


class ApiToken(Base):
    """A personal token; only its SHA-256 is kept."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))  # None: all the account's sites
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    name: Mapped[str] = mapped_column(
        String(TOKEN_NAME_MAX), default="", server_default=""
    )  # its purpose, in its owner's words
    # Made on the command line, or by a session that had shown its second factor.
    has_shown_factor: Mapped[bool] = mapped_column(default=False, server_default=false())
    account: Mapped[Account] = relationship(lazy="joined")
    site: Mapped[Site | None] = relationship()


def api_tokens_of(account: Account) -> Sequence[ApiToken]:
    """The personal tokens that still work, the newest first."""
    query = select(ApiToken).where(ApiToken.account_id == account.id, ApiToken.revoked_at.is_(None))
    return db.session.scalars(query.options(joinedload(ApiToken.site)).order_by(ApiToken.id.desc())).all()


def find_token(token_hash: bytes) -> ApiToken | None:
    return db.session.scalar(select(ApiToken).where(ApiToken.token_hash == token_hash, ApiToken.revoked_at.is_(None)))
