"""Twitter (X): OAuth 2.0 with PKCE and client authentication by Basic; codes live 30 seconds."""

from __future__ import annotations

from typing import Any

from authlib.integrations.requests_client import OAuth2Session

from commentsvc.gateways.providers.base import Attempt, FailureKind, Person, SignInFailure
from commentsvc.gateways.providers.oauth import OAuthProvider, text_or_none, web_address


class Twitter(OAuthProvider):
    name = "twitter"
    scope = "users.read tweet.read users.email"
    authorize_url = "https://x.com/i/oauth2/authorize"
    token_url = "https://api.x.com/2/oauth2/token"
    userinfo_url = "https://api.x.com/2/users/me"
    client_auth = "client_secret_basic"

    def person(self, session: OAuth2Session, attempt: Attempt, token: dict[str, Any]) -> Person:
        found = self._data(self.ask(session, self.userinfo_url, **{"user.fields": "profile_image_url,verified"}))
        email = self._email(session)
        name, handle = text_or_none(found.get("name")), text_or_none(found.get("username"))
        return self.whole(
            found.get("id"),
            name or handle,
            email=email,
            is_email_verified=email is not None,
            website=f"https://x.com/{handle}" if handle else None,
            handle=f"@{handle}" if handle else None,
            # The small picture's name ends in _normal (48 px); this is the same in 400 px.
            picture_url=web_address(str(found.get("profile_image_url", "")).replace("_normal.", "_400x400.")),
        )

    def _email(self, session: OAuth2Session) -> str | None:
        """Asked by itself: an app that may not see it gets a refusal, and the sign-in works all the same."""
        try:
            answer = self.ask(session, self.userinfo_url, **{"user.fields": "confirmed_email"})
        except SignInFailure as trouble:
            if trouble.kind is FailureKind.AWAY:
                raise
            return None
        return text_or_none(self._data(answer).get("confirmed_email"))

    def _data(self, answer: Any) -> dict[str, Any]:
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise self.trouble(FailureKind.WRONG, "no data in the answer")
        return data
