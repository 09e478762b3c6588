"""Whatever fails, logs hold nobody's words, name, address or secret: all is tried, and the log searched."""

import contextlib
import io
import json
import logging
import re
import threading
import time
from datetime import UTC, datetime

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import text

from commentsvc import worker
from commentsvc.gateways import log_lines
from commentsvc.gateways.mail import NullMailer, SmtpMailer
from commentsvc.store.db import db, is_postgres
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write
from tests.support import servers
from tests.support.cast import add_account, add_site, find_csrf
from tests.support.jobs import add_stored

WORDS, NAME, EMAIL, IP = "plantedwords", "Plantedname", "plantedmail@example.org", "203.0.113.77"
SECRET = "plantedtoken" * 4
PLANTED = ("plantedword", "plantedname", "plantedmail", IP, "plantedtoken")


@pytest.fixture(params=["text", "json"])
def written(request):
    """What goes to the log of a service, in either of its formats."""
    stream = io.StringIO()
    handler = log_lines.handler(request.param, stream)
    handler.addFilter(lambda record: record.name != "mail.log")  # the test's own mail server
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: stream.getvalue()
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def app(make_app):
    app = make_app(GITHUB_CLIENT_ID="id", GITHUB_CLIENT_SECRET="secret", MAIL_URL="smtp://127.0.0.1:9")
    app.testing = False  # as in life: an exception is an answer
    app.add_url_rule("/broken/<words>", view_func=_broken)
    with app.app_context():
        yield app
        db.session.remove()


def _broken(words):
    try:
        int(words)
    except ValueError as error:
        raise KeyError(words) from error


@contextlib.contextmanager
def without(table):
    """The database refuses whatever asks for this table."""
    db.session.remove()
    with write():
        db.session.execute(text(f"ALTER TABLE {table} RENAME TO {table}_elsewhere"))
    try:
        yield
    finally:
        db.session.remove()
        with write():
            db.session.execute(text(f"ALTER TABLE {table}_elsewhere RENAME TO {table}"))


@pytest.fixture
def reader_asks(client):
    """A request as a reader sends it; gives its status."""
    client.environ_base.update(REMOTE_ADDR=IP, HTTP_USER_AGENT=f"Reader {NAME}", HTTP_X_EDIT_TOKEN=SECRET)
    client.environ_base.update(HTTP_REFERER=f"https://blog.example/?q={WORDS}")

    def ask(path, **more):
        return client.open(path, method="POST" if {"data", "json"} & more.keys() else "GET", **more)

    return ask


def draft(**more):
    author = {"name": NAME, "email": EMAIL, "website": f"https://{WORDS}.example"}
    return {"site": "blog", "thread": f"/{WORDS}", "title": WORDS, "body": WORDS, "author": author, **more}


def is_clean(log):
    found = [line for line in log.splitlines() if any(word in line.lower() for word in PLANTED)]
    assert not found, found[:3]


def test_a_refused_query_a_broken_view_and_a_failed_sign_in_leave_nothing_of_the_reader_in_the_log(
    reader_asks, client, site, written
):
    token = find_csrf(client.get("/auth/signin").text)
    with without("comment"):
        assert reader_asks("/api/v1/comments", json=draft()).status_code == 500
        assert reader_asks(f"/api/v1/comments/1?q={WORDS}").status_code == 500
    with without("signin_code"):
        form = {"csrf_token": token, "email": EMAIL, "next": f"/dashboard?q={WORDS}"}
        assert reader_asks("/auth/signin", data=form).status_code == 500
        assert reader_asks(f"/auth/link/{SECRET}?q={WORDS}").status_code == 500
    with without("subscription"):
        assert reader_asks(f"/m/confirm/{SECRET}").status_code in (404, 500)
    assert reader_asks(f"/broken/{WORDS}?token={SECRET}").status_code == 500
    for error in (WORDS, f"{EMAIL}\nERROR forged line"):
        answer = {"error": error, "state": SECRET, "code": SECRET}
        assert reader_asks("/auth/github/callback", query_string=answer).status_code == 400
    assert reader_asks(f"/nothing/{SECRET}").status_code == 404

    log = written()
    assert log.count("the database refused a query") >= 4 and "a request failed: GET /broken/<words>" in log
    assert "KeyError" in log and "ValueError" in log and "in _broken" in log, "what went wrong and where is there"
    is_clean(log)


@contextlib.contextmanager
def refusing_rows(table, condition):
    """A constraint that refuses each new row of a table: one that no code expects."""
    if is_postgres():
        plant = f"ALTER TABLE {table} ADD CONSTRAINT planted CHECK ({condition}) NOT VALID"
        remove = f"ALTER TABLE {table} DROP CONSTRAINT planted"
    else:
        plant = f"CREATE TRIGGER planted BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END"
        remove = "DROP TRIGGER planted"
    with write():
        db.session.execute(text(plant))
    try:
        yield
    finally:
        db.session.remove()
        with write():
            db.session.execute(text(remove))


