"""Grants widgets what they ask for: codes, and tokens of one account on one site that may comment and nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from commentsvc.core import tokens
from commentsvc.store import accounts, widget_tokens
from commentsvc.store.accounts import Account
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.store.transactions import retried, write
from commentsvc.store.widget_tokens import AuthCode, TokenKind, WidgetToken

CODE_LIFE = timedelta(seconds=60)
ACCESS_LIFE = timedelta(hours=1)
REFRESH_LIFE = timedelta(days=30)
# Prefixes by which leak scanners and people recognise the tokens.
ACCESS_PREFIX = "csw_"
REFRESH_PREFIX = "csr_"
R = TypeVar("R")


@dataclass(frozen=True)
class TokenGrant:
    """The grant of a code or refresh token, which its successors inherit."""

    account: Account
    site: Site
    provider: str
    family: str


def add_code(
    account: Account, site: Site, provider: str, redirect_uri: str, challenge: str, code: str, now: datetime
) -> None:
    """Keep a code that is on its way to a widget; the caller commits."""
    accounts.hold(account.id)
    db.session.add(
        AuthCode(
            code_hash=tokens.digest(code),
            site_id=site.id,
            account_id=account.id,
            provider=provider,
            redirect_uri=redirect_uri,
            challenge=challenge,
            family=secrets.token_hex(16),
            created_at=now,
            expires_at=now + CODE_LIFE,
        )
    )


@retried
def in_one_transaction(step: Callable[[], R]) -> R:
    """Run a step of the OAuth server in one write transaction, which is committed unless the step raises.

    The step may give the client an error and still have ended the tokens of a code that was used twice.
    """
    with write():
        return step()


def take_code(code: str, site: Site, now: datetime) -> AuthCode | None:
    """The row of a code that is valid for this site, locked until the caller commits; None otherwise.

    A code that is used twice was copied: the tokens issued for it are revoked (RFC 6749 §4.1.2), so the caller must
    commit even when this returns None.
    """
    found = widget_tokens.find_code(code)
    if found is None or found.site_id != site.id:
        return None
    if found.used_at is not None:
        widget_tokens.end_family(found.family, now)
        return None
    return found if now < found.expires_at and accounts.held([found.account_id]) else None


def take_refresh(token: str, site: Site, now: datetime) -> WidgetToken | None:
    """The refresh token's row while it is good for this site, locked; a used one ends its family (RFC 9700 §4.14)."""
    found = widget_tokens.find_token(token, for_change=True)
    if found is None or found.kind != TokenKind.REFRESH or found.site_id != site.id:
        return None
    if found.used_at is not None:
        widget_tokens.end_family(found.family, now)
        return None
    is_good = found.ended_at is None and now < found.expires_at
    return found if is_good and accounts.held([found.account_id]) else None


def add_tokens(held: TokenGrant, access: str, refresh: str, now: datetime) -> None:
    """Keep a new pair; the caller commits."""
    for token, kind, life in ((access, TokenKind.ACCESS, ACCESS_LIFE), (refresh, TokenKind.REFRESH, REFRESH_LIFE)):
        db.session.add(
            WidgetToken(
                token_hash=tokens.digest(token),
                kind=kind,
                family=held.family,
                site_id=held.site.id,
                account_id=held.account.id,
                provider=held.provider,
                created_at=now,
                expires_at=now + life,
            )
        )


def holder_of(token: str, now: datetime) -> WidgetToken | None:
    """Whose access token this is, while it is good."""
    found = widget_tokens.find_token(token)
    if found is None or found.kind != TokenKind.ACCESS or found.ended_at is not None or now >= found.expires_at:
        return None
    return found


@retried
def revoke(token: str, site: Site, now: datetime) -> None:
    """End a sign-in of this site by either of its tokens; an unknown one is as good as ended (RFC 7009 §2.2)."""
    with write():
        found = widget_tokens.find_token(token, for_change=True)
        if found is not None and found.site_id == site.id:
            widget_tokens.end_family(found.family, now)
