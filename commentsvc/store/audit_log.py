"""The audit log: every change of settings, rules, roles and sanctions, its actor and time; rows are only added."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core.errors import NotFound
from commentsvc.core.whole_numbers import is_row_id
from commentsvc.store.accounts import Account
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.sites import Site

THREAD = "thread"  # the kind of a change to a thread's pin, openness or mode
THREAD_MOVE = "thread-move"  # another key
THREAD_MERGE = "thread-merge"  # all comments to another thread
THREAD_DELETE = "thread-delete"  # all comments deleted
THREADS_NORMALIZED = "threads-normalized"  # keys of many, after the rules for keys have changed
OF_THREADS = (THREAD, THREAD_MOVE, THREAD_MERGE, THREAD_DELETE)
WHO_SET_MAX = 200  # changes that are looked through for who set a field


class ActorKind(StrEnum):
    """The actor of a change other than an account: the service itself, or a command of the operator."""

    ACCOUNT = "account"
    SYSTEM = "system"
    COMMAND_LINE = "command line"


Actor = Account | ActorKind


class AuditEntry(Base):
    """`before` and `after` hold what changed, by name; {} where there was or is nothing. They never hold a secret."""

    __tablename__ = "journal"
    __table_args__ = (Index("ix_journal_site_id_id", "site_id", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))  # None: of the whole service, or of a person
    by_account_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id"), index=True
    )  # with the actor `account` alone
    actor: Mapped[str] = mapped_column(String(16), default=ActorKind.ACCOUNT, server_default=ActorKind.ACCOUNT.value)
    kind: Mapped[str] = mapped_column(String(32))  # `setting`, `rule`, `member`, `sanction`, `sign-in`, …
    subject: Mapped[str] = mapped_column(String(200), default="")  # which of its kind: a rule's number, an address
    # Of a change to a thread, whose key may be longer than the subject. No foreign key: SQLite adds none to a table
    # that exists.
    thread_id: Mapped[int | None] = mapped_column(Id)
    before: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    ip: Mapped[str] = mapped_column(String(45), default="")
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("journal.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    by_account: Mapped[Account | None] = relationship(lazy="joined")

    @property
    def actor_name(self) -> str:
        """The account's name, “the system” or “the command line”."""
        return self.by_account.name if self.by_account else f"the {self.actor}"


def add(
    kind: str,
    now: datetime,
    *,
    site: Site | None = None,
    by: Actor,
    subject: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    ip: str = "",
    undoes: AuditEntry | None = None,
    thread_id: int | None = None,
) -> AuditEntry:
    """Write down a change in the transaction that makes it; the caller commits."""
    entry = AuditEntry(
        site_id=site.id if site else None,
        actor=by if isinstance(by, ActorKind) else ActorKind.ACCOUNT,
        by_account_id=None if isinstance(by, ActorKind) else by.id,
        kind=kind,
        subject=subject[:200],
        before=before or {},
        after=after or {},
        ip=ip,
        undoes_id=undoes.id if undoes else None,
        thread_id=thread_id,
        created_at=now,
    )
    db.session.add(entry)
    return entry


def of_threads(site: Site, since: datetime | None, before: datetime | None, limit: int) -> Sequence[AuditEntry]:
    """The changes of threads from `since` on and before `before` (None: no limit), newest first."""
    query = select(AuditEntry).where(AuditEntry.site_id == site.id, AuditEntry.kind.in_(OF_THREADS))
    if since is not None:
        query = query.where(AuditEntry.created_at >= since)
    if before is not None:
        query = query.where(AuditEntry.created_at < before)
    return db.session.scalars(query.order_by(AuditEntry.id.desc()).limit(limit)).all()


def newest_of_threads(site_ids: Collection[int], thread_ids: Collection[int], name: str) -> dict[int, AuditEntry]:
    """The newest change of each of these threads that set `name`, by thread."""
    query = select(AuditEntry).where(
        AuditEntry.site_id.in_(site_ids), AuditEntry.kind == THREAD, AuditEntry.thread_id.in_(thread_ids)
    )
    found: dict[int, AuditEntry] = {}
    for entry in db.session.scalars(query.order_by(AuditEntry.id)):
        if name in entry.after and entry.thread_id is not None:
            found[entry.thread_id] = entry
    return found


def of_site(site: Site, kinds: Sequence[str], before_id: int | None, limit: int) -> tuple[list[AuditEntry], int | None]:
    """The site's changes of these kinds (all when none is named), newest first; and where the next page begins."""
    query = select(AuditEntry).where(AuditEntry.site_id == site.id)
    if kinds:
        query = query.where(AuditEntry.kind.in_(kinds))
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    found = list(db.session.scalars(query.order_by(AuditEntry.id.desc()).limit(limit + 1)))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def last_sign_ins(account_ids: Sequence[int]) -> dict[int, datetime]:
    """The last sign-in of each of these accounts, if any."""
    query = select(AuditEntry.by_account_id, func.max(AuditEntry.created_at)).where(AuditEntry.kind == "sign-in")
    query = query.where(AuditEntry.by_account_id.in_(account_ids)).group_by(AuditEntry.by_account_id)
    return {account_id: at for account_id, at in db.session.execute(query).all() if account_id is not None}


def last_actor_name(site: Site, kind: str, field: str, subject: str | None = None) -> str:
    """The name of the last actor who changed a field, or "". `subject` is one of its kind, None: the site."""
    query = select(AuditEntry).where(AuditEntry.site_id == site.id, AuditEntry.kind == kind)
    if subject is not None:
        query = query.where(AuditEntry.subject == subject)
    newest = db.session.scalars(query.order_by(AuditEntry.id.desc()).limit(WHO_SET_MAX))
    entry = next((entry for entry in newest if field in entry.after), None)
    return entry.actor_name if entry else ""


def about(site: Site, kind: str, subject: str, limit: int) -> Sequence[AuditEntry]:
    """The entries about one subject, newest first."""
    query = select(AuditEntry).where(
        AuditEntry.site_id == site.id, AuditEntry.kind == kind, AuditEntry.subject == subject
    )
    return db.session.scalars(query.order_by(AuditEntry.id.desc()).limit(limit)).all()


def by_id(entry_id: int) -> AuditEntry:
    entry = db.session.get(AuditEntry, entry_id) if is_row_id(entry_id) else None
    if entry is None:
        raise NotFound("There is no such entry in the change history.")
    return entry
