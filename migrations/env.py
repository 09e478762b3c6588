"""Runs the revisions on the database that the running app has open."""

from __future__ import annotations

from typing import Literal

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from commentsvc.store.db import Base, UtcTime
from commentsvc.store.search_index import OWN_KIND


def run() -> None:
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:
            # SQLite changes a table by making it anew; with foreign keys on, dropping the old one would delete rows
            # that point to it. The switch only works outside a transaction.
            _outside_transaction(connection, "PRAGMA foreign_keys=OFF")
        else:
            # What keeps a request from hanging must not stop an index on millions of rows from being made.
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            compare_type=True,
            transaction_per_migration=True,
            render_item=_rendered,
            include_object=_is_compared,
        )
        with context.begin_transaction():
            context.run_migrations()
        if is_sqlite:
            _outside_transaction(connection, "PRAGMA foreign_keys=ON")


def _is_compared(_item: object, name: str | None, *_more: object) -> bool:
    """Whether autogenerate compares a table or an index with the models; they do not know each database's own kinds."""
    return not (name or "").startswith(OWN_KIND)


def _rendered(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Our own column types by what they are in the database: a revision must not change when our code does."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcTime) else False


def _outside_transaction(connection: Connection, statement: str) -> None:
    driver_connection = connection.connection.driver_connection
    assert driver_connection is not None
    driver_connection.execute(statement)


run()
