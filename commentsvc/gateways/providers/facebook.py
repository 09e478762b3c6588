"""Facebook Login (Graph v26.0): calls are signed with the app's secret; an address may be missing and is not proof."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from authlib.integrations.requests_client import OAuth2Session
from requests import RequestException

from commentsvc.gateways.providers.base import Attempt, FailureKind, Person
from commentsvc.gateways.providers.oauth import SUBJECT_MAX, OAuthProvider, text_or_none, web_address

CODE_SPENT = 100
SIGNED_LIFE_S = 24 * 3600  # Facebook may send what we have missed once more
LEEWAY_S = 300  # for clocks that differ


class Facebook(OAuthProvider):
    name = "facebook"
    scope = "public_profile,email"
    authorize_url = "https://www.facebook.com/v26.0/dialog/oauth"
    token_url = "https://graph.facebook.com/v26.0/oauth/access_token"
    userinfo_url = "https://graph.facebook.com/v26.0/me"
    uses_pkce = False
    token_in_query = True

    def trade(self, session: OAuth2Session, attempt: Attempt, code: str) -> dict[str, Any]:
        """Errors are objects here, not words, which the general way does not expect."""
        form = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "redirect_uri": attempt.redirect_uri,
            "code": code,
        }
        try:
            response = session.post(self.token_url, data=form, withhold_token=True, allow_redirects=False)
            answer = response.json() if response.status_code == 400 else self.read(response)
        except RequestException as error:
            raise self.of_request(error) from None
        except ValueError:
            raise self.trouble(FailureKind.WRONG, "the token answer is no JSON") from None
        refusal = answer.get("error") if isinstance(answer, dict) else None
        if isinstance(refusal, dict):
            number = refusal.get("code")
            raise self.trouble(FailureKind.EXPIRED if number == CODE_SPENT else FailureKind.WRONG, f"token: {number}")
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            raise self.trouble(FailureKind.WRONG, "no token in the answer")
        session.token = answer
        return answer

    def person(self, session: OAuth2Session, attempt: Attempt, token: dict[str, Any]) -> Person:
        secret, access = self.client_secret.encode(), token["access_token"].encode()
        found = self.ask(
            session,
            self.userinfo_url,
            fields="id,name,email,picture.width(200).height(200)",
            access_token=token["access_token"],
            appsecret_proof=hmac.new(secret, access, hashlib.sha256).hexdigest(),
        )
        if not isinstance(found, dict):
            raise self.trouble(FailureKind.WRONG, "no object in the answer")
        picture = found.get("picture", {}).get("data", {}) if isinstance(found.get("picture"), dict) else {}
        url = None if picture.get("is_silhouette") else web_address(picture.get("url"))
        return self.whole(found.get("id"), found.get("name"), email=text_or_none(found.get("email")), picture_url=url)

    def signed_user(self, signed_request: str, now_s: float) -> str | None:
        """The user that a `signed_request` of Facebook is about; None when Facebook did not sign it within a day."""
        signature, _, payload = signed_request.partition(".")
        try:
            expected = hmac.new(self.client_secret.encode(), payload.encode(), hashlib.sha256).digest()
            if not hmac.compare_digest(expected, _decoded(signature)):
                return None
            document = json.loads(_decoded(payload))
        except (ValueError, RecursionError):
            return None
        if not isinstance(document, dict) or str(document.get("algorithm", "")).upper() != "HMAC-SHA256":
            return None
        issued_at = document.get("issued_at")
        if not isinstance(issued_at, int) or isinstance(issued_at, bool):
            return None
        if not now_s - SIGNED_LIFE_S <= issued_at <= now_s + LEEWAY_S:
            return None
        user = document.get("user_id")
        is_id = isinstance(user, str | int) and not isinstance(user, bool)
        return str(user) if is_id and 0 < len(str(user)) <= SUBJECT_MAX and str(user).isprintable() else None


def _decoded(value: str) -> bytes:
    return base64.urlsafe_b64decode(value.encode() + b"=" * (-len(value) % 4))
