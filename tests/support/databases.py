"""Empties a test's database between examples."""

from sqlalchemy import text

from commentsvc.store.db import Base, db


def empty_tables():
    db.session.rollback()
    if db.engine.dialect.name == "sqlite":
        for table in reversed(Base.metadata.sorted_tables):
            db.session.execute(table.delete())
        db.session.commit()
        return
    names = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
    db.session.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    db.session.commit()
