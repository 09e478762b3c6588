"""Reports: readers report a comment, each once; a report is open until a moderator decides on the comment."""

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
from commentsvc.store.db import UID_MAX, Base, Id, UtcTime, db, uid_index
from commentsvc.store.decisions import Decision

TEXT_MAX = 1000
HOLD_RULE = "flags"  # `by_rule` of the decision that holds a comment after enough reports


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
        uid_index("flag"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    guest_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # of address and browser, keyed
    reason: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(String(TEXT_MAX), default="")  # as typed
    ip: Mapped[str] = mapped_column(String(45), default="")
    network: Mapped[str] = mapped_column(String(45), default="", server_default="")  # the neighbourhood of `ip`
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    handled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id"), index=True)  # that answered the report
    uid: Mapped[str | None] = mapped_column(String(UID_MAX))  # of an imported row, from where it was first written
    account: Mapped[Account | None] = relationship(lazy="raise_on_sql")
    comment: Mapped[Comment] = relationship(lazy="raise_on_sql")


def find(comment: Comment, account: Account | None, guest_hash: bytes) -> Report | None:
    query = select(Report).where(Report.comment_id == comment.id)
    return db.session.scalar(
        query.where(Report.account_id == account.id if account else Report.guest_hash == guest_hash)
    )


def is_made(comment: Comment, account_id: int | None, guest_hash: bytes | None) -> bool:
    """Whether this account or guest has reported the comment."""
    query = select(Report.id).where(Report.comment_id == comment.id)
    query = query.where(Report.account_id == account_id if account_id else Report.guest_hash == guest_hash)
    return db.session.scalar(query.limit(1)) is not None


def open_of(comment_ids: Collection[int]) -> dict[int, list[Report]]:
    """Open reports by comment id, the oldest first, with their accounts; comments without any are left out."""
    query = select(Report).where(Report.comment_id.in_(list(comment_ids)), Report.handled_at.is_(None))
    found: dict[int, list[Report]] = {}
    for report in db.session.scalars(query.order_by(Report.id).options(joinedload(Report.account))):
        found.setdefault(report.comment_id, []).append(report)
    return found


def open_in(comment: Comment, change: int) -> None:
    """Add `change` to the open reports of a comment, negative when answered; the caller holds the thread's lock."""
    was_flagged = comment.flag_count > 0
    comment.flag_count += change
    if comment.status == Status.APPROVED and was_flagged != (comment.flag_count > 0):
        counters.add_flagged({comment.site_id: 1 if comment.flag_count else -1})


def answer(comment: Comment, decision: Decision) -> None:
    """Mark the open reports of a comment as answered by a decision; the comment has its new status already."""
    if comment.flag_count:
        answered = update(Report).where(Report.comment_id == comment.id, Report.handled_at.is_(None))
        db.session.execute(answered.values(handled_at=decision.created_at, decision_id=decision.id))
        open_in(comment, -comment.flag_count)


def answered_by(decision_ids: Collection[int]) -> set[int]:
    """The subset of decision ids that answered reports."""
    query = select(Report.decision_id).where(Report.decision_id.in_(list(decision_ids))).distinct()
    return {decision_id for decision_id in db.session.scalars(query) if decision_id is not None}


def reopen(comment: Comment, undone: Decision) -> bool:
    """Open the reports again that an undone decision had answered; gives whether there were any."""
    opened = update(Report).where(Report.decision_id == undone.id).values(handled_at=None, decision_id=None)
    change = len(db.session.scalars(opened.returning(Report.id)).all())
    if change:
        open_in(comment, change)
    return change > 0


def made_since(account: Account | None, ip: str, since: datetime, now: datetime, most: int) -> tuple[int, int]:
    """Reports made between `since` and `now`: (by the account, 0), or for a guest (by household, by neighbourhood).

    The reports of a guest's neighbourhood are counted up to `most`.
    """
    recent = (Report.created_at > since, Report.created_at <= now)
    if account:
        query = select(func.count()).select_from(Report).where(Report.account_id == account.id, *recent)
        return db.session.scalar(query) or 0, 0
    near = select(Report.ip).where(Report.network == network_of(ip, NetworkScope.NEIGHBOURHOOD), *recent)
    found = db.session.scalars(near.where(Report.account_id.is_(None)).limit(most)).all()
    return count_in(found, ip, NetworkScope.HOUSEHOLD), len(found)


def open_by_guests_at(comment: Comment, ip: str) -> int:
    """The number of open reports of a comment by guests whose address may belong to one customer of a provider."""
    query = select(Report.ip).where(Report.comment_id == comment.id, Report.guest_hash.is_not(None))
    return count_in(db.session.scalars(query.where(Report.handled_at.is_(None))), ip, NetworkScope.CUSTOMER)


def of_account(account_id: int) -> Sequence[Report]:
    query = select(Report).where(Report.account_id == account_id).order_by(Report.id)
    return db.session.scalars(query.options(joinedload(Report.comment))).all()
