"""Asks another service whether a comment is spam (Akismet); never open by failing: no clear answer is “no answer”."""

from __future__ import annotations

from typing import Protocol

from commentsvc.config import Config
from commentsvc.core.verdict import Outside
from commentsvc.gateways.spam_question import SpamQuestion


class SpamService(Protocol):
    is_there: bool

    def ask(self, asked: SpamQuestion) -> Outside:
        """Whether it is spam, within PATIENCE_S; NO_ANSWER when that cannot be said. Raises nothing."""

    def teach(self, asked: SpamQuestion, is_spam: bool) -> None:
        """Tell that a moderator decided otherwise; raises OSError when that failed and is worth another try."""


class NoService:
    """The spam service when none is set up."""

    is_there = False

    def ask(self, asked: SpamQuestion) -> Outside:
        return Outside.NOT_ASKED

    def teach(self, asked: SpamQuestion, is_spam: bool) -> None:
        return None


NO_SPAM_SERVICE = NoService()


def spam_service(config: Config) -> SpamService:
    """The one that the settings name."""
    if not config.akismet_key:
        return NoService()
    from commentsvc.gateways.akismet import Akismet  # with requests 5 MB, only where it is set up

    return Akismet(config.akismet_key, config.akismet_url)
