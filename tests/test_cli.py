"""The console script, run as an operator runs it."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from tests.support import commands, servers
from tests.support.cast import SECRET, data, find_csrf
from tests.support.commands import SCRIPT
from tests.support.http import eventually


def environment(folder):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("COMMENTSVC_")}
    return {**kept, "COMMENTSVC_SECRET_KEY": SECRET, "COMMENTSVC_INSTANCE_DIR": str(folder / "instance")}


def runs_in(folder, environ):
    """Run commands there; gives of each (exit status, standard output, standard error)."""

    def call(*words, **changes):
        env = {k: v for k, v in {**environ, **changes}.items() if v is not None}
        status, said, errors = commands.run(words, env, folder)
        assert "Traceback" not in errors, errors
        return status, said, errors

    return call


@pytest.fixture
def environ(tmp_path):
    return environment(tmp_path)


@pytest.fixture
def run(tmp_path, environ):
    return runs_in(tmp_path, environ)


@pytest.fixture(scope="session")
def begun(tmp_path_factory):
    """A folder with a database with one site and its owner."""
    folder = tmp_path_factory.mktemp("begun")
    run = runs_in(folder, environment(folder))
    assert run("db", "upgrade")[0] == 0
    assert run("site", "create", "blog", "--name", "A blog", "--origin", "https://blog.example")[0] == 0
    assert run("user", "create", "a@example.org", "--name", "Alice", "--site", "blog", "--role", "owner")[0] == 0
    return folder


@pytest.fixture
def ready(run, begun, tmp_path):
    """Run commands on a copy of that database."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    return run


def test_from_nothing_to_a_moderated_site(run):
    status, said, _ = run("db", "upgrade")
    assert (status, said) == (0, "The database is up to date.\n")
    status, said, _ = run("site", "create", "blog", "--name", "A blog", "--origin", "https://blog.example",
                          "--origin", "https://www.blog.example", "--moderation", "new")  # fmt: skip
    assert status == 0
    assert '<script type="module" src="http://127.0.0.1:8000/embed.js"></script>' in said
    assert '<comment-thread site="blog"></comment-thread>' in said
    status, said, _ = run("site", "list", "--json")
    origins = ["https://blog.example", "https://www.blog.example"]
    assert json.loads(said) == [{"key": "blog", "name": "A blog", "moderation": "new", "origins": origins}]
    status, said, _ = run("user", "create", "a@example.org", "--name", "Alice", "--site", "blog", "--role", "moderator")
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/auth/link/\S+\n", said)
    status, said, _ = run("token", "create", "a@example.org", "--site", "blog")
    assert status == 0
    assert re.fullmatch(r"cst_\S{43}\n", said)


def test_threads_are_listed_moved_merged_mapped_and_deleted(ready, tmp_path):
    lines = [
        {"format": "commentsvc", "version": 1, "site": "blog", "exported_at": "2026-01-01T00:00:00Z"},
        *[exported(key, number) for number, key in enumerate(["/a/", "/b", "/c"])],
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in flat(lines)))
    assert ready("import", "json", "in.jsonl", "--site", "blog")[0] == 0

    def listed():
        return {one["key"]: one["count"] for one in json.loads(ready("thread", "list", "--site", "blog", "--json")[1])}

    assert listed() == {"/a": 1, "/b": 1, "/c": 1}
    assert ready("thread", "move", "/a", "https://blog.example/new/", "--site", "blog")[:2] == (
        0,
        "Moved /a to /new.\n",
    )
    assert ready("thread", "merge", "/b", "/a", "--site", "blog")[:2] == (0, "Merged /b into /new: 1 comments.\n")
    assert listed() == {"/new": 2, "/c": 1}
    (tmp_path / "map.csv").write_text("old,new\n/c,/d\n/nothing,/e\n")
    status, said, _ = ready("thread", "map", "map.csv", "--site", "blog", "--dry-run")
    assert (status, said) == (0, "moved: /c → /d\nno comments: /nothing → /e\nDry run, nothing was changed.\n")
    assert listed() == {"/new": 2, "/c": 1}
    assert json.loads(ready("thread", "map", "map.csv", "--site", "blog", "--json")[1])[0]["outcome"] == "moved"
    assert listed() == {"/new": 2, "/d": 1}
    assert ready("thread", "delete", "/d", "--site", "blog")[:2] == (0, "Deleted 1 comments of /d.\n")
    assert "     0  /d  (closed)\n" in ready("thread", "list", "--site", "blog")[1]
    status, _, trouble = ready("thread", "move", "/nothing", "/x", "--site", "blog")
    assert (status, trouble.count("\n")) == (1, 1) and "/nothing" in trouble
    (tmp_path / "map.csv").write_text("/new\n")
    status, _, trouble = ready("thread", "map", "map.csv", "--site", "blog")
    assert status == 2 and "Line 1" in trouble


