"""A comment on its way in: what was sent, by whom and how, and what became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from commentsvc.core.networks import NetworkScope, network_of
from commentsvc.core.rule_kinds import RuleInput
from commentsvc.core.status import Status
from commentsvc.core.verdict import Outside
from commentsvc.gateways.spam_service import NoService
from commentsvc.store import idempotency
from commentsvc.store.accounts import Account
from commentsvc.store.authors import Author, Writer
from commentsvc.store.comments import Comment, DuplicateKey
from commentsvc.store.threads import Thread


@dataclass(frozen=True)
class Draft:
    """A comment as its author sent it, already cleaned of what no field may hold."""

    thread_key: str
    url: str
    title: str
    parent_id: int | None
    source: str
    name: str
    email: str
    website: str | None
    notify: bool = False


@dataclass(frozen=True)
class Sender:
    """Who sends it; a guest has no account. `limited` is false where flood limits are switched off.

    `provider` is how somebody with an account signed in on the blog; `language` the one of ours that they read in.
    """

    account: Account | None
    ip: str
    user_agent: str
    limited: bool = True
    provider: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class Form:
    """How it was sent; what the page does not say is None. `solution` is that of a challenge."""

    is_trapped: bool = False
    elapsed_ms: int | None = None
    solution: str | None = None
    send_anyway: bool = False
    can_work: bool = True  # false for a page without scripts, which can solve no challenge


@dataclass(frozen=True)
class Posted:
    """`status` and `reason` are those of the first answer, also when a retry gets it again."""

    comment: Comment
    status: Status
    reason: str | None


NOBODY = NoService()
AS_USUAL = Form()


@dataclass(frozen=True)
class Entry:
    """A comment ready to be taken in, and all that is known of it without the database's lock."""

    site_id: int
    draft: Draft
    html: str
    submission: RuleInput
    writer: Writer
    role: str | None
    provider: str | None
    picture: str | None
    user_agent: str
    language: str | None
    is_limited: bool
    form: Form
    outside: Outside
    key_hash: bytes | None
    secret: str
    now: datetime
    awaits_address: bool = False  # it waits for the holder of its e-mail address, whoever that is

    @property
    def is_stranger(self) -> bool:
        return self.role is None

    @cached_property
    def network(self) -> str:
        return network_of(self.writer.ip, NetworkScope.NEIGHBOURHOOD)

    def awaiting_address(self) -> Entry:
        """The same, to wait for the holder of its address: until then it is nobody's who is known here."""
        return replace(self, awaits_address=True, writer=replace(self.writer, email=""))


@dataclass(frozen=True)
class Known:
    """What is looked up once for all that are judged together."""

    threads: Mapping[str, Thread]
    authors: Mapping[int | bytes, Author]
    answers: Mapping[bytes, idempotency.StoredResponse]
    duplicates: Collection[DuplicateKey]
    addresses: Collection[str]  # of accounts, among those that guests gave
    names: frozenset[str] | None  # that are protected, as `core.names` compares them
    accounts: Collection[int]  # of those who write, but for the ones that were erased meanwhile
    has_sanctions: bool

    def said(self, entry: Entry) -> DuplicateKey:
        thread, author = self.threads[entry.draft.thread_key], self.authors[entry.writer.key]
        return DuplicateKey(thread.id, entry.draft.parent_id, author.id, text_hash(entry.draft.source))


def text_hash(source: str) -> bytes:
    return hashlib.sha256(source.encode()).digest()
