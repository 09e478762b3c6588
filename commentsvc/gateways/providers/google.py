"""Google: OpenID Connect with two spellings of its issuer."""

from __future__ import annotations

from typing import Any

from commentsvc.gateways.providers.openid import OpenId


class Google(OpenId):
    name = "google"
    issuer = "https://accounts.google.com"

    def is_issuer(self, claims: dict[str, Any]) -> bool:
        # Its tokens name the issuer with or without the scheme.
        return claims.get("iss") in (self.issuer, self.issuer.partition("://")[2])
