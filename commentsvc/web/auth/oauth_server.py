"""The OAuth 2.1 protocol of our widgets, by Authlib: a site is a public client, its redirects are its own origins."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, InvalidRequestError
from authlib.oauth2.rfc6749 import grants as oauth_grants
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask

from commentsvc.core import links, origins, tokens
from commentsvc.core.errors import Invalid, NotFound
from commentsvc.services import widget_tokens
from commentsvc.services.widget_tokens import TokenGrant
from commentsvc.store import sites
from commentsvc.store.accounts import Account
from commentsvc.store.sites import Site
from commentsvc.store.widget_tokens import REDIRECT_MAX, AuthCode, WidgetToken
from commentsvc.web.http.app_setup import now

SCOPE = "comment"
STATE_MAX = 500


class SiteClient(ClientMixin):
    """A site as a client: public, so PKCE is its proof, and it may use no other grant."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def get_client_id(self) -> str:
        return self.site.key

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str) -> str:
        return SCOPE

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Any page of the site's own origins, and nothing that only looks like one."""
        if len(redirect_uri) > REDIRECT_MAX or not redirect_uri.isprintable() or set(redirect_uri) & set(' "<>\\'):
            return False
        parts = links.parts_of(redirect_uri)
        if parts is None or parts.fragment or "@" in parts.netloc:
            return False
        try:
            return self.site.allows(origin_of(redirect_uri))
        except Invalid:
            return False

    def check_client_secret(self, client_secret: str) -> bool:
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


def origin_of(address: str) -> str:
    """The origin of a page as its browser names it; raises Invalid when it has none."""
    parts = links.parts_of(address)
    return origins.normal(f"{parts.scheme}://{parts.netloc}" if parts else address)


def blog_of(path: str) -> str:
    """The origin that a sign-in on its way (a path of `/auth/authorize`) will end on; '' when it will not."""
    query = dict(parse_qsl(path.partition("#")[0].partition("?")[2]))
    client = find_client(query.get("client_id", ""))
    redirect_uri = query.get("redirect_uri", "")
    return origin_of(redirect_uri) if client and client.check_redirect_uri(redirect_uri) else ""


class Code:
    """An authorization code's row, as Authlib asks for it."""

    code_challenge_method = "S256"

    def __init__(self, row: AuthCode) -> None:
        self.row = row
        self.code_challenge = row.challenge

    def get_redirect_uri(self) -> str:
        return self.row.redirect_uri

    def get_scope(self) -> str:
        return SCOPE


class Refresh:
    """A refresh token's row, as Authlib asks for it."""

    def __init__(self, row: WidgetToken) -> None:
        self.row = row

    def get_scope(self) -> str:
        return SCOPE

    def check_client(self, client: SiteClient) -> bool:
        return self.row.site_id == client.site.id


class AuthorizationCodeGrant(oauth_grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]

    def validate_authorization_request(self) -> str:
        """PKCE with S256 and a state are not optional here (OAuth 2.1 §4.1.1); raises OAuth2Error."""
        redirect_uri: str = super().validate_authorization_request()
        data = self.request.payload.data
        if data.get("code_challenge_method") != "S256" or not data.get("code_challenge"):
            raise InvalidRequestError("code_challenge with code_challenge_method=S256 is required.")
        if not self.request.payload.state or len(self.request.payload.state) > STATE_MAX:
            raise InvalidRequestError(f"state is required, up to {STATE_MAX} characters.")
        return redirect_uri

    def generate_authorization_code(self) -> str:
        return tokens.new("csc_")

    def save_authorization_code(self, code: str, request: Any) -> None:
        account, provider = request.user
        challenge = request.payload.data["code_challenge"]
        widget_tokens.add_code(
            account, request.client.site, provider, request.payload.redirect_uri, challenge, code, now()
        )

    def create_authorization_response(
        self, redirect_uri: str, grant_user: object
    ) -> tuple[int, dict[str, str], list[Any]]:
        """The code for the widget; the page delivers it."""
        self.request.user = grant_user
        code = self.generate_authorization_code()
        self.save_authorization_code(code, self.request)
        return 200, {"code": code, "state": self.request.payload.state}, []

    def query_authorization_code(self, code: str, client: SiteClient) -> Code | None:
        row = widget_tokens.take_code(code, client.site, now())
        return Code(row) if row else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        authorization_code.row.used_at = now()

    def authenticate_user(self, authorization_code: Code) -> Account:
        return authorization_code.row.account


class RefreshTokenGrant(oauth_grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Refresh | None:
        row = widget_tokens.take_refresh(refresh_token, self.request.client.site, now())
        return Refresh(row) if row else None

    def authenticate_user(self, refresh_token: Refresh) -> Account:
        return refresh_token.row.account

    def revoke_old_credential(self, refresh_token: Refresh) -> None:
        refresh_token.row.used_at = now()


class OnlyS256(CodeChallenge):
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]


def find_client(client_id: str) -> SiteClient | None:
    """The site as a client, or None when there is none."""
    try:
        return SiteClient(sites.by_key(client_id))
    except NotFound:
        return None


def _keep_tokens(token: dict[str, str], request: Any) -> None:
    before = getattr(request, "authorization_code", None) or request.refresh_token
    held = TokenGrant(request.user, request.client.site, before.row.provider, before.row.family)
    widget_tokens.add_tokens(held, token["access_token"], token["refresh_token"], now())


server = AuthorizationServer(query_client=find_client, save_token=_keep_tokens)


def init_app(app: Flask) -> None:
    server.init_app(app)
    server.register_token_generator(
        "default",
        BearerTokenGenerator(
            lambda **_: tokens.new(widget_tokens.ACCESS_PREFIX),
            lambda **_: tokens.new(widget_tokens.REFRESH_PREFIX),
            lambda *_: int(widget_tokens.ACCESS_LIFE.total_seconds()),
        ),
    )


server.register_grant(AuthorizationCodeGrant, [OnlyS256(required=True)])
server.register_grant(RefreshTokenGrant)
