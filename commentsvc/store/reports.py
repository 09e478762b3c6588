"""Flags: readers' reports of a comment, one a person; open until a moderator decides on the comment."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, func, select, update
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from commentsvc.core.networks import NetworkScope, count_in, network_of
from commentsvc.core.status import Status
from commentsvc.store import counters
from commentsvc.store.accounts import Account
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, UtcTime, db
from commentsvc.store.decisions import Decision

TEXT_MAX = 1000
HOLD_RULE = "flags"  # who decides when enough readers have reported a comment


class ReportReason(StrEnum):
    SPAM = "spam"
    ABUSE = "abuse"
    OFF_TOPIC = "off_topic"
    ILLEGAL = "illegal"
    OTHER = "other"


class Report(Base):
    __tablename__ = "flag"
    __table_args__ = (
        UniqueConstraint("comment_id", "account_id"),
        UniqueConstraint("comment_id", "guest_hash"),
        CheckConstraint("(account_id IS NULL) <> (guest_hash IS NULL)", name="account_or_guest"),
        Index("ix_flag_account_id_created_at", "account_id", "created_at"),
        Index("ix_flag_network_created_at", "network", "created_at"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    guest_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # of address and browser, keyed
    reason: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(String(TEXT_MAX), default="")  # as typed
    ip: Mapped[str] = mapped_column(String(45), default="")
    network: Mapped[str] = mapped_column(String(45), default="", server_default="")  # its neighbourhood
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    handled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id"), index=True)  # what answered it
    account: Mapped[Account | None] = relationship(lazy="raise_on_sql")
    comment: Mapped[Comment] = relationship(lazy="raise_on_sql")


def find(comment: Comment, account: Account | None, guest_hash: bytes) -> Report | None:
    query = select(Report).where(Report.comment_id == comment.id)
    return db.session.scalar(
        query.where(Report.account_id == account.id if account else Report.guest_hash == guest_hash)
    )


def open_of(comment_ids: Collection[int]) -> dict[int, list[Report]]:
    """The open reports of each of these comments that has some, the oldest first, with their accounts."""
    query = select(Report).where(Report.comment_id.in_(list(comment_ids)), Report.handled_at.is_(None))
    found: dict[int, list[Report]] = {}
    for flag in db.session.scalars(query.order_by(Report.id).options(joinedload(Report.account))):
        found.setdefault(flag.comment_id, []).append(flag)
    return found


def open_in(comment: Comment, change: int) -> None:
    """Count reports of a comment that opened, or (negative) that were answered; the caller holds the thread's lock."""
    was_flagged = comment.flag_count > 0
    comment.flag_count += change
    if comment.status == Status.APPROVED and was_flagged != (comment.flag_count > 0):
        counters.add_flagged({comment.site_id: 1 if comment.flag_count else -1})


def answer(comment: Comment, decision: Decision) -> None:
    """A decision on the comment answers what is open; the comment has its new status already."""
    if comment.flag_count:
        answered = update(Report).where(Report.comment_id == comment.id, Report.handled_at.is_(None))
        db.session.execute(answered.values(handled_at=decision.created_at, decision_id=decision.id))
        open_in(comment, -comment.flag_count)


def answered_by(decision_ids: Collection[int]) -> set[int]:
    """Those of these decisions that answered reports."""
    query = select(Report.decision_id).where(Report.decision_id.in_(list(decision_ids))).distinct()
    return {decision_id for decision_id in db.session.scalars(query) if decision_id is not None}


def reopen(comment: Comment, undone: Decision) -> bool:
    """What a decision had answered is open again when it is undone; says whether there was any."""
    opened = update(Report).where(Report.decision_id == undone.id).values(handled_at=None, decision_id=None)
    change = len(db.session.scalars(opened.returning(Report.id)).all())
    if change:
        open_in(comment, change)
    return change > 0


def made_since(account: Account | None, ip: str, since: datetime, now: datetime, most: int) -> tuple[int, int]:
    """How many reports an account made (and 0); for a guest, their household and their neighbourhood, up to `most`."""
    recent = (Report.created_at > since, Report.created_at <= now)
    if account:
        query = select(func.count()).select_from(Report).where(Report.account_id == account.id, *recent)
        return db.session.scalar(query) or 0, 0
    near = select(Report.ip).where(Report.network == network_of(ip, NetworkScope.NEIGHBOURHOOD), *recent)
    found = db.session.scalars(near.where(Report.account_id.is_(None)).limit(most)).all()
    return count_in(found, ip, NetworkScope.HOUSEHOLD), len(found)


def open_by_guests_at(comment: Comment, ip: str) -> int:
    """Open reports of a comment by guests of what one customer of a provider can have."""
    query = select(Report.ip).where(Report.comment_id == comment.id, Report.guest_hash.is_not(None))
    return count_in(db.session.scalars(query.where(Report.handled_at.is_(None))), ip, NetworkScope.CUSTOMER)


def of_account(account_id: int) -> Sequence[Report]:
    query = select(Report).where(Report.account_id == account_id).order_by(Report.id)
    return db.session.scalars(query.options(joinedload(Report.comment))).all()