def exported(key, number):
    """The lines of a thread with one approved comment in an export."""
    at = "2026-01-01T00:00:00Z"
    author = {"type": "author", "uid": f"a{number}", "name": f"Carol {number}", "first_seen_at": at}
    thread = {"type": "thread", "key": key, "url": "", "title": "", "created_at": at}
    comment = {"type": "comment", "uid": f"c{number}", "thread": key, "author": f"a{number}", "status": "approved"}
    text = {"source": "Hello", "html": "<p>Hello</p>", "renderer": "imported", "created_at": at}
    return [author, thread, {**comment, **text}]


def flat(lines):
    return [one for line in lines for one in (line if isinstance(line, list) else [line])]


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["site", "create", "a/b", "--name", "x", "--origin", "https://b.example"], 2, "key"),
        (["site", "create", "b", "--name", "x", "--origin", "b.example"], 2, "origin"),
        (["site", "create", "b", "--name", "x", "--origin", "https://b.example/path"], 2, "origin"),
        (["site", "create", "b", "--name", "x"], 2, "--origin"),
        (["site", "create", "b", "--name", "x", "--origin", "https://b.example", "--moderation", "some"], 2, "some"),
        (["site", "create", "blog", "--name", "x", "--origin", "https://b.example"], 1, "blog"),
        (["user", "create", "nobody", "--name", "x"], 2, "email"),
        (["user", "create", "b@example.org", "--name", "x", "--role", "owner"], 2, "--site"),
        (["user", "create", "b@example.org", "--name", "x", "--site", "other"], 1, "site"),
        (["token", "create", "b@example.org"], 1, "commentsvc user create"),
        (["user", "sign-out", "b@example.org"], 1, "b@example.org"),
        (["token", "create", "a@example.org", "--site", "other"], 1, "site"),
        (["import", "wordpress", "nowhere.xml", "--site", "blog"], 2, "nowhere.xml"),
        (["import", "typepad", "nowhere.xml", "--site", "blog"], 2, "typepad"),
        (["frobnicate"], 2, "frobnicate"),
    ],
)
def test_wrong_use_and_failure_have_their_own_status_and_say_what_to_mend(ready, words, status, says):
    code, said, trouble = ready(*words)
    assert (code, said) == (status, ""), trouble
    assert says in trouble


@pytest.mark.parametrize(
    "words",
    [
        ["site", "list"],
        ["site", "create", "b", "--name", "x", "--origin", "https://b.example"],
        ["user", "create", "a@example.org", "--name", "x"],
        ["token", "create", "a@example.org"],
    ],
)
@pytest.mark.parametrize("has_file", [False, True])
def test_before_the_first_upgrade_a_command_says_what_to_run(run, tmp_path, words, has_file):
    if has_file:
        (tmp_path / "instance").mkdir()
        (tmp_path / "instance" / "commentsvc.sqlite3").touch()
    status, _, trouble = run(*words)
    assert status == 1
    assert len(trouble.splitlines()) == 1
    assert "commentsvc db upgrade" in trouble
    assert has_file or "cannot be reached" in trouble


@pytest.mark.parametrize("words", [["serve"], ["worker"], ["db", "upgrade"], ["site", "list"]])
def test_a_wrong_setting_stops_every_start_in_one_line(run, words):
    for changes, name in (
        ({"COMMENTSVC_SECRET_KEY": None}, "SECRET_KEY"),
        ({"COMMENTSVC_MAIL_URL": "mail.example"}, "MAIL_URL"),
    ):
        status, said, trouble = run(*words, **changes)
        assert (status, said) == (1, "")
        assert re.fullmatch(rf"commentsvc: COMMENTSVC_{name}: [^\n]+\n", trouble)


TEXT_FILE = str(Path(__file__))


