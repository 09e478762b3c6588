"""The session, the models' base class, and column types that both databases share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    ARRAY,
    Connection,
    DateTime,
    Dialect,
    Index,
    Insert,
    Integer,
    MetaData,
    TypeDecorator,
    bindparam,
    func,
    insert,
    select,
    text,
)
from sqlalchemy import BigInteger as SqlBigInteger
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    # Named constraints, so that a migration can drop them by name on both databases.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)

# SQLite makes a rowid only of INTEGER; a hundred million comments want 64 bits on PostgreSQL.
Id = SqlBigInteger().with_variant(Integer, "sqlite")


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC in Python on both databases; SQLite itself would hand back naive times."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone reached the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


UID_MAX = 64


def uid_index(table: str) -> Index:
    """Makes the uids of imported rows unique within a site; rows that were written here have none."""
    where = text("uid IS NOT NULL")
    return Index(f"ix_{table}_uid", "site_id", "uid", unique=True, sqlite_where=where, postgresql_where=where)


def insert_all(model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Write rows that nobody needs back, all with the same columns, without an object for each."""
    execute_all(db.session.connection(), insert(Base.metadata.tables[model.__tablename__]), rows)


# From so many rows on, arrays are worth their statement.
_MANY = 8


def execute_all(connection: Connection, statement: Insert, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run an INSERT for all rows, which have the same columns.

    PostgreSQL gets one array for each column: one statement for each row would wait for as many answers, and a
    statement with all values in it takes psycopg longer to read than it takes PostgreSQL to run.
    """
    if not rows:
        return
    if connection.dialect.name != "postgresql" or len(rows) < _MANY:
        connection.execute(statement, rows)
        return
    arrays = {name: [row[name] for row in rows] for name in rows[0]}
    columns = [func.unnest(bindparam(name, type_=ARRAY(statement.table.c[name].type, dimensions=1))) for name in arrays]
    connection.execute(statement.from_select(list(arrays), select(*columns)), arrays)


def is_postgres() -> bool:
    return db.engine.dialect.name == "postgresql"
