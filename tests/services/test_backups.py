"""Backups: everything in one file, whole or not at all, and back into a database of either kind."""

import gzip
import io
import json
import tarfile
from datetime import timedelta

import pytest
from sqlalchemy import NullPool, create_engine, make_url

from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.core.errors import BadFile, Conflict
from commentsvc.core.policy import Mode
from commentsvc.gateways import backup_file
from commentsvc.services import backups, people, recounts
from commentsvc.store import engine, migrations, sites, whole_tables
from commentsvc.store.db import db
from tests.support import random_site
from tests.support.cast import SECRET, add_site, service_config


def quiet(*_):
    pass


def tables():
    """Every row of every table, as JSON values."""
    db.session.rollback()
    return {name: list(whole_tables.read(name)) for name in whole_tables.names()}


def pages(app):
    """Public answers of both sites, with their headers for caches."""
    client = app.test_client()
    found = {}
    for key in ("one", "two"):
        for thread in ("/a", "/b", "/日本", "post-12"):
            for path in ("/api/v1/comments", "/embed/v1/comments", "/api/v1/counts"):
                answer = client.get(path, query_string={"site": key, "thread": thread})
                found[path, key, thread] = (answer.status_code, answer.data, answer.headers.get("ETag"))
        found["recent", key] = client.get("/api/v1/recent", query_string={"site": key}).data
    return found


@pytest.fixture
def filled(app, now):
    random_site.fill("one", 1, now)
    random_site.fill("two", 2, now)
    return app


@pytest.fixture
def make_empty(tmp_path, postgres_url):
    """An app on an empty database of either kind, beside the test's own, and its settings."""
    made = []

    def make(kind):
        folder = tmp_path / f"other-{len(made)}"
        folder.mkdir()
        url = f"sqlite:///{folder}/other.sqlite3"
        if kind == "postgresql":
            server = make_url(postgres_url).set(drivername="postgresql+psycopg")
            with create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
                connection.exec_driver_sql("DROP DATABASE IF EXISTS other WITH (FORCE)")
                connection.exec_driver_sql("CREATE DATABASE other")
            url = server.set(database="other").render_as_string(hide_password=False)
        values = {"SECRET_KEY": SECRET, "BASE_URL": "https://comments.example", "DATABASE_URL": url, "LIMITS": "off"}
        values["INSTANCE_DIR"] = str(folder)
        config = from_environment({f"COMMENTSVC_{name}": value for name, value in values.items()}, None)
        engine.create_file(config)
        other = create_app(config)
        made.append(other)
        return other, config

    yield make
    for other in made:
        with other.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_a_backup_restores_into_either_database_and_answers_the_same(filled, make_empty, tmp_path, now, into):
    file = tmp_path / "all.backup"
    backups.back_up(file, service_config(), quiet, now)
    before, shown = tables(), pages(filled)
    other, config = make_empty(into)
    with other.app_context():
        summary = backups.restore(file, config, False, quiet, now)
        assert tables() == before
        assert summary.tables == {name: len(rows) for name, rows in before.items()}
        assert pages(other) == shown
        assert [one for key in ("one", "two") for one in recounts.check(sites.by_key(key), lambda _: None)] == []
        random_site.fill("three", 3, now)  # ids go on where they were
        again = tmp_path / "again.backup"
        backups.back_up(again, config, quiet, now)
    assert backups.verify(again).tables["site"] == 3


def test_a_full_database_is_refused_and_replaced_only_when_asked_with_a_backup_first(filled, make_empty, tmp_path, now):
    file = tmp_path / "all.backup"
    backups.back_up(file, service_config(), quiet, now)
    other, config = make_empty("sqlite")
    with other.app_context():
        migrations.upgrade()
        add_site("mine", "https://mine.example", Mode.ALL, now)
        with pytest.raises(Conflict, match="--replace"):
            backups.restore(file, config, False, quiet, now)
        assert [site.key for site in sites.all_sites()] == ["mine"]
        summary = backups.restore(file, config, True, quiet, now)
        assert [site.key for site in sites.all_sites()] == ["one", "two"]
    assert backups.verify(summary.replaced).tables["site"] == 1


