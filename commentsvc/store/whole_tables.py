"""Reads and writes whole tables, for backups: rows as JSON values, whatever the database and the schema's version."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, Connection, DateTime, LargeBinary, MetaData, Table, func, inspect, select, text, update

from commentsvc.store.db import Base, db, execute_all, is_postgres

READ_AT_ONCE = 1_000
VERSION_TABLE = "alembic_version"
OWN_TABLES = {"page_change"}  # triggers write it

Values = dict[str, Any]


def revision() -> str:
    """The revision of the schema."""
    return str(db.session.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")))  # noqa: S608  # a constant


def names() -> list[str]:
    """All tables but those of one database's own, those that others refer to before these."""
    return [table.name for table in Base.metadata.sorted_tables if table.name not in OWN_TABLES]


def read(name: str) -> Iterator[Values]:
    """All rows of a table in order of its primary key, in the session's transaction."""
    table = Base.metadata.tables[name]
    query = select(table).order_by(*table.primary_key.columns)
    connection = db.session.connection()
    with connection.execution_options(stream_results=True, yield_per=READ_AT_ONCE).execute(query) as rows:
        for row in rows:
            yield {column: _to_json(value) for column, value in row._mapping.items()}


def count(name: str) -> int:
    return db.session.scalar(select(func.count()).select_from(Base.metadata.tables[name])) or 0


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def has(name: str) -> bool:
    """Whether the database has a table with all the columns of its model."""
    with db.engine.connect() as connection:
        if name not in inspect(connection).get_table_names():
            return False
        columns = {column["name"] for column in inspect(connection).get_columns(name)}
    return columns >= {column.name for column in Base.metadata.tables[name].columns}


def is_empty_of_sites() -> bool:
    """Whether the database has no site, or no tables at all."""
    with db.engine.connect() as connection:
        if "site" not in inspect(connection).get_table_names():
            return True
        return connection.execute(text("SELECT 1 FROM site LIMIT 1")).first() is None


def drop_all() -> None:
    """Drop every table of the database, whatever its schema."""
    with db.engine.connect() as connection:
        if is_postgres():
            for name in inspect(connection).get_table_names():
                connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{name}" CASCADE')
            connection.commit()
            return
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            driver.execute("BEGIN IMMEDIATE")
            # Virtual tables take their shadow tables along.
            kinds = ("sql LIKE 'CREATE VIRTUAL%'", "sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE 'sqlite_%'")
            for kind in kinds:
                query = f"SELECT name FROM sqlite_master WHERE type = 'table' AND {kind}"  # noqa: S608  # constants
                for (name,) in driver.execute(query).fetchall():
                    driver.execute(f'DROP TABLE IF EXISTS "{name}"')
            driver.execute("COMMIT")
        finally:
            driver.execute("PRAGMA foreign_keys=ON")


class TableWriter:
    """Writes rows into an empty database of the backup's schema, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._metadata = MetaData()
        self._metadata.reflect(connection)
        # Rows that refer to later ones of their table: column, own id, and the id that they refer to.
        self._later: dict[tuple[str, str], list[tuple[int, int]]] = {}

    def write(self, name: str, rows: Iterable[Values]) -> None:
        """Insert rows; KeyError for a table that the schema does not have."""
        table = self._metadata.tables[name]
        own = [key.parent.name for key in table.foreign_keys if key.column.table is table]
        values = [self._row(table, row, own) for row in rows]
        execute_all(self._connection, table.insert(), values)

    def _row(self, table: Table, row: Values, own: list[str]) -> Values:
        found = {name: _from_json(table.c[name].type, value) for name, value in row.items()}
        for column in own:
            target = found.get(column)
            if target is not None and target > found["id"]:
                self._later.setdefault((table.name, column), []).append((found["id"], target))
                found[column] = None
        return found

    def end(self) -> None:
        """Set references to later rows, and the counters of ids of PostgreSQL."""
        for (name, column), pairs in self._later.items():
            table = self._metadata.tables[name]
            for own, target in pairs:
                self._connection.execute(update(table).where(table.c.id == own).values({column: target}))
        if not is_postgres():
            return
        for table in self._metadata.tables.values():
            sequence = "id" in table.c and self._connection.scalar(
                text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": f'"{table.name}"'}
            )
            if sequence:
                newest = self._connection.scalar(select(func.max(table.c.id)))
                if newest is not None:
                    self._connection.execute(select(func.setval(sequence, newest)))


def _from_json(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, LargeBinary):
        return base64.b64decode(value)
    if isinstance(kind, DateTime):
        at = datetime.fromisoformat(value)
        return at if is_postgres() else at.astimezone(UTC).replace(tzinfo=None)
    if isinstance(kind, JSON):
        return value
    if isinstance(value, str) and kind.python_type is date:
        return date.fromisoformat(value)
    return value
