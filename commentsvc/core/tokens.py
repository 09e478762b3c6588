"""Secrets handed out and how they are kept: random tokens hashed, short codes and edit tokens keyed with our secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets

from commentsvc.core import encryption


def new(prefix: str = "") -> str:
    """256 random bits as URL-safe text; the prefix identifies the kind of token for people and leak scanners."""
    return prefix + secrets.token_urlsafe(32)


def new_code() -> str:
    return f"{secrets.randbelow(1_000_000):06d}"


def new_batch() -> str:
    """A new id for one act on one or many comments."""
    return secrets.token_hex(16)


def digest(token: str) -> bytes:
    """The stored hash of a random token; 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def keyed(secret: str, purpose: str, *parts: str) -> bytes:
    """HMAC-SHA-256 for what is short or must be made again; parts cannot run into each other."""
    message = "\0".join([purpose, *(f"{len(part)}:{part}" for part in parts)])
    return hmac.digest(secret.encode(), message.encode("utf-8", "surrogatepass"), "sha256")


def edit_token(secret: str, comment_id: int) -> str:
    """A guest's proof of having written a comment; made again from the id, so nothing is stored that could leak."""
    return keyed(secret, "edit", str(comment_id)).hex()


def is_edit_token(secret: str, comment_id: int, token: str) -> bool:
    return hmac.compare_digest(edit_token(secret, comment_id).encode(), token.encode("utf-8", "surrogatepass"))


def sealed(secret: str, purpose: str, values: dict[str, str]) -> str:
    """Encrypted and authenticated values as URL-safe text."""
    return encryption.encrypt(keyed(secret, purpose), json.dumps(values).encode()).decode()


def unsealed(secret: str, purpose: str, value: str, max_age_s: int) -> dict[str, str] | None:
    """The sealed values; None for a forged text, another purpose, or an age above `max_age_s`."""
    plain = encryption.decrypt(keyed(secret, purpose), value.encode(), max_age_s)
    if plain is None:
        return None
    found: dict[str, str] = json.loads(plain)
    return found
