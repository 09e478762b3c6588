"""A site's own rules, which are applied in the modes `new` and `rules`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commentsvc.core.errors import NotFound
from commentsvc.core.whole_numbers import is_row_id
from commentsvc.store import sites
from commentsvc.store.db import UID_MAX, Base, Id, UtcTime, db, uid_index
from commentsvc.store.sites import Site


class Rule(Base):
    __tablename__ = "rule"
    __table_args__ = (uid_index("rule"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    value: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(String(16))
    language: Mapped[str] = mapped_column(String(8), default="", server_default="")  # of words; "" for any
    is_on: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    uid: Mapped[str | None] = mapped_column(String(UID_MAX))  # of an imported row, from where it was first written
    site: Mapped[Site] = relationship()


def of_site(site: Site) -> Sequence[Rule]:
    return db.session.scalars(select(Rule).where(Rule.site_id == site.id).order_by(Rule.id)).all()


def increase_version(site: Site) -> None:
    """Let every process read the site's rules anew."""
    site.rules_version += 1


def locked(rule_id: int) -> Rule:
    """As by_id, with its site locked and both read anew."""
    sites.lock(by_id(rule_id).site)
    found = db.session.scalar(select(Rule).where(Rule.id == rule_id).execution_options(populate_existing=True))
    if found is None:
        raise NotFound("There is no rule with this number here.")
    return found


def by_id(rule_id: int) -> Rule:
    rule = db.session.get(Rule, rule_id) if is_row_id(rule_id) else None
    if rule is None:
        raise NotFound("There is no rule with this number here.")
    return rule
