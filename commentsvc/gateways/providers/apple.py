"""Apple: OpenID Connect that posts its answer, tells the name only once, and wants a client secret that we sign."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import ECKey

from commentsvc.gateways.providers.base import Attempt, Person
from commentsvc.gateways.providers.oauth import text_or_none
from commentsvc.gateways.providers.openid import OpenId

SECRET_LIFE_S = 30 * 60  # Apple allows up to six months; we create one for each use


class Apple(OpenId):
    name = "apple"
    scope = "name email"
    issuer = "https://appleid.apple.com"
    client_auth = "client_secret_post"
    posts_answer = True  # compulsory where name or address are asked for

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        self.authorize_url = settings.get("authorize_url") or f"{self.issuer}/auth/authorize"
        self.token_url = settings.get("token_url") or f"{self.issuer}/auth/token"
        self._team_id = settings.get("team_id", "")
        key = settings.get("private_key", "")
        # In an environment variable its line ends may be written as \\n; config.py has checked that it is one.
        self._key = ECKey.import_key(key.replace("\\n", "\n"), {"kid": settings["key_id"]}) if key else None

    def session(self, attempt: Attempt) -> OAuth2Session:
        if self._key is not None:
            self.client_secret = self._signed_secret(self._key)
        return super().session(attempt)

    def _signed_secret(self, key: ECKey) -> str:
        now = int(time.time())
        claims = {"iss": self._team_id, "sub": self.client_id, "aud": self.issuer}
        return jwt.encode({"alg": "ES256", "kid": key.kid}, {**claims, "iat": now, "exp": now + SECRET_LIFE_S}, key)

    def extra(self, attempt: Attempt) -> dict[str, str]:
        return {**super().extra(attempt), "response_mode": "form_post"}

    def _discover(self) -> dict[str, Any]:
        return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/auth/keys"}

    def finish(self, attempt: Attempt, answer: Mapping[str, str]) -> Person:
        person = super().finish(attempt, answer)
        return replace(person, name=_name(answer.get("user", "")) or person.name)

    def person_of(self, claims: dict[str, Any]) -> Person:
        # Booleans may come as text here, and only here.
        is_verified = claims.get("email_verified") in (True, "true")
        return self.whole(claims.get("sub"), "", email=text_or_none(claims.get("email")), is_email_verified=is_verified)


def _name(user: str) -> str:
    """The name in what the browser brought at the first consent; the browser's word, as every commenter's name is."""
    try:
        found = json.loads(user)["name"]
        parts = [found.get("firstName"), found.get("lastName")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return " ".join(part.strip() for part in parts if isinstance(part, str)).strip()