@pytest.mark.parametrize(
    ("words", "changes", "status", "says"),
    [
        ("serve", {"DATABASE_URL": "postgresql://u:secret@db.example:port/n"}, 1, "COMMENTSVC_DATABASE_URL"),
        ("site list", {"DATABASE_URL": "postgresql://u:secret@db.example/"}, 1, "names no database"),
        ("db upgrade", {"DATABASE_URL": "postgresql://u:se@cret@db.example/n"}, 1, "%40"),
        ("serve", {"DATABASE_URL": f"sqlite:///{TEXT_FILE}"}, 1, "is not an SQLite database"),
        ("worker", {"DATABASE_URL": f"sqlite:///{TEXT_FILE}"}, 1, "is not an SQLite database"),
        ("jobs list", {"DATABASE_URL": "sqlite:////"}, 1, "is a folder"),
        ("db upgrade", {"DATABASE_URL": f"sqlite:///{TEXT_FILE}/data.sqlite3"}, 1, "COMMENTSVC_DATABASE_URL"),
        ("serve", {"INSTANCE_DIR": TEXT_FILE}, 1, "COMMENTSVC_INSTANCE_DIR"),
        ("serve", {"INSTANCE_DIR": "/proc/nowhere"}, 1, "COMMENTSVC_INSTANCE_DIR"),
        ("site list", {"INSTANCE_DIR": "/proc/nowhere"}, 1, "COMMENTSVC_INSTANCE_DIR"),
        ("serve", {"INSTANCE_DIR": "x" * 5000}, 1, "COMMENTSVC_INSTANCE_DIR"),
        ("site list", {"INSTANCE_DIR": "x" * 5000}, 1, "COMMENTSVC_INSTANCE_DIR"),
        ("jobs list", {"DATABASE_URL": "sqlite:////dev/zero"}, 1, "device or pipe"),
        ("worker", {"TRUSTED_PROXY": "127.0.0.1"}, 1, "did you mean COMMENTSVC_TRUSTED_PROXIES"),
        ("user create a@example.org --name A", {"BASE_URL": "https://example.org/comments"}, 1, "below a path"),
        ("serve --host nowhere.invalid", {}, 2, "--host"),
        ("serve --host 192.0.2.1", {}, 2, "--host"),
        ("serve --port 99999", {}, 2, "--port"),
        ("serve --workers 0", {}, 2, "--workers"),
        ("demo --blog-port 99999", {}, 2, "--blog-port"),
        ("jobs retry 0", {}, 2, "ID"),
    ],
)
def test_a_wrong_setting_or_option_ends_in_one_line_that_names_it(run, words, changes, status, says):
    code, said, trouble = run(*words.split(), **{f"COMMENTSVC_{name}": value for name, value in changes.items()})
    assert (code, said) == (status, "")
    assert says in trouble.splitlines()[-1]
    assert "secret" not in trouble
    if status == 1:
        assert len(trouble.splitlines()) == 1


@pytest.mark.parametrize("words", [["db", "upgrade"], ["serve"], ["worker"]])
def test_the_database_of_another_program_is_left_alone(run, tmp_path, words):
    path = tmp_path / "other.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE comment (words TEXT)")
    status, _, trouble = run(*words, COMMENTSVC_DATABASE_URL=f"sqlite:///{path}")
    assert (status, len(trouble.splitlines())) == (1, 1)
    assert "another program's" in trouble
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("comment",)]


def test_a_command_says_that_the_database_is_locked(run, tmp_path):
    path = tmp_path / "data.sqlite3"
    url = {"COMMENTSVC_DATABASE_URL": f"sqlite:///{path}"}
    assert run("db", "upgrade", **url)[0] == 0
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        status, _, trouble = run("jobs", "retry", **url)
    assert (status, len(trouble.splitlines())) == (1, 1)
    assert "is locked by another program" in trouble


def test_the_rest_of_a_database_file_is_no_database(run, tmp_path):
    (tmp_path / "data.sqlite3").write_bytes(b"SQLite format 3\0")
    for words in (["serve"], ["site", "list"]):
        status, _, trouble = run(*words, COMMENTSVC_DATABASE_URL=f"sqlite:///{tmp_path}/data.sqlite3")
        assert (status, len(trouble.splitlines())) == (1, 1)
        assert "is not an SQLite database" in trouble


def test_a_dotenv_file_that_cannot_be_read_ends_every_command_in_one_line(run, tmp_path):
    (tmp_path / ".env").write_bytes(b"COMMENTSVC_MAIL_FROM=\xe4@b.example")
    for words in (["serve"], ["site", "list"]):
        status, _, trouble = run(*words)
        assert (status, len(trouble.splitlines())) == (1, 1)
        assert ".env" in trouble and "UTF-8" in trouble


