"""Sets the database up: the engine of an app, its schema, and the look at versions that the edge takes."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from flask import Flask, current_app
from sqlalchemy import Engine, and_, inspect, make_url, select, text
from sqlalchemy.exc import DBAPIError

from commentsvc.config import Config
from commentsvc.core.errors import BadDatabase
from commentsvc.core.status import Status
from commentsvc.store import (
    answers,
    appeals,
    availability,
    challenges,
    comments,
    decisions,
    factors,
    flags,
    grants,
    invitations,
    jobs,
    journal,
    notes,
    notices,
    people,
    pictures,
    provider_clients,
    revisions,
    rules,
    sanctions,
    sites,
    spam_words,
    spoken,
    subscriptions,
    tallies,
    threads,
    time_limits,
    votes,
    watches,
    words,
)
from commentsvc.store.availability import Availability
from commentsvc.store.db import (
    BUSY_TIMEOUT_S,
    Base,
    db,
    engine_options,
    first_line,
    is_away,
    let_go,
    note_slow,
    prepare,
    sqlite_url,
)
from commentsvc.store.sites import Site
from commentsvc.store.sqlite_file import SqliteFile
from commentsvc.store.tallies import Tally
from commentsvc.store.threads import Thread

log = logging.getLogger(__name__)

# Every table must be imported for the metadata to be whole.
TABLES = (
    answers,
    appeals,
    challenges,
    comments,
    decisions,
    factors,
    flags,
    grants,
    invitations,
    jobs,
    journal,
    notes,
    notices,
    people,
    pictures,
    provider_clients,
    revisions,
    rules,
    sanctions,
    sites,
    spam_words,
    spoken,
    subscriptions,
    tallies,
    threads,
    votes,
    watches,
    words,
)
INSTALLED = Path(__file__).parents[1] / "_migrations"
REVISION = re.compile(r"^revision = \"(\w+)\"", re.MULTILINE)
VERSION = "alembic_version"
FOLLOWS = re.compile(r"^down_revision = \"(\w+)\"", re.MULTILINE)
CHECKOUT = Path(__file__).parents[2] / "migrations"


@dataclass(frozen=True)
class Watched:
    """What a published page was built from: a thread of a site, and (site version, thread version) as read.

    Without a thread: all that is published on the site; the second version is then that of its comments.
    """

    site_key: str
    thread_key: str | None
    versions: tuple[int, int]


def migrations() -> Path:
    """The revisions: inside the package when installed from a wheel, beside it in a checkout."""
    return INSTALLED if INSTALLED.is_dir() else CHECKOUT


def init_app(
    app: Flask,
    config: Config,
    note_slow_query: Callable[[], None] = lambda: None,
    note_away: Callable[[], None] = lambda: None,
) -> None:
    url = config.database_url
    known = Availability()
    known.note_trouble = note_away
    app.config["SQLALCHEMY_DATABASE_URI"] = sqlite_url(config.sqlite_path) if config.sqlite_path else url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, known)
    db.init_app(app)
    with app.app_context():
        prepare(db.engine)
        note_slow(db.engine, config.slow_query_ms, note_slow_query)
        _watch(db.engine, config.sqlite_path, known)
    app.teardown_appcontext(_end_session)


def _watch(engine: Engine, sqlite_path: Path | None, known: Availability) -> None:
    availability.watch(engine, known)
    if sqlite_path is not None:
        file = SqliteFile(sqlite_path)
        file.watch(engine)
        known.probe = file.probe
        return
    from commentsvc.store import postgres  # psycopg takes ten megabytes

    postgres.watch(engine, lambda: known.is_away)
    known.probe = postgres.Probe(engine)


def _end_session(_error: BaseException | None) -> None:
    """End what the request was reading; the answer is made, and goes out although the database may just have died."""
    try:
        let_go()
    except DBAPIError as error:
        log.warning("a transaction could not be ended: %s", first_line(error))
        db.session().invalidate()


def is_missing(config: Config) -> bool:
    return config.sqlite_path is not None and not config.sqlite_path.exists()


def create_file(config: Config) -> None:
    """An empty SQLite file, where there is none; only `db upgrade` may make one."""
    if config.sqlite_path is not None:
        config.sqlite_path.parent.mkdir(parents=True, exist_ok=True)
        config.sqlite_path.touch(mode=0o600, exist_ok=True)


def name_of(config: Config) -> str:
    """The database as logs may show it, without a password."""
    return str(config.sqlite_path or make_url(config.database_url).render_as_string(hide_password=True))


def merge_wal(config: Config) -> None:
    """Write what is in the `-wal` file of SQLite into the database file, so that a copy of that file alone is whole.

    For a clean stop, when no process of ours has the file open any more.
    """
    if config.sqlite_path is None or not config.sqlite_path.exists():
        return
    try:
        with closing(sqlite3.connect(config.sqlite_path, timeout=BUSY_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        log.warning(
            "%s-wal could not be merged into the database and still belongs to it: %s", config.sqlite_path, error
        )


def upgrade() -> None:
    """Bring the schema up to date; inside an app context. Raises BadDatabase for one that can't be brought there."""
    import flask_migrate  # not while serving: with Alembic it takes eleven megabytes

    with time_limits.within(time_limits.COMMAND):
        if (found := schema()) in (Schema.NEWER, Schema.CHANGED, Schema.UNNAMED):
            raise BadDatabase(f"The database {MEND[found]}")
        know_migrations(current_app)
        flask_migrate.upgrade(directory=str(migrations()))


