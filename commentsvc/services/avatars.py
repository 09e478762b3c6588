"""Fetches the provider's picture of an account once and keeps it, so that no reader's browser asks a provider."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from commentsvc.store import accounts
from commentsvc.store import avatars as stored_avatars
from commentsvc.store.accounts import Account
from commentsvc.store.db import db
from commentsvc.store.transactions import retried, write


def fetch(account_id: int, url: str, named_hosts: Collection[str], now: datetime) -> None:
    """Fetch and keep a picture; raises OSError when another try may succeed, ValueError when it is no picture."""
    # Imported here: requests and Pillow take 9 MB, which only services with avatars need.
    from commentsvc.gateways import avatars as avatars_gateway

    _keep(account_id, avatars_gateway.fetch(url, named_hosts), now)


@retried
def _keep(account_id: int, body: bytes, now: datetime) -> None:
    with write():
        if accounts.held([account_id]):
            account = db.session.get_one(Account, account_id)
            account.picture = stored_avatars.add(body, now)