def test_an_sqlite_file_is_the_one_that_is_named_whatever_is_in_its_name(run, tmp_path):
    name = "a?b %41#c.sqlite3"
    assert run("db", "upgrade", COMMENTSVC_DATABASE_URL=f"sqlite:///{tmp_path}/{name}")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).stat().st_size > 0
    assert run("site", "list", COMMENTSVC_DATABASE_URL=f"sqlite:///{tmp_path}/{name}")[0] == 0


def test_settings_of_a_dotenv_file_are_read(run, tmp_path):
    (tmp_path / ".env").write_text(f"COMMENTSVC_SECRET_KEY={SECRET}\n")
    assert run("db", "upgrade", COMMENTSVC_SECRET_KEY=None)[0] == 0


def test_an_import_prints_what_the_file_has_and_a_second_one_adds_nothing(ready):
    path = str(data("import/themeunittestdata.wordpress.xml"))
    words = ["import", "wordpress", path, "--site", "blog"]
    status, said, _ = ready(*words, "--dry-run")
    assert status == 0 and said.startswith(
        "Read 33 comments on 6 pages (29 approved, 3 pending).\nDry run, nothing was"
    )
    assert ready(*words)[1].splitlines()[1:3] == [
        "Added 32; 0 were here already.", "Left out 1; mended 0. Times without a zone were read as UTC.",
    ]  # fmt: skip
    report = json.loads(ready(*words, "--json")[1])
    assert (report["read"], report["added"], report["known"], report["left_out"]) == (33, 0, 32, 1)
    assert report["problems"][0]["outcome"] == "left out" and "--include-private" in report["problems"][0]["reason"]
    private = json.loads(ready(*words, "--json", "--include-private")[1])
    assert (private["added"], private["known"], private["by_status"]) == (1, 32, {"approved": 29, "pending": 4})


def test_an_export_comes_back_on_the_command_line(ready, tmp_path):
    path = str(data("import/themeunittestdata.wordpress.xml"))
    ready("import", "wordpress", path, "--site", "blog")
    file = tmp_path / "blog.jsonl"
    assert ready("export", "--site", "blog", "--output", str(file))[0] == 0
    ready("site", "create", "other", "--name", "Other", "--origin", "https://other.example")
    report = json.loads(ready("import", "json", str(file), "--site", "other", "--json")[1])
    assert (report["format"], report["read"], report["added"], report["problems"]) == ("json", 32, 32, [])
    again = ready("export", "--site", "other")[1]
    assert again.splitlines()[1:] == file.read_text().splitlines()[1:]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--timezone", "Mars/Base"], "no time zone “Mars/Base”"),
        (["--from", "https://a.example"], "Give both the old and the new origin"),
        (["--from", "a.example", "--to", "https://b.example"], "“a.example” is not an origin"),
    ],
)
def test_a_wrong_option_of_an_import_is_named(ready, options, words):
    path = str(data("import/isso_wordpress.xml"))
    status, _, trouble = ready("import", "wordpress", path, "--site", "blog", *options)
    assert status == 2 and words in trouble


def test_a_broken_file_stops_the_import_with_its_line(ready, tmp_path):
    broken = tmp_path / "broken.xml"
    broken.write_text("<rss>\n<channel>\n<item></channel></rss>")
    status, said, trouble = ready("import", "wordpress", str(broken), "--site", "blog")
    assert (status, said) == (1, "")
    assert re.fullmatch(r"commentsvc: line 3: [^\n]+\n", trouble)


def test_a_sites_settings_are_changed_and_shown(ready):
    status, said, _ = ready("site", "set", "blog", "signin_required=true", "body_max=5000", "mode=new")
    assert status == 0
    assert {"signin_required=true", "body_max=5000", "mode=new", "depth_max=5"} <= set(said.split())
    for wrong in ("colour=red", "body_max=100", "signin_required=maybe", "mode=some"):
        status, said, trouble = ready("site", "set", "blog", wrong)
        assert (status, said) == (2, "")
        assert wrong.partition("=")[0] in trouble or "mode" in trouble
    assert json.loads(ready("site", "list", "--json")[1])[0]["moderation"] == "new"


class Server:
    """`commentsvc serve` on a port of its own, and one browser's worth of cookies."""

    def __init__(self, environ, folder, *words, port=None):
        self.port = port or servers.free_port()
        self.log = folder / f"serve-{self.port}.log"
        command = [SCRIPT, "serve", "--port", str(self.port), *words]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(command, env=environ, cwd=folder, stdout=out, stderr=out)
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        end = time.monotonic() + 90
        while True:
            try:
                self.get("/healthz")
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.stop()
                    raise AssertionError(self.log.read_text()) from None
                time.sleep(0.1)

    def get(self, path, form=None):
        body = urllib.parse.urlencode(form).encode() if form else None
        with self.opener.open(f"http://127.0.0.1:{self.port}{path}", body, timeout=10) as answer:
            return answer.read().decode()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()


