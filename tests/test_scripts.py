"""The commands for contributors: `make dev`, `make shell`, `make db-shell`, `make migration`."""

import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from tests.support import servers
from tests.support.cast import ROOT, SECRET, find_csrf
from tests.support.http import eventually

SCRIPTS = ROOT / "scripts"
WAIT_MAX_S = 60


def until(see, what):
    """Wait for something that must come; gives it."""
    return eventually(see, what, WAIT_MAX_S)


def settings(folder: Path, **more: str) -> dict[str, str]:
    """An environment without settings and without Node: other tests read the files that its build replaces."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("COMMENTSVC_")}
    own = {"COMMENTSVC_SECRET_KEY": SECRET, "COMMENTSVC_INSTANCE_DIR": str(folder), "PATH": str(folder / "no programs")}
    return {**others, **own, **more}


def run(*command: object, stdin: str = "", **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], input=stdin, capture_output=True, text=True, **options)


@pytest.fixture
def migrated(migrated_sqlite, tmp_path):
    shutil.copy(migrated_sqlite, tmp_path / "commentsvc.sqlite3")
    return tmp_path


class Dev:
    """`make dev` on ports of its own, in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.url, self.blog_url = (f"http://127.0.0.1:{servers.free_port()}" for _ in range(2))
        self.log = folder / "log"
        self.settings = folder / "instance" / "dev.env"
        ports = (url.rpartition(":")[2] for url in (self.url, self.blog_url))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, SCRIPTS / "dev.py", "--port", next(ports), "--blog-port", next(ports)],
                cwd=folder,
                env={**settings(folder), "TMPDIR": str(folder)},
                stdout=log,
                stderr=log,
            )
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(self, url: str, **form: str) -> str | None:
        """The page, or None while nobody answers."""
        data = urllib.parse.urlencode(form).encode() if form else None
        request = urllib.request.Request(url, data, {"Origin": self.url})
        try:
            with self._browser.open(request, timeout=WAIT_MAX_S) as answer:
                return answer.read().decode()
        except urllib.error.URLError:
            return None


@pytest.fixture
def dev(tmp_path):
    dev = Dev(tmp_path)
    try:
        until(lambda: dev.ask(f"{dev.url}/healthz"), "the service answers")
        yield dev
    finally:
        dev.process.terminate()
        dev.process.wait(WAIT_MAX_S)


def test_make_dev_serves_blog_service_and_mail_and_leaves_nothing_when_it_is_stopped(dev):
    assert "<comment-thread" in dev.ask(f"{dev.blog_url}/2026/11/first-frost/")
    assert "Debugger is active" in dev.log.read_text()
    assert "Node is not installed" in dev.log.read_text()
    csrf = find_csrf(dev.ask(f"{dev.url}/auth/signin"))
    assert dev.ask(f"{dev.url}/auth/signin", csrf_token=csrf, email="bob@blog.example")
    until(lambda: "bob@blog.example" in dev.ask(f"{dev.blog_url}/mailbox"), "a job has sent the mail")

    program = "print(db.session.scalar(select(func.count()).select_from(Comment)))"
    flask = (sys.executable, "-m", "flask", "--env-file", dev.settings, "--app", SCRIPTS / "flask_app.py", "shell")
    shown = run(*flask, stdin=program, cwd=dev.settings.parent, env={"PATH": os.environ["PATH"]})
    assert ">>> 45" in shown.stdout, shown.stderr

    family = servers.family(dev.process.pid)
    assert len(family) >= 3, "this script, Flask's reloader, and the service"
    dev.process.send_signal(signal.SIGINT)
    assert dev.process.wait(WAIT_MAX_S) == 0
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []
    assert not dev.settings.exists()
    assert list(dev.log.parent.glob("commentsvc-demo-*")) == []


