"""Matches of rules by comment and time, for statistics; rows are only added."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, String, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.core.verdict import Reason
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, Id, UtcTime, db, insert_all
from commentsvc.store.sites import Site

KEPT_FOR = timedelta(days=90)
RULE_MAX = 64


class RuleHit(Base):
    __tablename__ = "spoken"
    __table_args__ = (
        Index("ix_spoken_site_id_rule_created_at", "site_id", "rule", "created_at"),
        Index("ix_spoken_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    rule: Mapped[str] = mapped_column(String(RULE_MAX))  # `rule 7`, or the name of a check
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), index=True)
    outcome: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


def add_all(spoken: Iterable[tuple[Comment, Reason]], now: datetime) -> None:
    rows = [
        {
            "site_id": comment.site_id,
            "rule": reason.rule[:RULE_MAX],
            "comment_id": comment.id,
            "outcome": reason.outcome,
            "created_at": now,
        }
        for comment, reason in spoken
    ]
    insert_all(RuleHit, rows)


def counts(site: Site, since: datetime) -> dict[str, int]:
    """The number of matches of each rule since then."""
    query = select(RuleHit.rule, func.count()).where(RuleHit.site_id == site.id, RuleHit.created_at > since)
    return dict(db.session.execute(query.group_by(RuleHit.rule)).all())


def forget_old(now: datetime) -> None:
    db.session.execute(delete(RuleHit).where(RuleHit.created_at < now - KEPT_FOR))