def test_the_operator_signs_an_account_out_everywhere_and_ends_its_tokens(ready, environ, tmp_path):
    token = ready("token", "create", "a@example.org")[1].strip()
    link = ready("user", "create", "a@example.org", "--name", "Alice")[1].strip()
    server = Server(environ, tmp_path)

    def may_read():
        address = f"http://127.0.0.1:{server.port}/api/v1/moderation/comments?site=blog"
        try:
            request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
            return urllib.request.urlopen(request, timeout=10).status == 200
        except urllib.error.HTTPError as error:
            error.close()
            assert error.code == 401
            return False

    try:
        path = urllib.parse.urlsplit(link).path
        server.get(path, {"csrf_token": find_csrf(server.get(path))})
        assert "Sign out" in server.get("/dashboard") and may_read()
        assert ready("user", "sign-out", "a@example.org")[:2] == (0, "a@example.org is signed out everywhere.\n")
        assert "Sign out" not in server.get("/dashboard") and may_read(), "the tokens stay unless they are named"
        assert ready("user", "sign-out", "a@example.org", "--tokens")[0] == 0
        assert not may_read()
    finally:
        server.stop()


def test_a_site_gets_a_language_and_words_of_its_own(ready, tmp_path):
    words = tmp_path / "words.json"
    words.write_text(json.dumps({"Leave a comment": {"de": "Ihre Meinung?"}}))
    status, said, _ = ready("site", "set", "blog", "language=de-AT", f"texts=@{words}")
    assert status == 0
    assert "language=de\n" in said
    assert """'Leave a comment': {"de": "Ihre Meinung?"}""" in said
    _, said, _ = ready("site", "set", "blog", "body_max=5000")
    assert "Ihre Meinung?" in said, "another change leaves them alone"
    words.write_text("{}")
    assert "Ihre Meinung?" not in ready("site", "set", "blog", f"texts=@{words}")[1]
    words.write_text('{"No such sentence": "x"}')
    for wrong, names in ((f"@{words}", "No such sentence"), ("@missing.json", "missing.json"), ("hello", "texts")):
        status, _, trouble = ready("site", "set", "blog", f"texts={wrong}")
        assert (status, names in trouble) == (2, True)


def test_the_server_makes_its_database_sends_mail_and_stops_when_told(run, environ, tmp_path):
    environ = {**environ, "COMMENTSVC_MAIL_URL": f"mailbox://{tmp_path}/mail", "COMMENTSVC_LOG_FORMAT": "json"}
    server = Server(environ, tmp_path)
    try:
        assert json.loads(server.get("/readyz"))["status"] == "ok"
        assert (tmp_path / "instance" / "commentsvc.sqlite3").exists()
        link = run("user", "create", "a@example.org", "--name", "Alice", "--admin")[1]
        assert "/auth/link/" in link
        form = {"csrf_token": find_csrf(server.get("/auth/signin")), "email": "a@example.org", "next": "/dashboard"}
        assert "Enter your code" in server.get("/auth/signin", form)
        [mail] = eventually(lambda: list(tmp_path.glob("mail/*.eml")), "the mail is sent", 10)
        code = re.search(r"\b(\d{3}) (\d{3})\b", mail.read_text())
        page = server.get("/auth/code", {"csrf_token": find_csrf(server.get("/auth/code")), "code": code[0]})
        assert "Alice" in page
    finally:
        assert server.stop() == 0
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert {"commentsvc.server", "commentsvc.web.http.request_log", "_granian"} <= {line["logger"] for line in lines}


def test_an_sqlite_file_that_vanished_is_not_replaced_and_its_pages_are_still_served(ready, environ, tmp_path):
    path = "/api/v1/comments?site=blog&thread=/2014/test/"
    ready("import", "wordpress", str(data("import/isso_wordpress.xml")), "--site", "blog")
    server = Server(environ, tmp_path)
    before = server.get(path)
    assert len(json.loads(before)["comments"]) == 7
    server.stop()

    for file in (tmp_path / "instance").glob("commentsvc.sqlite3*"):
        file.rename(file.with_name("away-" + file.name))
    server = Server(environ, tmp_path)
    try:
        assert server.get(path) == before
        with pytest.raises(urllib.error.HTTPError) as caught:
            server.get("/readyz")
        assert caught.value.code == 503
        caught.value.close()
        assert not (tmp_path / "instance" / "commentsvc.sqlite3").exists()
    finally:
        server.stop()


