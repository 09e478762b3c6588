"""Rows of a site in all tables: addresses that move with it, and everything that goes with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, String, Table, case, func, literal, or_, select, update
from sqlalchemy import delete as sql_delete

from commentsvc.store import threads
from commentsvc.store.comments import Comment
from commentsvc.store.db import Base, db
from commentsvc.store.threads import Thread

AT_ONCE = 500
Rewrite = Callable[[int, str, str], int]
SITE = "site"
KEPT = ("account", "journal")  # people belong to no site; the audit log says who deleted it


def rewrite_threads(site_id: int, old: str, new: str) -> int:
    """Give the next threads of a site their address at the new origin, with a new version; gives their number."""
    is_there = or_(_is_at(Thread.url, old), _is_at(Thread.page_url, old))
    query = select(Thread.id).where(Thread.site_id == site_id, is_there).order_by(Thread.id)
    ids = db.session.scalars(query.limit(AT_ONCE)).all()
    if ids:
        threads.lock(ids)
        columns = {"url": Thread.url, "page_url": Thread.page_url}
        values = {n: case((_is_at(c, old), _moved(c, old, new)), else_=c) for n, c in columns.items()}
        moved = update(Thread).where(Thread.id.in_(ids)).values(values)
        db.session.execute(moved.execution_options(synchronize_session=False))
        threads.touch_all(dict.fromkeys(ids, 0))
    return len(ids)


def rewrite_comments(site_id: int, old: str, new: str) -> int:
    """As rewrite_threads, for the addresses that comments gave of their pages."""
    query = select(Comment.id).where(Comment.site_id == site_id, _is_at(Comment.page_url, old)).order_by(Comment.id)
    ids = db.session.scalars(query.limit(AT_ONCE)).all()
    if ids:
        moved = update(Comment).where(Comment.id.in_(ids)).values(page_url=_moved(Comment.page_url, old, new))
        db.session.execute(moved.execution_options(synchronize_session=False))
    return len(ids)


def _is_at(address: Any, origin: str) -> ColumnElement[bool]:
    """Whether an address is of an origin: the origin itself, or followed by a path, query or fragment."""
    beginnings = [func.substr(address, 1, len(origin) + 1) == origin + mark for mark in "/?#"]
    return or_(address == literal(origin), *beginnings)


def _moved(address: Any, old: str, new: str) -> ColumnElement[str]:
    moved: ColumnElement[str] = literal(new, String).concat(func.substr(address, len(old) + 1))
    return moved


def tables() -> list[str]:
    """All tables with rows of one site, those that refer to others before these; the site itself is the last."""
    ordered = [table for table in reversed(Base.metadata.sorted_tables) if table.name not in (*KEPT, SITE)]
    return [table.name for table in ordered if _of_site(table, 0) is not None] + [SITE]


def delete(table_name: str, site_id: int) -> int:
    """Delete the rows of a site in a table; gives their number."""
    table = Base.metadata.tables[table_name]
    condition = table.c.id == site_id if table_name == SITE else _of_site(table, site_id)
    assert condition is not None
    if table_name == SITE:  # entries of the audit log stay, without the site
        journal = Base.metadata.tables["journal"]
        db.session.execute(update(journal).where(journal.c.site_id == site_id).values(site_id=None))
    return db.session.connection().execute(sql_delete(table).where(condition)).rowcount


def _of_site(table: Table, site_id: int, seen: tuple[str, ...] = ()) -> ColumnElement[bool] | None:
    """The condition of rows that belong to a site: by their own column, or by the rows that they refer to."""
    if "site_id" in table.c:
        return table.c.site_id == site_id
    conditions = []
    for key in table.foreign_keys:
        target = key.column.table
        if target.name in (*KEPT, SITE, table.name, *seen):
            continue
        beneath = _of_site(target, site_id, (*seen, table.name))
        if beneath is not None:
            conditions.append(key.parent.in_(select(key.column).where(beneath)))
    return or_(*conditions) if conditions else None
