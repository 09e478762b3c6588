"""Asks for pages that the operator's own settings name, to see whether they can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from commentsvc.gateways import safe_http

TIMEOUT_S = 5.0


@dataclass(frozen=True)
class PageAnswer:
    """A page's answer, or `trouble`, why there is none."""

    status: int = 0
    text: str = ""
    date: datetime | None = None
    json: Any = None
    trouble: str = ""


def ask(url: str, **params: str) -> PageAnswer:
    """The answer of a page; addresses of private networks are allowed, since the operator has set them."""
    try:
        with safe_http.bounded(requests.Session(), TIMEOUT_S) as session:
            answer = session.get(url, params=params, timeout=TIMEOUT_S)
            is_json = "json" in answer.headers.get("Content-Type", "")
            return PageAnswer(answer.status_code, answer.text, _date(answer), answer.json() if is_json else None)
    except (requests.RequestException, OSError, ValueError) as error:
        return PageAnswer(trouble=_cause(error))


def discovery_address(issuer: str) -> str:
    """Where an OpenID provider describes itself (OpenID Connect Discovery 1.0, 4)."""
    return "/".join((issuer.rstrip("/"), ".well-known/openid-configuration"))


def _date(answer: requests.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return None


def _cause(error: BaseException) -> str:
    """The error beneath those of the HTTP library, which repeat the whole address."""
    first = error.args[0] if error.args else None
    reason = getattr(first, "reason", None) or error.__cause__ or error
    text = str(reason).rpartition("]")[2].strip(" '\"()>,:") or type(reason).__name__
    return text.partition("\n")[0][:120]