def test_a_static_build_renders_the_very_bytes_that_are_served(ready, environ, tmp_path):
    export = Path(__file__).parents[1] / "commentsvc" / "demo" / "content" / "field-notes.wordpress.xml"
    base_url = {"COMMENTSVC_BASE_URL": "https://comments.example"}
    ready("import", "wordpress", str(export), "--site", "blog")
    thread = "/2026/09/why-i-left-the-big-comment-platform/"
    words = ["render", "--site", "blog", "--thread", thread]
    status, html, _ = ready(*words, **base_url)
    assert status == 0
    status, document, _ = ready(*words, "--format", "json", **base_url)
    assert (status, json.loads(document)["thread"]["count"]) == (0, 8)
    assert html.count("<article") == 8
    assert not re.search(r"<(form|input|textarea|button|select)", html), "nothing that needs a script"
    links = re.findall(r'(?:href|src|data-hosted)="([^"]*)"', html)
    assert links and all(urllib.parse.urlsplit(link).scheme in ("http", "https") for link in links), "all absolute"
    first = ready(*words, "--limit", "1", **base_url)[1]
    assert "More comments" in first and html.startswith(first[:40])

    server = Server({**environ, **base_url}, tmp_path)
    try:
        query = urllib.parse.urlencode({"site": "blog", "thread": thread})
        assert server.get(f"/embed/v1/comments?{query}&form=0") == html
        assert "<form" in server.get(f"/embed/v1/comments?{query}")
        assert server.get(f"/api/v1/comments?{query}") == document
    finally:
        server.stop()

    for wrong, status, says in (
        (["--site", "other", "--thread", "/x"], 1, "site"),
        (["--site", "blog", "--thread", ""], 2, "thread"),
        (["--site", "blog", "--thread", "/x", "--limit", "0"], 2, "limit"),
        (["--site", "blog", "--thread", "/x", "--format", "pdf"], 2, "pdf"),
    ):
        code, said, trouble = ready("render", *wrong)
        assert (code, said) == (status, "")
        assert says in trouble


def until(is_true):
    eventually(is_true, "what the test waits for", 60)


def started(server):
    """How many workers have begun to serve."""
    return len(re.findall(r"Started worker-\d+ runtime", server.log.read_text()))


def workers_of(server):
    """The cores each worker may use, by its process."""
    children = subprocess.run(["pgrep", "-P", str(server.process.pid)], stdout=subprocess.PIPE, text=True).stdout
    cores = {}
    for pid in map(int, children.split()):
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            cores[pid] = frozenset(os.sched_getaffinity(pid))
    return cores


# The first is told to stop while its worker starts, and is waited for.
@pytest.mark.parametrize(("workers", "has_each_a_core"), [(1, False), (2, True), (3, True)])
def test_workers_stay_on_cores_of_their_own_where_there_is_one_for_each(
    ready, environ, tmp_path, workers, has_each_a_core
):
    mine = os.sched_getaffinity(0)
    two = frozenset(sorted(mine)[:2])
    if len(two) < 2:
        pytest.skip("this machine has one core")
    os.sched_setaffinity(0, two)
    try:
        server = Server(environ, tmp_path, "--workers", str(workers))
    finally:
        os.sched_setaffinity(0, mine)
    wanted = {frozenset([core]) for core in two} if has_each_a_core else {two}
    try:
        until(lambda: started(server) == workers)
        assert set(workers_of(server).values()) == wanted
        victim = next(iter(workers_of(server)))
        os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in (cores := workers_of(server)) and len(cores) == workers)
        if has_each_a_core:
            until(lambda: set(workers_of(server).values()) == wanted)  # the place is free again
            until(lambda: started(server) > workers)
    finally:
        server.stop()


def test_recount_tells_what_is_wrong_mends_it_and_says_so_by_its_exit_status(ready, tmp_path):
    assert ready("recount") == (0, "All stored numbers are correct.\n", "")
    assert ready("recount", "--dry-run", "--json")[:2] == (0, '{\n  "differences": []\n}\n')
    with contextlib.closing(sqlite3.connect(tmp_path / "instance" / "commentsvc.sqlite3")) as connection, connection:
        connection.execute("INSERT INTO tally (site_id, status, count) VALUES (1, 'approved', 6)")
    line = "blog: tally.count of approved: stored 6, counted 0"
    assert ready("recount", "--dry-run") == (1, f"{line}\n", "")
    status, said, _ = ready("recount", "--dry-run", "--site", "blog", "--json")
    difference = {"site": "blog", "number": "tally.count", "where": "approved", "kept": 6, "counted": 0}
    assert (status, json.loads(said)) == (1, {"differences": [{**difference, "mended": False}]})

    assert ready("recount", "--site", "blog") == (0, f"{line}, corrected\n", "")
    assert ready("recount", "--dry-run")[0] == 0
    status, said, trouble = ready("recount", "--site", "other")
    assert (status, said) == (1, "") and "site" in trouble
    assert "every stored number" in ready("recount", "--help")[1]


