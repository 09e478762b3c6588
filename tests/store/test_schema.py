"""A schema that does not go with the program is said in one line, at start and by `db upgrade`."""

import re
import subprocess

import pytest
from sqlalchemy import text

from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.store.db import db
from tests.support import servers
from tests.support.service import Service


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path, "", "--no-worker")
    made.prepare()
    yield made
    made.stop()


def execute(service, *statements):
    with create_app(from_environment(service.env, None)).app_context():
        with db.engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
            connection.commit()
        db.engine.dispose()


def run(service, *arguments):
    """Status and what was said of a command that ends by itself."""
    command = [str(servers.BIN / "commentsvc"), *arguments]
    done = subprocess.run(
        command, env={"PATH": "", **service.env}, cwd=service.folder, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr.strip().splitlines()


def test_an_older_schema_is_not_served(service):
    execute(service, "UPDATE alembic_version SET version_num = '0001'")
    for command in (["serve", "--port", str(service.port)], ["worker"]):
        status, said = run(service, *command)
        assert status == 1
        assert said[-1].endswith("The database is older than this program; run: commentsvc db upgrade")


def test_a_newer_schema_is_served_and_said(service):
    execute(service, "UPDATE alembic_version SET version_num = '9999'")
    with service:
        assert service.post().status == 201
        told = service.ready()
    assert told.status == 200 and "newer program" in told.json["database"]
    assert "made by a newer program" in service.log.read_text()
    status, said = run(service, "db", "upgrade")
    assert (status, len(said)) == (1, 1) and "made by a newer program" in said[0]


def test_a_newer_schema_that_lacks_a_column_is_not_served(service):
    newer = "UPDATE alembic_version SET version_num = '9999'"
    execute(service, newer, "ALTER TABLE comment RENAME COLUMN source TO words")
    status, said = run(service, "serve", "--port", str(service.port))
    assert status == 1 and said[-1].endswith("lacks what this one needs; upgrade this one")


def test_tables_without_a_version_are_left_alone(service):
    execute(service, "DROP TABLE alembic_version")
    for command in (["db", "upgrade"], ["serve", "--port", str(service.port)]):
        status, said = run(service, *command)
        assert status == 1 and "alembic_version" in said[-1] and "restore a backup" in said[-1]


@pytest.mark.parametrize("content", [b"no database, but a letter to my aunt. " * 200, b"short"])
def test_a_file_that_is_no_database_is_said(service, content):
    for path in service.database.parent.glob(service.database.name + "*"):
        path.unlink()
    service.database.write_bytes(content)
    for command in (["db", "upgrade"], ["site", "list"], ["serve"]):
        status, said = run(service, *command)
        assert (status, len(said)) == (1, 1) and re.search("not a database|not an SQLite database", said[0]), said
    assert service.database.read_bytes() == content


def test_a_command_on_a_schema_without_a_column_names_the_mend(service):
    execute(service, "ALTER TABLE site RENAME COLUMN rules_version TO other")
    status, said = run(service, "site", "list")
    assert status == 1 and said[-1].endswith("commentsvc db upgrade")
