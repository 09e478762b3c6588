"""GitHub: OAuth 2.0 with PKCE; only an address that GitHub has verified is looked at."""

from __future__ import annotations

from typing import Any

from authlib.integrations.requests_client import OAuth2Session

from commentsvc.gateways.providers.base import Attempt, FailureKind, Person
from commentsvc.gateways.providers.oauth import OAuthProvider, text_or_none, web_address


class GitHub(OAuthProvider):
    name = "github"
    scope = "read:user user:email"
    authorize_url = "https://github.com/login/oauth/authorize"
    token_url = "https://github.com/login/oauth/access_token"
    userinfo_url = "https://api.github.com/user"

    def person(self, session: OAuth2Session, attempt: Attempt, token: dict[str, Any]) -> Person:
        found = self.ask(session, self.userinfo_url)
        addresses = self.ask(session, f"{self.userinfo_url}/emails")
        if not isinstance(found, dict) or not isinstance(addresses, list):
            raise self.trouble(FailureKind.WRONG, "no object in the answer")
        verified = [a for a in addresses if isinstance(a, dict) and a.get("verified") is True]
        email = next((text_or_none(a.get("email")) for a in verified if a.get("primary")), None)
        return self.whole(
            found.get("id"),  # the number: logins are given to others again
            found.get("name") or found.get("login"),
            email=email,
            is_email_verified=email is not None,
            website=web_address(found.get("html_url")),
            picture_url=web_address(found.get("avatar_url")),
            handle=text_or_none(found.get("login")),
        )
