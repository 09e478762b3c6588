"""INSERT statements that may meet a row with the same key, in the database's own dialect."""

from __future__ import annotations

from sqlalchemy.dialects import postgresql, sqlite

from commentsvc.store.db import Base, is_postgres


def upsert(model: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that has `on_conflict_do_nothing` and `on_conflict_do_update`, which both dialects write alike."""
    return postgresql.insert(model) if is_postgres() else sqlite.insert(model)
