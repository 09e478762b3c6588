"""Mastodon and compatible servers: the reader names a server, and the service registers itself there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from authlib.integrations.requests_client import OAuth2Session
from requests import RequestException, Session

from commentsvc.core.provider_clients import HOST, Client
from commentsvc.gateways import safe_http
from commentsvc.gateways.providers.base import Attempt, FailureKind, Person, SignInFailure
from commentsvc.gateways.providers.oauth import JSON, OAuthProvider, text_or_none, web_address
from commentsvc.gateways.providers.openid import ISSUER_PROMISED


class Clients(Protocol):
    """Storage of the registered clients, by server."""

    def find(self, instance: str) -> Client | None: ...
    def keep(self, instance: str, client: Client) -> None: ...
    def forget(self, instance: str) -> None: ...


class Mastodon(OAuthProvider):
    name = "mastodon"
    scope = "profile"
    older_scope = "read:accounts"  # of servers before 4.3, which have no metadata either
    asks_instance = True

    def __init__(self, settings: Mapping[str, str], clients: Clients) -> None:
        super().__init__({"client_id": "", **settings})
        self._clients = clients
        # For tests and closed networks: one server, named by the operator, that may be of our own network.
        self._named = settings.get("authorize_url", "").rstrip("/")

    def session(self, attempt: Attempt) -> OAuth2Session:
        client = self._client(attempt)
        session = OAuth2Session(
            client.id,
            client.secret,
            token_endpoint_auth_method=self.client_auth,
            scope=client.scope,
            redirect_uri=attempt.redirect_uri,
            code_challenge_method="S256",
        )
        return self._guarded(session)

    # By attempt, and nothing kept on the way: many readers of many servers sign in at once.
    def authorize_address(self, attempt: Attempt) -> str:
        return f"{self._base(attempt)}/oauth/authorize"

    def token_address(self, attempt: Attempt) -> str:
        return f"{self._base(attempt)}/oauth/token"

    def person(self, session: OAuth2Session, attempt: Attempt, token: dict[str, Any]) -> Person:
        """The person, identified by the account's number on its server: names can be reused, numbers cannot."""
        found = self.ask(session, f"{self._base(attempt)}/api/v1/accounts/verify_credentials")
        if not isinstance(found, dict):
            raise self.trouble(FailureKind.WRONG, "no object in the answer")
        person = self.whole(
            found.get("id"),
            found.get("display_name") or found.get("username"),
            website=web_address(found.get("url")),
            picture_url=web_address(found.get("avatar_static")),
        )
        username = text_or_none(found.get("username"))
        handle = f"@{username}@{attempt.instance}" if username else None
        return replace(person, subject=f"{attempt.instance}#{person.subject}", handle=handle, server=attempt.instance)

    def check_issuer(self, attempt: Attempt, issuer: str | None) -> None:
        super().check_issuer(attempt, issuer)
        if issuer is None and (self._metadata(attempt) or {}).get(ISSUER_PROMISED) is True:
            raise self.trouble(FailureKind.WRONG, "the answer names no issuer, as promised")

    def _base(self, attempt: Attempt) -> str:
        if self._named:
            return self._named
        if not HOST.fullmatch(attempt.instance):
            raise self.trouble(FailureKind.WRONG, "no host name")
        return f"https://{attempt.instance}"

    def trade(self, session: OAuth2Session, attempt: Attempt, code: str) -> dict[str, Any]:
        """Servers before 4.3 sweep clients away that nobody uses; the next try registers again."""
        try:
            return super().trade(session, attempt, code)
        except SignInFailure as trouble:
            if "invalid_client" not in trouble.cause:
                raise
            self._clients.forget(attempt.instance)
            raise self.trouble(FailureKind.EXPIRED, trouble.cause) from None

    def _client(self, attempt: Attempt) -> Client:
        """Our client on the reader's server; registered there the first time (POST /api/v1/apps)."""
        known = self._clients.find(attempt.instance)
        if known is not None:
            return known
        base = self._base(attempt)
        scope = self.older_scope if self._metadata(attempt) is None else self.scope
        with self._guarded(Session()) as session:
            try:
                document = {"client_name": "Comments", "redirect_uris": [attempt.redirect_uri], "scopes": scope}
                answer = self.read(
                    session.post(f"{base}/api/v1/apps", json=document, headers=JSON, allow_redirects=False)
                )
            except RequestException as error:
                raise self.of_request(error) from None
        found = answer if isinstance(answer, dict) else {}
        client_id, client_secret = text_or_none(found.get("client_id")), text_or_none(found.get("client_secret"))
        if client_id is None or client_secret is None:
            raise self.trouble(FailureKind.WRONG, "no client in the answer")
        client = Client(client_id, client_secret, scope)
        self._clients.keep(attempt.instance, client)
        return client

    def _metadata(self, attempt: Attempt) -> dict[str, Any] | None:
        """The server's metadata (RFC 8414); None for a server too old to have any."""
        with self._guarded(Session()) as session:
            try:
                url = f"{self._base(attempt)}/.well-known/oauth-authorization-server"
                response = session.get(url, headers=JSON, allow_redirects=False)
            except RequestException as error:
                raise self.of_request(error) from None
        if response.status_code == 404:
            return None
        try:
            found = response.json() if response.status_code == 200 else {}
        except ValueError:  # a server of another make, which answers every address with its page
            return {}
        return found if isinstance(found, dict) else {}

    def _guarded(self, session: Any) -> Any:
        return safe_http.bounded(session) if self._named else safe_http.public_only(session)
