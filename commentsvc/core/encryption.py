"""Seals what only we may read again and nobody may change, by cryptography's Fernet."""

from __future__ import annotations

import base64

# The library is imported where it is used: a worker that seals nothing does without its 7 MB.


def encrypt(key: bytes, plain: bytes) -> bytes:
    """URL-safe; `key` is 32 bytes."""
    from cryptography.fernet import Fernet

    return Fernet(base64.urlsafe_b64encode(key)).encrypt(plain)


def decrypt(key: bytes, sealed: bytes, max_age_s: int | None = None) -> bytes | None:
    """The decrypted bytes; None for another key, changed bytes, or an age above `max_age_s`."""
    from cryptography.fernet import Fernet, InvalidToken

    try:
        return Fernet(base64.urlsafe_b64encode(key)).decrypt(sealed, ttl=max_age_s)
    except InvalidToken:
        return None
