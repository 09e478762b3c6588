"""A cookie by which a browser that has signed in to an account is known again, so that it can always ask for a code.

It opens nothing. It holds a MAC of the account's address, which nobody can make for another address.
"""

from __future__ import annotations

import hmac

from flask import request
from werkzeug.wrappers import Response

from commentsvc.core import tokens
from commentsvc.web.http.app_setup import settings

LIFE_S = 400 * 24 * 3600  # the longest that browsers keep a cookie
ADDRESSES_MAX = 5


def knows(email: str) -> bool:
    """Whether this browser has signed in to the account with this address before."""
    return any(hmac.compare_digest(_mark(email), mark) for mark in _marks())


def remember(response: Response, email: str) -> None:
    own = _mark(email)
    marks = [own, *(mark for mark in _marks() if mark != own)][:ADDRESSES_MAX]
    response.set_cookie(
        _name(), b".".join(marks).decode(), LIFE_S, secure=settings().is_https, httponly=True, samesite="Lax"
    )


def _marks() -> list[bytes]:
    return request.cookies.get(_name(), "").encode("utf-8", "surrogatepass").split(b".")[:ADDRESSES_MAX]


def _mark(email: str) -> bytes:
    return tokens.keyed(settings().secret_key, "known browser", email.lower()).hex().encode()


def _name() -> str:
    return "__Host-known_browser" if settings().is_https else "known_browser"
