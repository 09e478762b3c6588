"""Removes everything that leads to a person from an account that is erased."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    delete,
)

from commentsvc.store.accounts import Account
from commentsvc.store.api_tokens import ApiToken
from commentsvc.store.db import db
from commentsvc.store.identities import Identity
from commentsvc.store.memberships import Membership
from commentsvc.store.sessions import Session, forget_codes


def forget(account: Account, now: datetime) -> None:
    """Remove all that leads to a person; the bare row stays, because decisions name it."""
    for table in (Identity, Membership, ApiToken, Session):
        db.session.execute(delete(table).where(table.__table__.c.account_id == account.id))
    forget_codes(account.email)
    account.erased_at = now
    account.email = account.website = account.picture = account.language = None
    account.is_admin = False
    db.session.expire(account, ["memberships"])
