"""WordPress.com, its first OAuth 2.0: no PKCE, and the secret in the form."""

from __future__ import annotations

from typing import Any

from authlib.integrations.requests_client import OAuth2Session

from commentsvc.gateways.providers.base import Attempt, FailureKind, Person
from commentsvc.gateways.providers.oauth import OAuthProvider, text_or_none, web_address


class WordPress(OAuthProvider):
    name = "wordpress"
    scope = "auth"  # without it a token would be for one blog of theirs
    authorize_url = "https://public-api.wordpress.com/oauth2/authorize"
    token_url = "https://public-api.wordpress.com/oauth2/token"
    userinfo_url = "https://public-api.wordpress.com/rest/v1.1/me"
    uses_pkce = False

    def person(self, session: OAuth2Session, attempt: Attempt, token: dict[str, Any]) -> Person:
        found = self.ask(session, self.userinfo_url)
        if not isinstance(found, dict):
            raise self.trouble(FailureKind.WRONG, "no object in the answer")
        return self.whole(
            found.get("ID"),
            found.get("display_name") or found.get("username"),
            email=text_or_none(found.get("email")),
            is_email_verified=found.get("email_verified") is True,
            website=web_address(found.get("primary_blog_url")) or web_address(found.get("profile_URL")),
            picture_url=web_address(found.get("avatar_URL")),
            handle=text_or_none(found.get("username")),
        )
