"""Discord: OAuth 2.0; the address is verified when it says so."""

from __future__ import annotations

from typing import Any

from authlib.integrations.requests_client import OAuth2Session

from commentsvc.gateways.providers.base import Attempt, FailureKind, Person
from commentsvc.gateways.providers.oauth import OAuthProvider, text_or_none

PICTURES = "https://cdn.discordapp.com/avatars"


class Discord(OAuthProvider):
    name = "discord"
    scope = "identify email"
    authorize_url = "https://discord.com/oauth2/authorize"
    token_url = "https://discord.com/api/oauth2/token"
    userinfo_url = "https://discord.com/api/v10/users/@me"

    def person(self, session: OAuth2Session, attempt: Attempt, token: dict[str, Any]) -> Person:
        found = self.ask(session, self.userinfo_url)
        if not isinstance(found, dict):
            raise self.trouble(FailureKind.WRONG, "no object in the answer")
        number, picture = found.get("id"), text_or_none(found.get("avatar"))
        return self.whole(
            number,
            found.get("global_name") or found.get("username"),
            email=text_or_none(found.get("email")),
            is_email_verified=found.get("verified") is True,
            handle=text_or_none(found.get("username")),
            picture_url=f"{PICTURES}/{number}/{picture}.png" if picture else None,
        )