def know_migrations(app: Flask) -> None:
    """Let Flask-Migrate's own functions work on this app."""
    import flask_migrate

    flask_migrate.Migrate(app, db, directory=str(migrations()), render_as_batch=True, compare_type=True)


class Schema(StrEnum):
    """How the database's schema and this program go together."""

    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    CHANGED = "changed"
    NONE = "none"
    UNNAMED = "unnamed"


MEND = {
    Schema.OLDER: "is older than this program; run: commentsvc db upgrade",
    Schema.NEWER: "was made by a newer program; upgrade this one, or restore a backup of before",
    Schema.CHANGED: "was made by a newer program and lacks what this one needs; upgrade this one",
    Schema.NONE: "has no tables of ours; run: commentsvc db upgrade",
    Schema.UNNAMED: (
        "has tables, but none that names their version (alembic_version): restore a backup, "
        "or name another database if this is another program's"
    ),
}


def schema() -> Schema:
    """A newer one than this program knows may be used: while programs are upgraded one by one, it is made for both."""
    needed, known = _revisions()
    with db.engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        current = connection.scalar(text("SELECT version_num FROM alembic_version")) if VERSION in tables else None
    if current is None:
        return Schema.NONE if tables.isdisjoint(Base.metadata.tables) else Schema.UNNAMED
    if current == needed:
        return Schema.CURRENT
    if current in known:
        return Schema.OLDER
    return Schema.NEWER if _has_all_columns() else Schema.CHANGED


def _has_all_columns() -> bool:
    with db.engine.connect() as connection:
        tables = inspect(connection).get_multi_columns()
    found = {(name, column["name"]) for (_, name), columns in tables.items() for column in columns}
    return found >= {(table.name, column.name) for table in Base.metadata.tables.values() for column in table.columns}


def check_schema() -> None:
    """Raise BadDatabase for a schema that this program can't serve; a newer one is said in the log."""
    found = schema()
    if found is Schema.NEWER:
        log.warning("the database %s", MEND[found])
    elif found is not Schema.CURRENT:
        raise BadDatabase(f"The database {MEND[found]}")


def check_before_serving(config: Config) -> None:
    """As check_schema, before there is an app; a database that is away is no reason not to serve published pages."""
    app = Flask(__name__)
    init_app(app, config)
    with app.app_context(), time_limits.within(time_limits.REQUEST):
        try:
            check_schema()
        except DBAPIError as error:
            if not is_away(error):
                raise
            log.error("the database can't be used yet, only published pages: %s", first_line(error))
        finally:
            db.engine.dispose()


@cache
def _revisions() -> tuple[str | None, frozenset[str]]:
    """The newest revision of this program, and all it knows."""
    sources = [path.read_text() for path in (migrations() / "versions").glob("*.py")]
    known = {found[1] for source in sources if (found := REVISION.search(source))}
    followed = {found[1] for source in sources if (found := FOLLOWS.search(source))}
    return next(iter(known - followed), None), frozenset(known)


def version_reader(app: Flask) -> Callable[[Watched], tuple[int, int] | None]:
    """A function that looks up the versions of a page now, by one indexed query; None when the site is gone."""
    with app.app_context():
        engine = db.engine

    def read(watched: Watched) -> tuple[int, int] | None:
        if watched.thread_key is None:
            on = and_(Tally.site_id == Site.id, Tally.status == Status.APPROVED)
            query = select(Site.version, Tally.version).outerjoin(Tally, on)
        else:
            on = and_(Thread.site_id == Site.id, Thread.key_hash == threads.hash_of(watched.thread_key))
            query = select(Site.version, Thread.version).outerjoin(Thread, on)
        query = query.where(Site.key == watched.site_key)
        with engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row[0], row[1] or 0)

    return read


def threads_reader(app: Flask) -> Callable[[Iterable[Watched]], set[Watched]]:
    """A function that gives those pages of threads that still stand at their versions, by one query for each site."""
    with app.app_context():
        engine = db.engine

    def standing(pages: Iterable[Watched]) -> set[Watched]:
        by_site: dict[str, dict[Watched, bytes]] = {}
        for page in pages:
            if page.thread_key is not None:
                by_site.setdefault(page.site_key, {})[page] = threads.hash_of(page.thread_key)
        found: set[Watched] = set()
        with time_limits.within(time_limits.CONFIRMATION), engine.connect() as connection:
            for site_key, hashes in by_site.items():
                on = and_(Thread.site_id == Site.id, Thread.key_hash.in_(sorted(set(hashes.values()))))
                query = select(Site.version, Thread.key_hash, Thread.version).outerjoin(Thread, on)
                rows = connection.execute(query.where(Site.key == site_key)).all()
                versions = {bytes(row[1] or b""): (row[0], row[2] or 0) for row in rows}
                missing = (rows[0][0], 0) if rows else None  # threads without a comment, on a site that there is
                found |= {page for page, at in hashes.items() if versions.get(at, missing) == page.versions}
        return found

    return standing
