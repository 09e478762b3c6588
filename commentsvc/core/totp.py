"""Codes of authenticator apps: time-based one-time passwords (RFC 6238) of six digits, a new one each 30 seconds."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote, urlencode

STEP_S = 30
DRIFT = 1  # steps that a phone's clock may be ahead or behind


def new_secret() -> str:
    """160 random bits, as apps take them."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def address(secret: str, account: str, issuer: str) -> str:
    """The otpauth URI for a QR code."""
    names = urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(f'{issuer}:{account}')}?{names}"


def code_at(secret: str, step: int) -> str:
    digest = hmac.new(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def find_step(secret: str, code: str, now_s: float, after: int) -> int | None:
    """The step that the code is of, within the drift and after step `after`: a code that was seen works no more."""
    current = int(now_s // STEP_S)
    for step in range(current - DRIFT, current + DRIFT + 1):
        if step > after and hmac.compare_digest(code_at(secret, step).encode(), code.encode("utf-8", "surrogatepass")):
            return step
    return None
