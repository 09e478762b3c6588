"""The providers that the stand-ins play, and how each behaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


ELSEWHERE = "https://elsewhere.example"
APPLE_TEAM = "TEAM123456"
APPLE_KEY_ID = "KEY1234567"
TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
PEOPLE: list[dict[str, Any]] = [
    {"id": 1001, "name": "Ann Lee", "handle": "annlee", "email": "ann@example.org", "verified": True},
    {"id": 1002, "name": "Bo Nakamura", "handle": "bo", "email": None, "verified": False},
    {"id": 1003, "name": "Cy Unproven", "handle": "cy", "email": "alice@blog.example", "verified": False},
]


@dataclass(frozen=True)
class ProviderBehaviour:
    """The protocol details of one provider."""

    label: str
    authorize: str
    token: str
    me: str
    auth: str = "post"  # or "basic", "either", or "signed": posted, and made by the client itself
    pkce: bool = True
    code_life_s: int = 600
    scopes: tuple[str, ...] = ()
    is_openid: bool = False


OPENID: dict[str, Any] = {"authorize": "/authorize", "token": "/token", "me": "/userinfo", "is_openid": True}
KINDS = {
    "twitter": ProviderBehaviour(
        "X (Twitter)",
        "/i/oauth2/authorize",
        "/2/oauth2/token",
        "/2/users/me",
        "basic",
        True,
        30,
        ("users.read", "tweet.read"),
    ),
    "facebook": ProviderBehaviour(
        "Facebook", "/v26.0/dialog/oauth", "/v26.0/oauth/access_token", "/v26.0/me", pkce=False
    ),
    "wordpress": ProviderBehaviour(
        "WordPress.com", "/oauth2/authorize", "/oauth2/token", "/rest/v1.1/me", pkce=False, scopes=("auth",)
    ),
    "google": ProviderBehaviour("Google", auth="either", scopes=("openid",), **OPENID),
    "apple": ProviderBehaviour(
        "Apple", "/auth/authorize", "/auth/token", "/auth/keys", "signed", scopes=("name", "email"), is_openid=True
    ),
    "github": ProviderBehaviour("GitHub", "/login/oauth/authorize", "/login/oauth/access_token", "/user"),
    "microsoft": ProviderBehaviour("Microsoft", auth="either", scopes=("openid",), **OPENID),
    "discord": ProviderBehaviour(
        "Discord", "/oauth2/authorize", "/api/oauth2/token", "/api/v10/users/@me", "either", scopes=("identify",)
    ),
    "mastodon": ProviderBehaviour(
        "Mastodon", "/oauth/authorize", "/oauth/token", "/api/v1/accounts/verify_credentials", scopes=("profile",)
    ),
    "oidc": ProviderBehaviour("Example ID", auth="basic", scopes=("openid",), **OPENID),
}
