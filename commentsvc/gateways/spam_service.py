"""Asks another service whether a comment is spam (Akismet); never open by failing: no clear answer is “no answer”."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from commentsvc.config import Config
from commentsvc.core.judging import Outside


@dataclass(frozen=True)
class Asked:
    """A comment, in Akismet's words (https://akismet.com/developers/detailed-docs/comment-check/)."""

    blog: str
    permalink: str
    user_ip: str
    user_agent: str
    comment_type: str  # `comment` or `reply`
    comment_author: str
    comment_author_email: str
    comment_author_url: str
    comment_content: str


class SpamService(Protocol):
    is_there: bool

    def ask(self, asked: Asked) -> Outside:
        """Whether it is spam, within PATIENCE_S; NO_ANSWER when that cannot be said. Raises nothing."""

    def teach(self, asked: Asked, is_spam: bool) -> None:
        """Tell that a moderator decided otherwise; raises OSError when that failed and is worth another try."""


class NoService:
    """Where none is set."""

    is_there = False

    def ask(self, asked: Asked) -> Outside:
        return Outside.NOT_ASKED

    def teach(self, asked: Asked, is_spam: bool) -> None:
        return None


def spam_service(config: Config) -> SpamService:
    """The one that the settings name."""
    if not config.akismet_key:
        return NoService()
    from commentsvc.gateways.akismet import Akismet  # with requests 5 MB, only where it is set up

    return Akismet(config.akismet_key, config.akismet_url)
