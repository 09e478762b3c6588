"""Clients that we have registered with readers' own servers; their secrets are encrypted with our secret key."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

from sqlalchemy import LargeBinary, String, delete
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.core import encryption
from commentsvc.core.provider_clients import Client
from commentsvc.store.db import Base, UtcTime, db
from commentsvc.store.transactions import retried, write


class ProviderClient(Base):
    __tablename__ = "provider_client"

    instance: Mapped[str] = mapped_column(String(255), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(255))
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class KeptClients:
    """The client by server; None, so that the service registers again, also for a secret of another key."""

    def __init__(self, secret_key: str) -> None:
        self._key = hashlib.sha256(b"provider clients\0" + secret_key.encode()).digest()

    def find(self, instance: str) -> Client | None:
        row = db.session.get(ProviderClient, instance)
        plain = encryption.decrypt(self._key, row.secret) if row else None
        if row is None or plain is None:
            return None
        secret, scope = json.loads(plain)
        return Client(row.client_id, secret, scope)

    @retried
    def keep(self, instance: str, client: Client) -> None:
        with write():
            secret = encryption.encrypt(self._key, json.dumps([client.secret, client.scope]).encode())
            row = ProviderClient(instance=instance, client_id=client.id, secret=secret, created_at=datetime.now(UTC))
            db.session.merge(row)

    @retried
    def forget(self, instance: str) -> None:
        with write():
            db.session.execute(delete(ProviderClient).where(ProviderClient.instance == instance))
