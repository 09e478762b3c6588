"""Results of `commentsvc doctor`, and the proof by which its own request is known."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from commentsvc.core import tokens

PROOF_LIFE_S = 60


class CheckStatus(StrEnum):
    OK = "ok"
    WRONG = "wrong"
    NOTE = "note"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class CheckResult:
    """What one check has found; `mend` says what to do where something is wrong."""

    name: str
    status: CheckStatus
    detail: str
    mend: str = ""


def proof(secret: str, at: str) -> str:
    """Signs the time of a request (Unix seconds)."""
    return tokens.keyed(secret, "doctor", at).hex()


def is_signed(secret: str, at: str, given: str, now: datetime) -> bool:
    """Whether a request was signed with the service's secret within the last minute."""
    if not (at.isascii() and at.isdigit() and len(at) < 12) or abs(now.timestamp() - int(at)) > PROOF_LIFE_S:
        return False
    return hmac.compare_digest(proof(secret, at).encode(), given.encode())
