"""Proof of work, in the form of ALTCHA: a browser looks for a number for a second; we check it at once."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from commentsvc.core import tokens
from commentsvc.core.errors import Invalid
from commentsvc.core.phrases import phrase

ALGORITHM = "SHA-256"
NUMBER_MAX = 50_000  # half of it is tried on average: some tenths of a second, a few seconds on an old phone
LIFE = timedelta(minutes=20)  # long enough to finish a text in between
SOLUTION_MAX = 2_000  # characters
_SALT = re.compile(r"[0-9a-f]{24}\?expires=([0-9]{1,10})")


@dataclass(frozen=True)
class Proof:
    """A right solution; `signature` is what tells that it was used before."""

    signature: bytes
    expires_at: datetime


def new(secret: str, site_key: str, now: datetime) -> dict[str, object]:
    """A challenge for one comment on one site: find n with SHA-256(salt + n) = challenge."""
    salt = f"{secrets.token_hex(12)}?expires={int((now + LIFE).timestamp())}"
    digest = _digest(salt, secrets.randbelow(NUMBER_MAX) + 1)
    return {
        "algorithm": ALGORITHM,
        "challenge": digest,
        "maxnumber": NUMBER_MAX,
        "salt": salt,
        "signature": _signature(secret, site_key, salt, digest).hex(),
    }


def proof(secret: str, site_key: str, solution: str, now: datetime) -> Proof | None:
    """The proof in a solution (Base64 of JSON), None when it is worth nothing: wrong, another site's, or too old.

    Raises Invalid for what is no solution at all.
    """
    if len(solution) > SOLUTION_MAX:
        raise Invalid("challenge", phrase("The browser check failed. Please reload the page and try again."))
    try:
        read = json.loads(base64.b64decode(solution, validate=True))
        salt, digest, number, signature = (read[name] for name in ("salt", "challenge", "number", "signature"))
        signed = bytes.fromhex(signature)
        expires = _SALT.fullmatch(salt)
    except (binascii.Error, ValueError, TypeError, KeyError, RecursionError):
        raise Invalid("challenge", phrase("The browser check failed. Please reload the page and try again.")) from None
    if expires is None or not isinstance(digest, str) or not isinstance(number, int):
        raise Invalid("challenge", phrase("The browser check failed. Please reload the page and try again."))
    expires_at = datetime.fromtimestamp(int(expires[1]), UTC)
    is_ours = hmac.compare_digest(signed, _signature(secret, site_key, salt, digest))
    is_right = 0 < number <= NUMBER_MAX and hmac.compare_digest(_digest(salt, number).encode(), digest.encode())
    return Proof(signed, expires_at) if is_ours and is_right and now < expires_at else None


def solve(challenge: dict[str, object]) -> str:
    """Solve a challenge as browsers do: try each number."""
    salt = str(challenge["salt"])
    number = next(n for n in range(NUMBER_MAX + 1) if _digest(salt, n) == challenge["challenge"])
    return base64.b64encode(json.dumps({**challenge, "number": number}).encode()).decode()


def _digest(salt: str, number: int) -> str:
    return hashlib.sha256(f"{salt}{number}".encode()).hexdigest()


def _signature(secret: str, site_key: str, salt: str, digest: str) -> bytes:
    return tokens.keyed(secret, "challenge", site_key, salt, digest)
