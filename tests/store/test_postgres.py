"""Connections to PostgreSQL: effects of a client that stops responding."""

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, create_engine, insert, select, text, update
from sqlalchemy.pool import NullPool

from commentsvc.store import postgres, time_limits
from tests.support.http import eventually

SAID = Table("said", MetaData(), Column("n", Integer), Column("words", Text), prefixes=["TEMPORARY"])
ROWS = [{"n": n, "words": f"words {n}"} for n in range(3)]
MANY_ROWS = insert(SAID), ROWS
MANY_CHANGES = (
    update(SAID).where(SAID.c.n == bindparam("at")).values(words=bindparam("new")),
    [{"at": n, "new": f"other words {n}"} for n in range(3)],
)


@pytest.fixture
def engine(migrated_postgres):
    made = create_engine(migrated_postgres.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    postgres.watch(made, lambda: False)
    yield made
    made.dispose()


@pytest.mark.parametrize(("statement", "values"), [MANY_ROWS, MANY_CHANGES], ids=["insert", "update"])
def test_the_server_ends_a_transaction_of_many_rows_whose_client_falls_silent(engine, statement, values):
    others = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
    with engine.connect() as silent, engine.connect() as other:
        pid = silent.scalar(text("SELECT pg_backend_pid()"))
        silent.execute(text("SET idle_in_transaction_session_timeout = 300"))
        SAID.create(silent)
        silent.execute(insert(SAID), ROWS[0])
        silent.execute(statement, values)

        def is_ended():
            ended = other.scalar(others, {"pid": pid}) == 0
            other.rollback()
            return ended

        eventually(is_ended, "the server has ended the transaction", within_s=10)
        silent.invalidate()


def test_many_rows_and_many_changes_are_all_kept(engine):
    with engine.connect() as connection:
        SAID.create(connection)
        for statement, values in (MANY_ROWS, MANY_CHANGES):
            connection.execute(statement, values)
        assert set(connection.scalars(select(SAID.c.words))) == {f"other words {n}" for n in range(3)}


def test_a_statement_that_takes_long_to_send_is_waited_for_where_long_ones_are_allowed(engine, monkeypatch):
    words = "x" * 30_000_000
    with engine.connect() as connection:
        at_once = time_limits.TimeLimit(answer_s=0.001, connect_s=5, lock_s=5, later_s=60)
        monkeypatch.setattr(time_limits, "BACKGROUND", at_once)
        assert connection.scalar(text("SELECT length(:words)"), {"words": words}) == len(words)
