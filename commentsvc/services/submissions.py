"""Submissions: a comment before it is stored, with its sender and form, and the outcome of posting it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from commentsvc.core import tokens
from commentsvc.core.networks import NetworkScope, network_of
from commentsvc.core.rule_kinds import RuleInput
from commentsvc.core.status import Status
from commentsvc.core.verdict import Outside
from commentsvc.store.accounts import Account
from commentsvc.store.authors import Writer
from commentsvc.store.comments import Comment


class Notify(StrEnum):
    """About which comments the author of a new one wants mail."""

    NONE = ""
    REPLIES = "replies"
    THREAD = "thread"  # all new comments of the thread, replies among them


@dataclass(frozen=True)
class Draft:
    """The fields of the form, already cleaned of characters that no field may hold (web/api/schemas.py)."""

    thread_key: str
    url: str
    title: str
    parent_id: int | None
    source: str
    name: str
    email: str
    website: str | None
    notify: Notify = Notify.NONE

    @property
    def text_hash(self) -> bytes:
        return text_hash(self.source)

    @property
    def request_hash(self) -> bytes:
        """SHA-256 of all fields: a retry with the same Idempotency-Key must have the same."""
        return hashlib.sha256(json.dumps(vars(self), sort_keys=True).encode()).digest()


@dataclass(frozen=True)
class Sender:
    """The sender; a guest has no account. `limited` is False where rate limits are switched off.

    `provider` is how a reader with an account signed in on the blog, `language` is the interface language they read.
    """

    account: Account | None
    ip: str
    user_agent: str
    limited: bool = True
    provider: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class Form:
    """How the form was sent; None for what the page did not say. `solution` answers a proof-of-work challenge."""

    is_trapped: bool = False
    elapsed_ms: int | None = None
    solution: str | None = None
    send_anyway: bool = False
    can_work: bool = True  # False for a page without scripts, which cannot solve a challenge


DEFAULT_FORM = Form()


@dataclass(frozen=True)
class Submission:
    """A comment on its way in. `services/posting` turns it into a `Comment`."""

    draft: Draft
    sender: Sender
    idempotency_key: str | None = None
    form: Form = DEFAULT_FORM

    def key_hash(self, secret: str) -> bytes | None:
        """The idempotency key as it is stored: the same key of another author is another key."""
        if self.idempotency_key is None:
            return None
        account, draft = self.sender.account, self.draft
        author = f"account {account.id}" if account else f"guest {draft.email} {draft.name.casefold()}"
        return tokens.keyed(secret, "idempotency", self.idempotency_key, author)

    def rule_input(self, html: str) -> RuleInput:
        """The input of the site's rules."""
        draft, sender = self.draft, self.sender
        return RuleInput(draft.source, html, draft.name, draft.email, draft.website or "", sender.ip, sender.user_agent)


@dataclass(frozen=True)
class Pending:
    """A submission that waits for the write transaction, with all that is known of it without the database's lock.

    It holds no row of its request's session, because another request's thread may write it (services/group_commit).
    """

    site_id: int
    draft: Draft
    form: Form
    html: str
    rule_input: RuleInput
    writer: Writer
    role: str | None
    provider: str | None
    picture: str | None
    language: str | None
    is_limited: bool
    spam_answer: Outside
    key_hash: bytes | None
    secret: str
    now: datetime
    awaits_address: bool = False  # it waits for the holder of its email address to confirm it

    @property
    def is_moderator(self) -> bool:
        return self.role is not None

    @property
    def is_rate_limited(self) -> bool:
        return self.is_limited and not self.is_moderator

    @cached_property
    def network(self) -> str:
        return network_of(self.writer.ip, NetworkScope.NEIGHBOURHOOD)

    def awaiting_address(self) -> Pending:
        """The same, to wait for its address to be confirmed; until then its author is not one that is known here."""
        return replace(self, awaits_address=True, writer=replace(self.writer, email=""))


@dataclass(frozen=True)
class Posted:
    """The outcome. `status` and `reason` are those of the first answer, also when a retry gets it again."""

    comment: Comment
    status: Status
    reason: str | None


def text_hash(source: str) -> bytes:
    return hashlib.sha256(source.encode()).digest()
