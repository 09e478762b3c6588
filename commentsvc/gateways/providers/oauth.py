"""The steps that all OAuth 2.0 providers share; each has a file of its own for what is its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from requests import HTTPError, RequestException, Response

from commentsvc.core import emails, links, text_input
from commentsvc.core.errors import Invalid
from commentsvc.core.policy import NAME_MAX, WEBSITE_MAX
from commentsvc.gateways import safe_http
from commentsvc.gateways.providers.base import Attempt, FailureKind, Person, SignInFailure
from commentsvc.gateways.providers.labels import label_of

SUBJECT_MAX = 255  # characters of an id, as OpenID Connect allows them and the column of identities holds them
SHOWN_MAX = NAME_MAX
# Errors of token endpoints for a code that is expired or used; GitHub has its own.
SPENT = {"invalid_grant", "bad_verification_code", "invalid_request"}
DENIALS = {"access_denied", "user_cancelled_authorize", "user_denied"}
# RFC 6749 §4.1.2.1 and §5.2, OpenID Connect Core §3.1.2.6.
STANDARD = (
    SPENT
    | DENIALS
    | {
        "invalid_client",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "interaction_required",
        "login_required",
        "account_selection_required",
        "consent_required",
    }
)


def _standard(code: str) -> str:
    """The error code for the log if it is a known one; other text comes from the URL and may be forged."""
    return code if code in STANDARD else "a code of its own"


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
        """More parameters of the authorization request."""
        return {}

    def finish(self, attempt: Attempt, answer: Mapping[str, str]) -> Person:
        self.check_answer(answer)
        self.check_issuer(attempt, answer.get("iss"))
        session = self.session(attempt)
        token = self.trade(session, attempt, answer["code"])
        if str(token.get("token_type") or "bearer").lower() != "bearer":
            raise self.trouble(FailureKind.WRONG, "no bearer token in the answer")
        return self.checked(self.person(session, attempt, token))

    def check_answer(self, answer: Mapping[str, str]) -> None:
        """Raise Trouble unless the browser brought a code."""
        if "error" in answer:
            raise self.trouble(
                FailureKind.DENIED if answer["error"] in DENIALS else FailureKind.WRONG, _standard(answer["error"])
            )
        if not answer.get("code"):
            raise self.trouble(FailureKind.WRONG, "no code in the answer")

    def check_issuer(self, attempt: Attempt, issuer: str | None) -> None:
        """Raise Trouble when the answer says to come from elsewhere (RFC 9207).

        Without metadata nobody knows how the provider spells itself, but its issuer is on the host it signs in at.
        """
        if issuer is not None and origin_of(issuer) != origin_of(self.authorize_address(attempt)):
            raise self.trouble(FailureKind.WRONG, "the answer is another issuer's")

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
            raise self.trouble(
                FailureKind.EXPIRED if spent else FailureKind.WRONG, f"token: {_standard(error.error)}"
            ) from None
        except RequestException as error:
            raise self.of_request(error) from None
        except ValueError:
            raise self.trouble(FailureKind.WRONG, "the token answer is no JSON") from None
        if not isinstance(token, dict) or not isinstance(token.get("access_token"), str):
            raise self.trouble(FailureKind.WRONG, "no token in the answer")
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
            raise self.trouble(FailureKind.AWAY, f"HTTP {response.status_code}")
        if response.status_code != 200:
            raise self.trouble(FailureKind.WRONG, f"HTTP {response.status_code}")
        try:
            return response.json()
        except ValueError:
            raise self.trouble(FailureKind.WRONG, "the answer is no JSON") from None

    def of_request(self, error: RequestException) -> SignInFailure:
        """The transport error without addresses and parameters, which hold codes and tokens."""
        if isinstance(error, HTTPError) and error.response is not None and error.response.status_code < 500:
            return self.trouble(FailureKind.WRONG, f"HTTP {error.response.status_code}")
        return self.trouble(FailureKind.AWAY, type(error).__name__)

    def trouble(self, kind: FailureKind, cause: str) -> SignInFailure:
        return SignInFailure(self.label, kind, f"{self.name}: {cause}")

    def whole(self, subject: object, name: object, **more: Any) -> Person:
        """The person; raises SignInFailure when a required field is missing."""
        if not isinstance(subject, str | int) or isinstance(subject, bool) or not str(subject):
            raise self.trouble(FailureKind.WRONG, "no id in the answer")
        return Person(self.name, str(subject), name if isinstance(name, str) else "", **more)

    def checked(self, person: Person) -> Person:
        """The person with nothing that cannot be kept or shown; raises Trouble for such an id, which nothing replaces.

        An id is compared, never cleaned: two that differ by a control character alone are two people.
        """
        if len(person.subject) > SUBJECT_MAX or not person.subject.isprintable():
            raise self.trouble(FailureKind.WRONG, "an id that is too long or can't be shown")
        return replace(
            person,
            name=shown(person.name) or "",
            email=_email(person.email),
            website=person.website if person.website and len(person.website) <= WEBSITE_MAX else None,
            handle=shown(person.handle),
        )


JSON = {"Accept": "application/json"}


def web_address(value: object) -> str | None:
    """An http(s) address, or None."""
    if not isinstance(value, str) or len(value) > 2048 or not value.isprintable():
        return None
    return value if origin_of(value).startswith(("http://", "https://")) else None


def origin_of(url: str) -> str:
    parts = links.parts_of(url)
    return f"{parts.scheme}://{parts.netloc}".lower() if parts else ""


def shown(value: str | None) -> str | None:
    """A name as one line of at most SHOWN_MAX characters; None when nothing of it can be shown."""
    try:
        return (
            text_input.line(value[:SHOWN_MAX], "name", "The name", SHOWN_MAX, required=False) or None if value else None
        )
    except Invalid:
        return None


def _email(value: str | None) -> str | None:
    """The address as we would take it from a form; None for one that we would not."""
    try:
        return emails.address(value, "email", required=False) or None if value else None
    except Invalid:
        return None


def text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