def test_rerender_shows_what_would_change_and_then_changes_it(ready, tmp_path):
    database = tmp_path / "instance" / "commentsvc.sqlite3"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        at = "2026-01-01 00:00:00.000000"
        connection.execute("INSERT INTO thread (id, site_id, key, key_hash, url, title, is_open, count, version,"
                           f" created_at) VALUES (1, 1, '/post', x'00', '', '', 1, 1, 1, '{at}')")  # fmt: skip
        connection.execute("INSERT INTO author (id, site_id, guest_hash, name, approved, pending, refused,"
                           f" first_seen_at) VALUES (1, 1, x'00', 'Carol', 1, 0, 0, '{at}')")  # fmt: skip
        columns = "site_id, thread_id, author_id, author_name, source, html, renderer, text_hash, status, is_shown"
        values = "1, 1, 1, 'Carol', '**new**', '<p>old</p>', 'md0', x'00', 'approved', 1"
        connection.execute(
            f"INSERT INTO comment (id, {columns}, depth, kind, ip, user_agent, reasons, is_shadowed, score, notify,"
            f" created_at) VALUES (7, {values}, 0, 'comment', '', '', '[]', 0, 0, 0, '{at}')"
        )
    diff = "--- comment 7 (md0)\n+++ md2\n@@ -1 +1 @@\n-<p>old</p>\n+<p><strong>new</strong></p>"
    would = "1 comments read: 1 would change, 0 would only get a newer renderer."
    assert ready("rerender", "--dry-run") == (0, f"{diff}\n{would}\n", "")
    found = json.loads(ready("rerender", "--dry-run", "--json", "--site", "blog")[1])
    assert found == {
        "read": 1,
        "changed": 1,
        "renamed": 0,
        "refused": [],
        "differences": [{"comment": 7, "diff": diff}],
    }
    assert ready("rerender")[1] == "1 comments read: 1 changed, 0 only got a newer renderer.\n"
    assert ready("rerender")[1] == "1 comments read: 0 changed, 0 only got a newer renderer.\n"
    assert ready("rerender", "--site", "nowhere")[0] == 1


def test_a_person_is_exported_and_erased(ready, environ, tmp_path):
    assert ready("person", "export", "--email", "a@example.org")[1].startswith('{"type": "account", "name": "Alice"')
    assert json.loads(ready("person", "export", "--email", "carol@example.org", "--json")[1]) == []
    status, _, trouble = ready("person", "export", "--email", "carol")
    assert status == 2 and "Enter an email address" in trouble
    status, _, trouble = ready("person", "erase", "--email", "a@example.org", "--yes")
    assert status == 1 and "only owner" in trouble
    done = ready("person", "erase", "--email", "carol@example.org", "--site", "blog", "--comments", "delete", "--yes")
    assert done[:2] == (0, "Erased the author of 0 comments.\n")


def test_a_service_whose_worker_is_killed_again_and_again_goes_on(ready, environ, tmp_path):
    server = Server(environ, tmp_path)
    try:
        for _ in range(4):
            [victim] = workers_of(server)
            os.kill(victim, signal.SIGKILL)
            until(lambda old=victim: len(found := workers_of(server)) == 1 and old not in found)
        until(lambda: answers(server))
        assert server.process.poll() is None
    finally:
        assert server.stop() == 0


def answers(server):
    with contextlib.suppress(OSError):
        return server.get("/healthz")


def test_workers_end_with_their_master_and_the_port_is_free_for_the_next(ready, environ, tmp_path):
    server = Server(environ, tmp_path, "--workers", "2")
    try:
        until(lambda: started(server) == 2)
        orphans = list(workers_of(server))
        server.process.kill()
        server.process.wait()
        until(lambda: not any(is_running(pid) for pid in orphans))
        following = Server(environ, tmp_path, port=server.port)
        assert following.stop() == 0
    finally:
        server.stop()


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # ended, and nobody has asked how