def test_make_dev_ends_when_a_part_of_it_ends(dev):
    (flask, *_rest) = servers.family(dev.process.pid)[1:]
    os.kill(flask, signal.SIGKILL)
    assert dev.process.wait(WAIT_MAX_S) == 1
    assert "the service ended by itself (status -9)" in dev.log.read_text()
    assert dev.ask(f"{dev.url}/healthz") is None


def test_a_shell_without_settings_says_which_is_missing(tmp_path):
    environ = settings(tmp_path, COMMENTSVC_SECRET_KEY="")
    for command in (("-m", "flask", "--app", SCRIPTS / "flask_app.py", "shell"), (SCRIPTS / "db_shell.py",)):
        shell = run(sys.executable, *command, env=environ, cwd=tmp_path)
        assert (shell.returncode, len(shell.stderr.splitlines())) == (1, 1), shell.stderr
        assert "COMMENTSVC_SECRET_KEY: is missing" in shell.stderr


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the program sqlite3 is not installed")
def test_the_database_shell_opens_the_configured_sqlite_file(migrated):
    environ = {**settings(migrated), "PATH": str(Path(shutil.which("sqlite3")).parent)}
    command = (sys.executable, SCRIPTS / "db_shell.py")
    assert run(*command, stdin="SELECT count(*) FROM comment;", env=environ, cwd=migrated).stdout == "0\n"

    (migrated / "commentsvc.sqlite3").unlink()
    missing = run(*command, env=environ, cwd=migrated)
    assert (missing.returncode, "commentsvc db upgrade" in missing.stderr) == (1, True)
    assert not (migrated / "commentsvc.sqlite3").exists()


def test_the_database_shell_says_what_to_install_or_takes_pythons(migrated):
    shell = run(
        sys.executable, SCRIPTS / "db_shell.py", stdin="SELECT 7;", env=settings(migrated, PATH="/none"), cwd=migrated
    )
    if sys.version_info >= (3, 12):
        assert "(7,)" in shell.stdout
    else:
        assert (shell.returncode, "apt install sqlite3" in shell.stderr) == (1, True)


def test_psql_gets_no_password_in_its_arguments(tmp_path):
    program = tmp_path / "psql"
    program.write_text('#!/bin/sh\necho "$PGPASSWORD" "$@"\n')
    program.chmod(0o755)
    url = "postgresql+psycopg://carol:s%40cret@db.example:5433/comments"
    environ = settings(tmp_path, COMMENTSVC_DATABASE_URL=url, PATH=f"{tmp_path}:/bin:/usr/bin")
    shown = run(sys.executable, SCRIPTS / "db_shell.py", env=environ, cwd=tmp_path).stdout
    assert shown == "s@cret postgresql://carol@db.example:5433/comments\n"


NEW_COLUMN = """
import sys
from pathlib import Path
import sqlalchemy
from commentsvc.store.db import Base
sys.path.insert(0, sys.argv[1])
import new_migration
import commentsvc.store.comments
Base.metadata.tables["comment"].append_column(sqlalchemy.Column("mood", sqlalchemy.String(20)))
print("WRITTEN", new_migration.write("Give a comment a mood", Path(sys.argv[2])))
"""


def test_a_migration_is_numbered_and_holds_what_the_models_have_and_the_others_lack(tmp_path):
    migrations = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", migrations)
    last = max(path.name for path in (migrations / "versions").glob("*.py"))
    done = run(sys.executable, "-c", NEW_COLUMN, SCRIPTS, migrations, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.rpartition("WRITTEN ")[2].strip())

    assert path.name == f"{int(last[:4]) + 1:04}_give_a_comment_a_mood.py"
    written = path.read_text()
    assert written.startswith('"""Give a comment a mood"""\n')
    assert f'down_revision = "{last[:4]}"' in written
    changes = [line.strip() for line in written.splitlines() if "op." in line and "with" not in line]
    assert changes == [
        'batch_op.add_column(sa.Column("mood", sa.String(length=20), nullable=True))',
        'batch_op.drop_column("mood")',
    ]