def test_a_damaged_backup_is_refused_before_anything_is_changed(filled, make_empty, tmp_path, now):
    file = tmp_path / "all.backup"
    backups.back_up(file, service_config(), quiet, now)
    whole = file.read_bytes()
    other, config = make_empty("sqlite")
    with other.app_context():
        migrations.upgrade()
        add_site("mine", "https://mine.example", Mode.ALL, now)
        kept = tables()
        for content in (b"", whole[:1000], whole[: len(whole) // 2], whole[:-20], _flipped(whole), b"hello" * 100):
            file.write_bytes(content)
            with pytest.raises(BadFile):
                backups.verify(file)
            with pytest.raises(BadFile):
                backups.restore(file, config, True, quiet, now)
        assert tables() == kept


def _flipped(whole):
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 0xFF
    return bytes(changed)


def test_a_member_that_was_changed_is_noticed(filled, tmp_path, now):
    file, other = tmp_path / "all.backup", tmp_path / "changed.backup"
    backups.back_up(file, service_config(), quiet, now)
    with tarfile.open(file) as old, tarfile.open(other, "w:gz") as new:
        for member in old:
            content = old.extractfile(member).read().replace(b"Hello there", b"Hello where")
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    with pytest.raises(BadFile, match="differs from its manifest"):
        backups.verify(other)


def test_who_erased_their_account_since_is_erased_again(filled, tmp_path, now):
    file = tmp_path / "all.backup"
    config = service_config()
    backups.back_up(file, config, quiet, now)
    assert b"dan@one.example" in gzip.decompress(file.read_bytes())
    people.erase("dan@one.example", None, True, config, None, now + timedelta(days=1))
    summary = backups.restore(file, config, True, quiet, now + timedelta(days=2))
    assert summary.erased_again == 1
    assert "dan@one.example" not in json.dumps(tables())


def test_a_backup_of_an_older_schema_is_brought_up_to_date(app, make_empty, tmp_path, now):
    file = tmp_path / "old.backup"
    row = {"id": 7, "key": "old", "name": "Old", "version": 1, "settings": {}, "created_at": now.isoformat()}
    about = {"created_at": now.isoformat(), "revision": "0040", "database": "sqlite", "secret": "other"}
    with backup_file.replacing(file) as stream:
        backup_file.write(stream, [("site", [row])], about, now.timestamp())
    other, config = make_empty("postgresql")
    with other.app_context():
        summary = backups.restore(file, config, False, quiet, now)
        assert summary.has_other_secret
        assert (sites.by_key("old").id, bool(sites.by_key("old").uid)) == (7, True)
        assert migrations.schema() is migrations.SchemaState.CURRENT


def test_a_backup_of_a_newer_program_is_refused(app, tmp_path, now):
    file = tmp_path / "new.backup"
    about = {"created_at": now.isoformat(), "revision": "9999", "database": "sqlite", "secret": ""}
    with backup_file.replacing(file) as stream:
        backup_file.write(stream, [], about, now.timestamp())
    with pytest.raises(BadFile, match="newer program"):
        backups.restore(file, service_config(), False, quiet, now)


def test_a_backup_that_fails_leaves_no_file(filled, tmp_path, now):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backups.back_up(tmp_path / "all.backup", service_config(), stop, now)
    assert list(tmp_path.glob("*.backup*")) == []
    with pytest.raises(BadFile, match="can't be written"):
        backups.back_up(tmp_path / "nowhere" / "all.backup", service_config(), quiet, now)


def test_the_worker_writes_backups_when_they_are_due_and_keeps_some(make_app, tmp_path, now):
    folder = tmp_path / "backups"
    app = make_app(BACKUP_DIR=str(folder), BACKUP_EVERY_H="2", BACKUP_KEEP="3")
    with app.app_context():
        config = service_config()
        written = [backups.keep_up(config, now + timedelta(hours=n)) for n in range(10)]
        assert written == [True, False] * 5
        kept = sorted(folder.glob("*.backup"))
        assert len(kept) == 3
        assert [backups.verify(path).created_at for path in kept] == [now + timedelta(hours=n) for n in (4, 6, 8)]
        with backup_file.locked(folder / ".lock") as is_mine:
            assert is_mine
            assert not backups.keep_up(config, now + timedelta(days=9)), "another worker writes one"
