"""Any OpenID Connect provider, by discovery; Google and Microsoft are two with ways of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from requests import RequestException, Session

from commentsvc.gateways import safe_http
from commentsvc.gateways.providers.base import Attempt, FailureKind, Person
from commentsvc.gateways.providers.oauth import JSON, OAuthProvider, text_or_none, web_address

KEYS_MAX_AGE_S = 3600.0
REFETCH_S = 60.0  # at least between two looks for new keys: a token may name any key
ISSUER_PROMISED = "authorization_response_iss_parameter_supported"
LEEWAY_S = 120  # for clocks that differ
# Only signatures that we cannot make ourselves: with HS256 the client secret would be the key.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class OpenId(OAuthProvider):
    name = "oidc"
    scope = "openid profile email"
    issuer = ""

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        self.issuer = (settings.get("issuer") or self.issuer).rstrip("/")
        self._lock = threading.Lock()
        self._kept: tuple[float, dict[str, Any]] | None = None
        self._keys: KeySet | None = None
        self._refetched_at = -REFETCH_S

    def begin(self, attempt: Attempt) -> str:
        self._discover()
        return super().begin(attempt)

    def extra(self, attempt: Attempt) -> dict[str, str]:
        return {"nonce": attempt.nonce}

    def check_issuer(self, attempt: Attempt, issuer: str | None) -> None:
        # RFC 9207: an answer that another issuer gave must not reach this one's token endpoint; one that does not say
        # whose it is neither, where the metadata promises that all do.
        metadata = self._discover()
        if issuer is None and metadata.get(ISSUER_PROMISED) is True:
            raise self.trouble(FailureKind.WRONG, "the answer names no issuer, as promised")
        if issuer is not None and issuer != metadata["issuer"]:
            raise self.trouble(FailureKind.WRONG, "the answer is another issuer's")

    def person(self, session: OAuth2Session, attempt: Attempt, token: dict[str, Any]) -> Person:
        claims = self._claims(token, attempt)
        if "name" not in claims and self.userinfo_url:
            more = self.ask(session, self.userinfo_url)
            if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
                raise self.trouble(FailureKind.WRONG, "userinfo is about somebody else")
            claims = {**more, **claims}
        return self.person_of(claims)

    def person_of(self, claims: dict[str, Any]) -> Person:
        return self.whole(
            claims.get("sub"),
            claims.get("name") or claims.get("preferred_username"),
            email=text_or_none(claims.get("email")),
            is_email_verified=claims.get("email_verified") is True,
            website=web_address(claims.get("website")) or web_address(claims.get("profile")),
            picture_url=web_address(claims.get("picture")),
            handle=text_or_none(claims.get("preferred_username")),
        )

    def is_issuer(self, claims: dict[str, Any]) -> bool:
        return bool(claims.get("iss") == self._discover()["issuer"])

    def is_discovered(self, issuer: object) -> bool:
        """Whether the discovery document names the configured issuer."""
        return isinstance(issuer, str) and issuer.rstrip("/") == self.issuer

    def _discover(self) -> dict[str, Any]:
        with self._lock:
            if self._kept and time.monotonic() - self._kept[0] < KEYS_MAX_AGE_S:
                return self._kept[1]
            found = self._get(f"{self.issuer}/.well-known/openid-configuration")
            if not isinstance(found, dict) or not self.is_discovered(found.get("issuer")):
                raise self.trouble(FailureKind.WRONG, "discovery speaks of another issuer")
            endpoints = [found.get(f"{name}_endpoint") for name in ("authorization", "token")]
            addresses = [web_address(url) for url in [*endpoints, found.get("jwks_uri")]]
            is_secret = self.issuer.startswith("https:")
            if not all(url and (url.startswith("https:") or not is_secret) for url in addresses):
                raise self.trouble(FailureKind.WRONG, "discovery lacks an endpoint, or has one without https")
            self.authorize_url, self.token_url = str(endpoints[0]), str(endpoints[1])
            self.userinfo_url = web_address(found.get("userinfo_endpoint")) or ""
            methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
            self.client_auth = next(
                (m for m in ("client_secret_basic", "client_secret_post") if m in methods), "client_secret_post"
            )
            self._kept, self._keys = (time.monotonic(), found), None
            return found

    def _get(self, url: str) -> Any:
        with safe_http.bounded(Session()) as session:
            try:
                return self.read(session.get(url, headers=JSON, allow_redirects=False))
            except RequestException as error:
                raise self.of_request(error) from None

    def _claims(self, token: dict[str, Any], attempt: Attempt) -> dict[str, Any]:
        """The claims of a valid ID token: signature, audience, issuer, nonce and age (OpenID Connect Core §3.1.3.7)."""
        found = token.get("id_token")
        if not isinstance(found, str):
            raise self.trouble(FailureKind.WRONG, "no ID token in the answer")
        claims = self._verified(found)
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        now = time.time()
        checks = {
            "iss": self.is_issuer(claims),
            "aud": self.client_id in audiences,
            "azp": len(audiences) == 1 or claims.get("azp") == self.client_id,
            "nonce": claims.get("nonce") == attempt.nonce,
            "exp": _number(claims.get("exp")) > now - LEEWAY_S,
            "iat": _number(claims.get("iat")) < now + LEEWAY_S,
            "sub": bool(text_or_none(claims.get("sub"))),
        }
        wrong = [name for name, is_right in checks.items() if not is_right]
        if wrong:
            raise self.trouble(FailureKind.WRONG, f"ID token: {', '.join(wrong)}")
        return claims

    def _verified(self, id_token: str) -> dict[str, Any]:
        """The token's claims; a key that is not known yet is looked for once, for providers change them."""
        for is_last in (False, True):
            try:
                if self._keys is None or is_last:
                    self._fetch_keys(is_again=is_last)
                assert self._keys is not None
                return dict(jwt.decode(id_token, self._keys, algorithms=ALGORITHMS).claims)
            except (JoseError, ValueError, KeyError, TypeError) as error:
                if is_last:
                    raise self.trouble(FailureKind.WRONG, f"ID token: {type(error).__name__}") from None
        raise AssertionError("unreachable")

    def _fetch_keys(self, is_again: bool) -> None:
        """Ask for the keys; `is_again` for a token whose key is not among those that are known."""
        metadata = self._discover()
        with self._lock:
            if is_again and time.monotonic() < self._refetched_at + REFETCH_S:
                raise ValueError("the keys were asked for a moment ago")
            if is_again:
                self._refetched_at = time.monotonic()
        self._keys = KeySet.import_key_set(self._get(metadata["jwks_uri"]))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
