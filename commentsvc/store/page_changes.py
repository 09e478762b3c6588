"""Which pages have changed: a row for each change of a version by which pages are known (store/versions.py).

Triggers of the database write the rows, so that no writer can forget it. A process that holds pages asks once for all
of them what has changed since it asked last. Migrations that make the tables `thread`, `site` or `tally` anew on SQLite
must make their triggers anew as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    Index,
    LargeBinary,
    delete,
    func,
    literal,
    literal_column,
    null,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.store import pruning, time_limits
from commentsvc.store.db import Base, Id, db
from commentsvc.store.pruning import Pruning

KEPT = 10_000  # rows; who asks after a longer pause is told that any page may have changed
PRUNED = "page_change"  # the name of the row in Pruning: changes before its position are deleted


class PageChange(Base):
    """A change of all pages of a site (`key_hash` is None), of a thread's, or of those with all threads (b"")."""

    __tablename__ = "page_change"
    __table_args__ = (Index("ix_page_change_position", "position"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(Id)
    key_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    # PostgreSQL: the transaction that changed the page. SQLite: NULL; there the ids are in the order of the commits.
    position: Mapped[int | None] = mapped_column(BigInteger, server_default=None)


Change = tuple[int, bytes | None]  # the columns site_id and key_hash


@dataclass(frozen=True)
class _Horizon:
    """Up to where changes are known: all at earlier positions, and of the later ones those with the ids in `seen`."""

    position: int
    seen: frozenset[int]


class ChangeReader:
    """Reads what has changed since the last time.

    SQLite runs one writing transaction after another, so a greater id was committed later. On PostgreSQL a transaction
    may commit after one that began later: there a reading goes back to the oldest transaction that was still running
    at the last reading (pg_snapshot_xmin) and leaves out what it has seen.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._horizon: _Horizon | None = None
        is_sqlite = engine.dialect.name == "sqlite"
        self._at = PageChange.id if is_sqlite else PageChange.position
        newest = select(func.coalesce(func.max(PageChange.id), 0) + 1).scalar_subquery()
        oldest_running = literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", BigInteger)
        self._now: ColumnElement[int] = newest if is_sqlite else oldest_running

    def read(self) -> set[Change] | None:
        """The changes since the last call; None: any page may have changed.

        That is so at the first call, after a pause so long that rows were deleted meanwhile, and with another database.
        Raises DBAPIError when the database is away; the next call then still reads from where this one would have.
        """
        last, at = self._horizon, self._at
        pruned = select(Pruning.position).where(Pruning.name == PRUNED).scalar_subquery()
        columns = (PageChange.id, PageChange.site_id, PageChange.key_hash, at)
        if last is None:
            query = select(self._now, pruned, *(null() for _ in columns))
        else:
            one = select(literal(1).label("one")).subquery()  # a row also where nothing has changed
            query = select(self._now, pruned, *columns)
            query = query.select_from(one.outerjoin(PageChange, at >= last.position))
        with time_limits.within(time_limits.CONFIRMATION), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        now, oldest = rows[0][0], rows[0][1] or 0
        changed = [row[2:] for row in rows if row[2] is not None]
        self._horizon = _Horizon(now, frozenset(row[0] for row in changed if row[3] >= now))
        if last is None or last.position < oldest or now < last.position:
            return None
        return {(site_id, key_hash) for number, site_id, key_hash, _ in changed if number not in last.seen}


def change_reader(app: Flask) -> ChangeReader:
    with app.app_context():
        return ChangeReader(db.engine)


def delete_old() -> bool:
    """Delete some of the rows beyond the newest KEPT; returns whether there may be more. The caller commits."""
    at = PageChange.id if db.engine.dialect.name == "sqlite" else PageChange.position
    newest = select(func.max(PageChange.id)).scalar_subquery()
    beyond = select(at).where(PageChange.id <= newest - KEPT).order_by(PageChange.id.desc())
    edge = db.session.scalar(beyond.limit(1))
    if edge is None:
        return False
    mark = pruning.position(PRUNED)
    mark.position = max(mark.position, edge + 1)
    ids = db.session.scalars(select(PageChange.id).where(at <= edge).limit(pruning.AT_ONCE)).all()
    db.session.execute(delete(PageChange).where(PageChange.id.in_(ids)))
    return len(ids) == pruning.AT_ONCE
