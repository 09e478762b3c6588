"""Jobs as they are in the database, also such as no version of the service would write."""

import secrets
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from commentsvc.store import jobs
from commentsvc.store.db import db
from commentsvc.store.jobs import Job


def add_stored(kind: str, payload: Any, now: datetime, url: str = "") -> None:
    """Add a job row with any kind and payload; the caller commits."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    key = secrets.token_hex(12)
    db.session.add(Job(kind=kind, queue=jobs.queue_of(kind), host=host, key=key, payload=payload, created_at=now))
