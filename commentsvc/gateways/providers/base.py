"""The interface of sign-in providers: an attempt, then a person or a failure with a message for the reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from commentsvc.core.errors import CommentError
from commentsvc.core.phrases import marked, phrase


@dataclass(frozen=True)
class Attempt:
    """The state kept in the session while the reader is at the provider. `instance` is the reader's Mastodon server."""

    state: str
    verifier: str
    nonce: str
    redirect_uri: str
    instance: str = ""


@dataclass(frozen=True)
class Person:
    """`subject` is the provider's permanent id of the person; names and addresses can change hands.

    `is_email_verified` only when the provider says so and its word is good for that. `handle` is what people know the
    account by there, `server` the reader's own one.
    """

    provider: str
    subject: str
    name: str
    email: str | None = None
    is_email_verified: bool = False
    website: str | None = None
    picture_url: str | None = None
    handle: str | None = None
    server: str | None = None


class FailureKind(StrEnum):
    DENIED = "denied"
    EXPIRED = "expired"
    AWAY = "away"
    WRONG = "wrong"


SENTENCES = {
    FailureKind.DENIED: marked(
        "You did not allow %(label)s to share who you are, so you are not signed in. Nothing was saved."
    ),
    FailureKind.EXPIRED: marked(
        "Signing in with %(label)s took too long, or this sign-in was already used. Please try again."
    ),
    FailureKind.AWAY: marked("%(label)s is not responding. Please try again in a minute, or sign in another way."),
    FailureKind.WRONG: marked(
        "%(label)s sent an invalid response, so you are not signed in. Please try again; "
        "if it happens again, tell the owner of this service."
    ),
}


class SignInFailure(CommentError):
    """A sign-in that did not work; the sentence is for the reader, `cause` for the log, and holds no secret."""

    slug = "signin-trouble"

    def __init__(self, label: str, kind: FailureKind, cause: str = "") -> None:
        self.kind = kind
        self.cause = cause
        super().__init__(phrase(SENTENCES[kind], label=label))


class Provider(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def asks_instance(self) -> bool:
        """Whether the reader must first say which server is theirs."""

    @property
    def posts_answer(self) -> bool:
        """Whether the answer comes as a form, from the provider's own page."""

    def begin(self, attempt: Attempt) -> str:
        """The address to send the browser to; raises Trouble."""

    def finish(self, attempt: Attempt, answer: Mapping[str, str]) -> Person:
        """The person behind this callback, whose `state` the caller has checked; raises SignInFailure."""
