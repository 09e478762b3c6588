"""Gives an account its provider's picture of it, fetched once and by us: no reader's browser ever asks a provider."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from commentsvc.store import pictures
from commentsvc.store.db import begin_write, db
from commentsvc.store.people import Account


def fetch(account_id: int, url: str, named_hosts: Collection[str]) -> None:
    """Fetch and keep; raises OSError when that is worth another try, ValueError when the picture is none."""
    from commentsvc.gateways import avatars  # with requests and Pillow 9 MB, only where there are pictures to fetch

    body = avatars.fetch(url, named_hosts)
    begin_write()
    account = db.session.get(Account, account_id)
    if account is not None:
        account.picture = pictures.add(body, datetime.now(UTC))
    db.session.commit()