def test_a_port_that_is_taken_is_refused_in_one_line_and_the_first_service_stays(ready, environ, tmp_path):
    server = Server(environ, tmp_path)
    try:
        for host in ("127.0.0.1", "localhost", "0.0.0.0"):
            status, _, trouble = ready("serve", "--port", str(server.port), "--host", host)
            assert status == 1
            assert re.fullmatch(rf"commentsvc: Port {server.port} is already in use[^\n]+--port\.\n", trouble)
        assert json.loads(server.get("/healthz"))["status"] == "ok"
    finally:
        server.stop()


def test_a_new_database_is_said_and_after_a_stop_the_file_alone_is_whole(run, environ, tmp_path):
    path = tmp_path / "instance" / "commentsvc.sqlite3"
    server = Server(environ, tmp_path, "--host", "localhost")
    try:
        assert f"created a new, empty database at {path}" in server.log.read_text()
        run("site", "create", "blog", "--name", "A blog", "--origin", "https://blog.example")
        author = {"name": "Carol", "email": "carol@example.org"}
        body = {"site": "blog", "thread": "/post", "body": "Hello", "author": author}
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.port}/api/v1/comments",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 202
    finally:
        assert server.stop() == 0
    assert not path.with_name(path.name + "-wal").exists()
    copy = tmp_path / "copy.sqlite3"
    shutil.copy(path, copy)
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT source FROM comment").fetchall() == [("Hello",)]

    server = Server(environ, tmp_path)
    try:
        assert f"with the database {path}" in server.log.read_text()
        assert "made a new" not in server.log.read_text()
    finally:
        server.stop()


class Slow:
    """A mail server that answers when it is told to."""

    def __init__(self):
        self.letters, self.may_answer = [], threading.Event()

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 (the library's name)
        self.letters.append(envelope)
        while not self.may_answer.is_set():
            await asyncio.sleep(0.02)
        return "250 OK"


def test_a_mail_that_is_being_sent_while_the_service_stops_is_noted_as_sent(ready, environ, tmp_path, smtp):
    slow, address = smtp(handler=Slow())
    server = Server({**environ, "COMMENTSVC_MAIL_URL": f"smtp://{address}"}, tmp_path)
    path = tmp_path / "instance" / "commentsvc.sqlite3"
    try:
        payload = json.dumps({"to": "carol@example.org", "subject": "S", "text": "T", "html": "<p>T</p>"})
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection, connection:
            insert = "INSERT INTO job (kind, queue, payload, tries, created_at) VALUES ('mail', 'mail', ?, 0, ?)"
            connection.execute(insert, (payload, "2026-11-01 11:00:00"))
        until(lambda: slow.letters)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: "Shutting down" in server.log.read_text())
    finally:
        slow.may_answer.set()
        assert server.stop() == 0
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT done_at IS NOT NULL, tries FROM job").fetchall() == [(1, 1)]
    assert len(slow.letters) == 1


def test_jobs_that_failed_are_listed_with_their_reason_tried_again_and_dropped(ready, tmp_path):
    path = tmp_path / "instance" / "commentsvc.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for number, failed_at in ((1, "2026-11-01 12:00:00"), (2, "2026-11-01 12:00:00"), (3, None)):
            row = (
                number,
                json.dumps({"to": "carol@example.org"}),
                failed_at,
                "550 no such user" if failed_at else None,
            )
            connection.execute(
                "INSERT INTO job (id, kind, queue, payload, failed_at, last_error, tries, created_at) "
                "VALUES (?, 'mail', 'mail', ?, ?, ?, 1, '2026-11-01 11:00:00')",
                row,
            )
    found = json.loads(ready("jobs", "list", "--json")[1])
    assert [(job["id"], job["kind"], job["state"], job["reason"]) for job in found] == [
        (1, "mail", "failed", "550 no such user"),
        (2, "mail", "failed", "550 no such user"),
        (3, "mail", "waiting", ""),
    ]
    assert found[0]["created_at"] == "2026-11-01T11:00:00Z"
    assert "550 no such user" in ready("jobs", "list")[1]
    assert ready("jobs", "retry", "1")[:2] == (0, "1 job will be retried.\n")
    status, said, trouble = ready("jobs", "drop", "1", "7")
    assert (status, said) == (1, "") and "job 7" in trouble
    assert ready("jobs", "drop")[:2] == (0, "1 job was deleted.\n")
    assert [(job["id"], job["state"]) for job in json.loads(ready("jobs", "list", "--json")[1])] == [
        (1, "waiting"),
        (3, "waiting"),
    ]
