"""Counters: how many comments of each status a site has, updated with every decision."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ForeignKey, Integer, String, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.core.status import Status
from commentsvc.store.db import Base, db
from commentsvc.store.sites import Site
from commentsvc.store.upserts import upsert


class StatusCount(Base):
    """The number of a site's comments with one status, stored so that reading it never scans comments."""

    __tablename__ = "tally"

    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), primary_key=True)
    status: Mapped[str] = mapped_column(String(16), primary_key=True)
    count: Mapped[int] = mapped_column(Integer, default=0)
    flagged: Mapped[int] = mapped_column(Integer, default=0, server_default="0")  # only in the row for `approved`
    # Grows with each change of the row. Every change of a published comment updates the row for `approved`, so these
    # transactions run one after another: a reader that has seen a version has seen all earlier changes.
    version: Mapped[int] = mapped_column(Integer, default=0, server_default="0")


def version_of(site: Site) -> int:
    """A number that grows with each change of a site's published comments."""
    query = select(StatusCount.version).where(StatusCount.site_id == site.id, StatusCount.status == Status.APPROVED)
    return db.session.scalar(query) or 0


def of_site(site: Site) -> dict[Status, int]:
    query = select(StatusCount.status, StatusCount.count).where(StatusCount.site_id == site.id)
    kept = {Status(status): count for status, count in db.session.execute(query).all()}
    return {status: kept.get(status, 0) for status in Status}


def of_all() -> dict[Status, int]:
    """Comments of all sites by status."""
    query = select(StatusCount.status, func.sum(StatusCount.count)).group_by(StatusCount.status)
    kept = dict(db.session.execute(query).all())
    return {status: int(kept.get(status, 0)) for status in Status}


def add(changes: Mapping[tuple[int, Status], int]) -> None:
    """Add changes, by site id and status, to the counters.

    Rows are updated in sorted order: two transactions that move comments in opposite directions must not deadlock.
    """
    for (site_id, status), change in sorted(changes.items()):
        row = upsert(StatusCount).values(site_id=site_id, status=status, count=change, flagged=0, version=1)
        more = {"count": StatusCount.count + change, "version": StatusCount.version + 1}
        db.session.execute(row.on_conflict_do_update(index_elements=["site_id", "status"], set_=more))


def flagged_on(site: Site) -> int:
    """The number of a site's approved comments that have open reports."""
    query = select(StatusCount.flagged).where(StatusCount.site_id == site.id, StatusCount.status == Status.APPROVED)
    return db.session.scalar(query) or 0


def add_flagged(changes: Mapping[int, int]) -> None:
    """Add changes, by site id, to the counters of reported comments; the rows for `approved` exist."""
    for site_id, change in sorted((site_id, change) for site_id, change in changes.items() if change):
        row = update(StatusCount).where(StatusCount.site_id == site_id, StatusCount.status == Status.APPROVED)
        db.session.execute(row.values(flagged=StatusCount.flagged + change))
