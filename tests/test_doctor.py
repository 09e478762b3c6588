"""`commentsvc doctor`: a line for each check, with the mend, whatever is wrong."""

import http.server
import json
import re
import threading
from datetime import UTC, datetime

import pytest

from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.store import sites, threads
from commentsvc.store.db import db
from commentsvc.store.transactions import write
from tests.support import seeding, servers


@pytest.fixture
def blog():
    """A blog's first page, with the embed code."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'<comment-thread site="blog"></comment-thread>')

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def doctor(env, *options):
    """Exit status, and the results by name."""
    status, printed, trouble = servers.command(env, "doctor", "--json", *options)
    assert "Traceback" not in trouble, trouble
    return status, {one["name"]: one for one in json.loads(printed)["checks"]}


@pytest.fixture
def env(tmp_path, smtp, blog):
    port = servers.free_port()
    _, mail_server = smtp()
    env = servers.settings(tmp_path / "instance", port, "", MAIL_URL=f"smtp://{mail_server}")
    app = seeding.prepare(env)
    with app.app_context():
        db.engine.dispose()
    for key in ("blog", "held"):
        assert servers.command(env, "site", "set", key, f"origins={blog}")[0] == 0
    return env | {"PORT": str(port)}


def test_a_page_with_two_threads_is_found_and_the_mend_mends(env):
    app = create_app(from_environment(env, dotenv=None))
    with app.app_context():
        site = sites.by_key("blog")
        with write():
            for key in ("/post", "/post/"):
                threads.get_or_add(site, key, datetime.now(UTC))
        db.session.remove()
        db.engine.dispose()
    found = doctor(env)[1]["threads"]
    assert (found["status"], found["detail"]) == ("wrong", "1 page of blog has two threads")
    command = re.search(r"commentsvc (thread normalize --site blog)", found["mend"])[1]
    assert servers.command(env, *command.split())[1] == "merged: /post/ → /post\n0 renamed, 1 merged.\n"
    assert doctor(env)[1]["threads"]["status"] == "ok"


def test_a_blog_whose_pages_are_not_read_is_named_with_the_setting_that_allows_it(env, blog):
    found = doctor(env)[1]["titles of blog"]
    assert found["status"] == "note" and blog in found["detail"]
    assert "COMMENTSVC_OUTBOUND_ALLOW=127.0.0.1 allows it" in found["detail"]
    assert "titles of blog" not in doctor(env | {"COMMENTSVC_OUTBOUND_ALLOW": "127.0.0.1"})[1]


def test_a_sound_installation_has_nothing_wrong_while_it_runs(env, tmp_path):
    port = int(env["PORT"])
    with servers.running(servers.serve(port), f"http://127.0.0.1:{port}/healthz", tmp_path / "log", env=env):
        status, found = doctor(env, "--mail", "owner@example.org")
    assert {one["name"]: one["detail"] for one in found.values() if one["status"] == "wrong"} == {}
    assert status == 0
    assert "took a mail to owner@example.org" in found["mail"]["detail"]
    assert found["site blog"]["status"] == "ok"


def test_each_wrong_thing_is_named_with_its_mend(env, tmp_path):
    status, found = doctor(env | {"COMMENTSVC_MAIL_URL": "smtp://127.0.0.1:1", "COMMENTSVC_BACKUP_DIR": str(tmp_path)})
    assert status == 1
    assert found["proxies"]["status"] == found["mail"]["status"] == found["backups"]["status"] == "wrong"
    assert "refused" in found["proxies"]["detail"] and "proof" not in found["proxies"]["detail"]
    assert all(one["mend"] for one in found.values() if one["status"] == "wrong")


@pytest.mark.parametrize("trouble", ["no database", "no file", "not a database", "wrong setting"])
def test_it_says_what_is_wrong_when_nothing_works(env, tmp_path, trouble):
    other = tmp_path / "other.txt"
    other.write_text("hello" * 100)
    changes = {
        "no database": {"COMMENTSVC_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
        "no file": {"COMMENTSVC_DATABASE_URL": f"sqlite:///{tmp_path}/missing.sqlite3"},
        "not a database": {"COMMENTSVC_DATABASE_URL": f"sqlite:///{other}"},
        "wrong setting": {"COMMENTSVC_BASE_URL": "nonsense"},
    }[trouble]
    status, found = doctor(env | changes)
    assert status == 1
    name = "database" if trouble in ("no database", "no file") else "settings"
    assert found[name]["status"] == "wrong"


def test_only_the_doctors_own_request_is_told_how_it_arrived(client):
    assert client.get("/healthz/seen").status_code == 404
    assert client.get("/healthz/seen?at=1&proof=00").status_code == 404