def test_a_broken_promise_of_the_database_is_logged_without_the_row(reader_asks, client, site, written):
    form = {"csrf_token": find_csrf(client.get("/auth/signin").text), "next": "/t/blog", "email": EMAIL}
    with refusing_rows("signin_code", f"email <> '{EMAIL}'"):
        status = reader_asks("/auth/signin", data=form).status_code
    assert status == 500
    assert "the database refused a query" in written()
    is_clean(written())


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}])
def test_a_row_that_the_database_refuses_is_not_taken_for_a_used_idempotency_key(reader_asks, site, written, headers):
    with refusing_rows("comment", f"author_name <> '{NAME}'"):
        answer = reader_asks("/api/v1/comments", json=draft(), headers=headers)
    assert answer.status_code == 500 and "Idempotency" not in answer.text
    assert "the database refused a query" in written()
    is_clean(written())


class Refusing:
    """Refuses whom a mail is to, in words that name them, as mail servers do."""

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 (the library's name)
        return f"550 5.1.1 <{address}>: {WORDS}"


def test_a_mail_that_does_not_go_is_logged_without_whom_it_is_to_and_what_it_says(app, written):
    controller = Controller(Refusing(), hostname="127.0.0.1", port=servers.free_port())
    controller.start()
    try:
        url = f"smtp://127.0.0.1:{controller.port}"
        for mailer in (SmtpMailer(url, "comments@blog.example"), NullMailer()):
            letter = {"to": EMAIL, "subject": f"{NAME} answered you on “{WORDS}”", "text": WORDS, "html": WORDS}
            with write():
                add_stored("mail", letter, datetime.now(UTC))
            assert worker.run_due(mailer, datetime.now(UTC)) >= 1
    finally:
        controller.stop()
    log = written()
    assert "failed" in log and "COMMENTSVC_MAIL_URL is not set" in log
    is_clean(log)


def test_a_thread_that_ends_by_an_exception_says_where_and_not_what(written, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", log_lines._tell_of_thread)
    thread = threading.Thread(target=_broken, args=(WORDS,), name="jobs")
    thread.start()
    thread.join()
    assert "the thread jobs ended" in written() and "in _broken" in written()
    is_clean(written())


def test_the_log_names_a_proxy_that_is_not_trusted_once_and_no_reader(make_app, written):
    proxy, reader = "198.51.100.200", IP
    client = make_app().test_client()
    client.environ_base["REMOTE_ADDR"] = proxy
    for _ in range(3):
        client.get("/healthz", headers={"X-Forwarded-For": reader})
    [line] = [line for line in written().splitlines() if proxy in line]
    assert f"COMMENTSVC_TRUSTED_PROXIES={proxy}" in line
    is_clean(written())

    trusted = make_app(TRUSTED_PROXIES=proxy).test_client()
    trusted.environ_base["REMOTE_ADDR"] = proxy
    trusted.get("/healthz", headers={"X-Forwarded-For": reader})
    assert written().count(proxy) == line.count(proxy)


@pytest.mark.parametrize(("header", "other"), [("x-forwarded-for", "Forwarded"), ("forwarded", "X-Forwarded-For")])
def test_only_the_header_of_the_settings_is_believed_and_a_stored_address_is_plain(make_app, token, header, other):
    app = make_app(TRUSTED_PROXIES="127.0.0.1", FORWARDED_HEADER=header)
    values = {"x-forwarded-for": '"[2001:db8::7]:51008"', "forwarded": 'for="[2001:db8::7]:51008";proto=https'}
    forged = {"Forwarded": "for=192.0.2.66", "X-Forwarded-For": "192.0.2.66"}
    with app.app_context():
        site = add_site("blog", "https://blog.example")
        alice = add_account("alice@example.org", "Alice", site, Role.OWNER, datetime.now(UTC))
        answer = app.test_client().post(
            "/api/v1/comments", json=draft(), headers={header: values[header], other: forged[other]}
        )
        assert answer.status_code == 202, answer.text
        queue = app.test_client().get("/api/v1/moderation/comments?site=blog", headers=token(alice)).text
        assert json.loads(queue)["comments"][0]["ip"] == "2001:db8::7"
        db.session.remove()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_times_are_in_utc_and_say_so(log_format, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        stream = io.StringIO()
        record = logging.makeLogRecord({"msg": "Hello", "created": 1_700_000_000.25, "msecs": 250.0})
        log_lines.handler(log_format, stream).emit(record)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert re.search(r"2023-11-14T22:13:20\.250(Z|\+00:00)", stream.getvalue()), stream.getvalue()
