"""Gives an account its provider's picture of it, fetched once and by us: no reader's browser ever asks a provider."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from commentsvc.store import accounts
from commentsvc.store import avatars as stored_avatars
from commentsvc.store.accounts import Account
from commentsvc.store.db import begin_write, db, retried


def fetch(account_id: int, url: str, named_hosts: Collection[str]) -> None:
    """Fetch and keep; raises OSError when that is worth another try, ValueError when the picture is none."""
    from commentsvc.gateways import (
        avatars as avatars_gateway,  # with requests and Pillow 9 MB, only where there are pictures to fetch
    )

    _keep(account_id, avatars_gateway.fetch(url, named_hosts))


@retried
def _keep(account_id: int, body: bytes) -> None:
    begin_write()
    if accounts.held([account_id]):
        account = db.session.get_one(Account, account_id)
        account.picture = stored_avatars.add(body, datetime.now(UTC))
    db.session.commit()
