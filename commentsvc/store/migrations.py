"""The database's schema: runs migrations, and checks that the schema fits this version of the code."""

from __future__ import annotations

import importlib
import logging
import pkgutil
import re
from enum import StrEnum
from functools import cache
from pathlib import Path

from flask import Flask, current_app
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from commentsvc import store
from commentsvc.config import Config
from commentsvc.core.errors import BadDatabase
from commentsvc.store import time_limits
from commentsvc.store.db import Base, db
from commentsvc.store.db_errors import first_line, is_away
from commentsvc.store.engine import init_app

log = logging.getLogger(__name__)

# Every table must be imported for the metadata to be whole, also those that only a command or the worker uses.
for _module in pkgutil.iter_modules(store.__path__, store.__name__ + "."):
    importlib.import_module(_module.name)

INSTALLED = Path(__file__).parents[1] / "_migrations"
REVISION = re.compile(r"^revision = \"(\w+)\"", re.MULTILINE)
VERSION = "alembic_version"
FOLLOWS = re.compile(r"^down_revision = \"(\w+)\"", re.MULTILINE)
CHECKOUT = Path(__file__).parents[2] / "migrations"


def folder() -> Path:
    """The revisions: inside the package when installed from a wheel, beside it in a checkout."""
    return INSTALLED if INSTALLED.is_dir() else CHECKOUT


def is_missing(config: Config) -> bool:
    return config.sqlite_path is not None and not config.sqlite_path.exists()


def upgrade() -> None:
    """Bring the schema up to date; inside an app context. Raises BadDatabase for one that can't be brought there."""
    import flask_migrate  # not while serving: with Alembic it takes eleven megabytes

    with time_limits.within(time_limits.COMMAND):
        if (found := schema()) in (SchemaState.NEWER, SchemaState.CHANGED, SchemaState.UNNAMED):
            raise BadDatabase(f"The database {MEND[found]}")
        init_migrate(current_app)
        flask_migrate.upgrade(directory=str(folder()))


def upgrade_to(revision: str) -> None:
    """Make the schema of an older version in an empty database, for a backup of then; inside an app context."""
    import flask_migrate

    with time_limits.within(time_limits.COMMAND):
        init_migrate(current_app)
        flask_migrate.upgrade(directory=str(folder()), revision=revision)


def knows(revision: str) -> bool:
    """Whether this program has a revision."""
    return revision in _known_revisions()[1]


def init_migrate(app: Flask) -> None:
    """Let Flask-Migrate's own functions work on this app."""
    import flask_migrate

    flask_migrate.Migrate(app, db, directory=str(folder()), render_as_batch=True, compare_type=True)


class SchemaState(StrEnum):
    """Whether the database schema fits this version."""

    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    CHANGED = "changed"
    NONE = "none"
    UNNAMED = "unnamed"


MEND = {
    SchemaState.OLDER: "is older than this program; run: commentsvc db upgrade",
    SchemaState.NEWER: "was made by a newer program; upgrade this one, or restore a backup of before",
    SchemaState.CHANGED: "was made by a newer program and lacks what this one needs; upgrade this one",
    SchemaState.NONE: "has no tables of ours; run: commentsvc db upgrade",
    SchemaState.UNNAMED: (
        "has tables, but none that names their version (alembic_version): restore a backup, "
        "or name another database if this is another program's"
    ),
}


def schema() -> SchemaState:
    """A newer one than this program knows may be used: while programs are upgraded one by one, it is made for both."""
    needed, known = _known_revisions()
    with db.engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        current = connection.scalar(text("SELECT version_num FROM alembic_version")) if VERSION in tables else None
    if current is None:
        return SchemaState.NONE if tables.isdisjoint(Base.metadata.tables) else SchemaState.UNNAMED
    if current == needed:
        return SchemaState.CURRENT
    if current in known:
        return SchemaState.OLDER
    return SchemaState.NEWER if _has_all_columns() else SchemaState.CHANGED


def _has_all_columns() -> bool:
    with db.engine.connect() as connection:
        tables = inspect(connection).get_multi_columns()
    found = {(name, column["name"]) for (_, name), columns in tables.items() for column in columns}
    return found >= {(table.name, column.name) for table in Base.metadata.tables.values() for column in table.columns}


def check_schema() -> None:
    """Raise BadDatabase for a schema that this program can't serve; a newer one is said in the log."""
    found = schema()
    if found is SchemaState.NEWER:
        log.warning("the database %s", MEND[found])
    elif found is not SchemaState.CURRENT:
        raise BadDatabase(f"The database {MEND[found]}")


def check_before_serving(config: Config) -> None:
    """As check_schema, before there is an application. Passes when the database is down: published pages go on."""
    app = Flask(__name__)
    init_app(app, config)
    with app.app_context(), time_limits.within(time_limits.REQUEST):
        try:
            check_schema()
        except DBAPIError as error:
            if not is_away(error):
                raise
            log.error("the database can't be used yet, only published pages: %s", first_line(error))  # noqa: TRY400
        finally:
            db.engine.dispose()


@cache
def _known_revisions() -> tuple[str | None, frozenset[str]]:
    """The newest revision of this program, and all it knows."""
    sources = [path.read_text() for path in (folder() / "versions").glob("*.py")]
    known = {found[1] for source in sources if (found := REVISION.search(source))}
    followed = {found[1] for source in sources if (found := FOLLOWS.search(source))}
    return next(iter(known - followed), None), frozenset(known)
