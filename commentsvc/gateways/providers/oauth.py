"""The steps that all OAuth 2.0 providers share; each has a file of its own for what is its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from requests import HTTPError, RequestException, Response

from commentsvc.core import links
from commentsvc.gateways import safe_http
from commentsvc.gateways.providers.labels import label_of
from commentsvc.gateways.providers.person import Attempt, Kind, Person, Trouble

# What token endpoints say of a code that came too late or twice; GitHub has its own word for it.
SPENT = {"invalid_grant", "bad_verification_code", "invalid_request"}
DENIALS = {"access_denied", "user_cancelled_authorize", "user_denied"}


class OAuthProvider(ABC):
    """A provider by authorization code; subclasses say where, how, and what its answer about a person means."""

    name = ""
    scope = ""
    authorize_url = ""
    token_url = ""
    userinfo_url = ""
    client_auth = "client_secret_post"
    uses_pkce = True
    token_in_query = False
    asks_instance = False
    posts_answer = False

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.label = label_of(self.name, settings)
        self.client_id = settings["client_id"]
        self.client_secret = settings.get("client_secret", "")
        self.authorize_url = settings.get("authorize_url") or self.authorize_url
        self.token_url = settings.get("token_url") or self.token_url
        self.userinfo_url = settings.get("userinfo_url") or self.userinfo_url

    def session(self, attempt: Attempt) -> OAuth2Session:
        session = OAuth2Session(
            self.client_id,
            self.client_secret,
            token_endpoint_auth_method=self.client_auth,
            scope=self.scope,
            redirect_uri=attempt.redirect_uri,
            code_challenge_method="S256" if self.uses_pkce else None,
        )
        return safe_http.bounded(session)

    def begin(self, attempt: Attempt) -> str:
        more = {"code_verifier": attempt.verifier} if self.uses_pkce else {}
        url, _ = self.session(attempt).create_authorization_url(
            self.authorize_address(attempt), state=attempt.state, **more, **self.extra(attempt)
        )
        return str(url)

    def authorize_address(self, attempt: Attempt) -> str:
        return self.authorize_url

    def token_address(self, attempt: Attempt) -> str:
        return self.token_url

    def extra(self, attempt: Attempt) -> dict[str, str]:
        """More parameters for the address the browser goes to."""
        return {}

    def finish(self, attempt: Attempt, answer: Mapping[str, str]) -> Person:
        self.check_answer(answer)
        session = self.session(attempt)
        token = self.trade(session, attempt, answer["code"])
        return self.person(session, attempt, token)

    def check_answer(self, answer: Mapping[str, str]) -> None:
        """Raise Trouble unless the browser brought a code."""
        if "error" in answer:
            raise self.trouble(Kind.DENIED if answer["error"] in DENIALS else Kind.WRONG, answer["error"][:80])
        if not answer.get("code"):
            raise self.trouble(Kind.WRONG, "no code in the answer")

    def trade(self, session: OAuth2Session, attempt: Attempt, code: str) -> dict[str, Any]:
        more = {"code_verifier": attempt.verifier} if self.uses_pkce else {}
        try:
            token: dict[str, Any] = session.fetch_token(
                self.token_address(attempt),
                code=code,
                grant_type="authorization_code",
                headers=JSON,
                allow_redirects=False,
                **more,
            )
        except OAuthError as error:
            spent = error.error in SPENT
            raise self.trouble(Kind.EXPIRED if spent else Kind.WRONG, f"token: {error.error}"[:80]) from None
        except RequestException as error:
            raise self.of_request(error) from None
        except ValueError:
            raise self.trouble(Kind.WRONG, "the token answer is no JSON") from None
        if not isinstance(token, dict) or not isinstance(token.get("access_token"), str):
            raise self.trouble(Kind.WRONG, "no token in the answer")
        return token

    @abstractmethod
    def person(self, session: OAuth2Session, attempt: Attempt, token: dict[str, Any]) -> Person:
        """Whose token it is, as the provider says; raises Trouble."""

    def ask(self, session: OAuth2Session, url: str, **params: str) -> Any:
        """An API's JSON answer with the token; raises Trouble."""
        try:
            response: Response = session.get(
                url, params=params, headers=JSON, allow_redirects=False, withhold_token=self.token_in_query
            )
            return self.read(response)
        except RequestException as error:
            raise self.of_request(error) from None

    def read(self, response: Response) -> Any:
        if response.status_code >= 500 or response.status_code == 429:
            raise self.trouble(Kind.AWAY, f"HTTP {response.status_code}")
        if response.status_code != 200:
            raise self.trouble(Kind.WRONG, f"HTTP {response.status_code}")
        try:
            return response.json()
        except ValueError:
            raise self.trouble(Kind.WRONG, "the answer is no JSON") from None

    def of_request(self, error: RequestException) -> Trouble:
        """What went wrong on the way, without addresses or parameters: those hold codes and tokens."""
        if isinstance(error, HTTPError) and error.response is not None and error.response.status_code < 500:
            return self.trouble(Kind.WRONG, f"HTTP {error.response.status_code}")
        return self.trouble(Kind.AWAY, type(error).__name__)

    def trouble(self, kind: Kind, cause: str) -> Trouble:
        return Trouble(self.label, kind, f"{self.name}: {cause}")

    def whole(self, subject: object, name: object, **more: Any) -> Person:
        """A person; raises Trouble when what must be there is missing."""
        if not isinstance(subject, str | int) or not str(subject):
            raise self.trouble(Kind.WRONG, "no id in the answer")
        return Person(self.name, str(subject), name if isinstance(name, str) else "", **more)


JSON = {"Accept": "application/json"}


def web_address(value: object) -> str | None:
    """An http(s) address, or None."""
    if not isinstance(value, str) or len(value) > 2048 or not value.isprintable():
        return None
    parts = links.parts_of(value)
    return value if parts and parts.scheme in ("http", "https") else None


def text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
