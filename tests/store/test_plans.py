"""No query of the service reads a whole table that grows: each is explained by the database itself, on both."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from commentsvc import worker
from commentsvc.core.pagination import Cursor, Sort
from commentsvc.core.search_query import parse
from commentsvc.core.status import Status
from commentsvc.gateways.mail import Mailer
from commentsvc.services import cleaning, page_reads, people, rerender, thread_deletion, thread_moves, thread_settings
from commentsvc.store import accounts, comment_search, memberships, page_changes, sessions, threads, versions
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.comment_search import Wanted
from commentsvc.store.db import db
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write
from commentsvc.store.versions import PageDependency
from tests.support.cast import BLOG, service_config
from tests.support.clocks import next_window

GROW = {
    "comment",
    "comment_words",
    "thread",
    "author",
    "decision",
    "answer",
    "job",
    "signin_code",
    "session",
    "api_token",
    "page_change",
    "account",
}
ONCE = re.compile(r"^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|PRAGMA|SET|SHOW|EXPLAIN)", re.IGNORECASE)


# Of jobs only those in the index, the open or the failed, may be read from end to end; and the few administrators.
SCAN = re.compile(r"SCAN (\w+)(?! USING (?:COVERING )?INDEX ix_(?:job_|account_admin))")


class Ear:
    """Hears every statement that goes to the database, with its values."""

    def __init__(self, engine):
        self.heard = {}
        self.engine = engine

    def _hear(self, _conn, _cursor, sql, values, _context, is_many):
        if not ONCE.match(sql.lstrip()):
            self.heard.setdefault(sql, values[0] if is_many else values)

    def __enter__(self):
        event.listen(self.engine, "before_cursor_execute", self._hear)
        return self

    def __exit__(self, *_):
        event.remove(self.engine, "before_cursor_execute", self._hear)


def scans(sql, values):
    """The growing tables that this statement would read from end to end."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # For an inserted row, SQLite also explains the scans of its foreign key checks.
            if re.match(r"INSERT INTO \w+ \([^)]*\) VALUES", sql):
                return set()
            plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + sql, values).all()
            found = [m[1] for row in plan if (m := SCAN.match(row[3]))]
            names = dict(re.findall(r"(?:FROM|JOIN|,) (\w+) AS (\w+)", sql))
            aliases = {alias: table for table, alias in names.items()}
            return {aliases.get(name, name) for name in found} & GROW
        # With so few rows PostgreSQL would rather read the table: only where no index can serve it still does.
        connection.exec_driver_sql("SET enable_seqscan = off")
        connection.exec_driver_sql("SET enable_bitmapscan = on")
        plan = connection.exec_driver_sql("EXPLAIN (FORMAT JSON) " + sql, values).scalar()
        connection.exec_driver_sql("RESET enable_seqscan")
        nodes = re.findall(r'"Node Type": "Seq Scan"[^{}]*?"Relation Name": "(\w+)"', json.dumps(plan))
        return set(nodes) & GROW


class Nowhere(Mailer):
    def send(self, letter):
        pass


SEARCHES = ("", "waiting", "see has:link", "has:link", "author:Dave", "email:dave@example.org", "ip:192.0.2.1", "?!")
NARROWED = ("thread:/post", "after:2020-01-01 before:2100-01-01", "waiting thread:/post", "中文")


@pytest.fixture
def story(app, client, site, alice, token, sign_in, make_comment, now, monkeypatch):
    """All that the public, moderators and the worker ask of the database, told once."""
    root = make_comment(body="A root")
    make_comment(parent=root, body="A reply")
    make_comment("/other", name="Erin")
    for n in range(3):
        make_comment(status="pending", body=f"Waiting {n}", name=f"Dave {n}")
    headers = token(alice)
    sign_in(client, alice)

    def tell_of_the_desk():
        for listed in (*Status, "flagged"):
            for sort in ("oldest", "newest", "likely-spam"):
                assert client.get(f"/dashboard/blog?status={listed}&sort={sort}").status_code == 200
        for query in (*SEARCHES, *NARROWED):
            for path in ("/dashboard/blog", "/dashboard/blog/matching"):
                assert client.get(path, query_string={"q": query}).status_code == 200, query
        assert client.get("/dashboard/blog/counts?since=1").status_code == 200

    worker.run_due(Nowhere(), now)  # what the old comments have queued: /readyz finds no late job

    def tell_of_the_operator():
        thread = threads.find(site, "/post")
        page_reads._keep(thread.id, thread.key, page_reads.PageNames("A title", f"{BLOG}/post"), now)
        for one in (None, site):
            rerender.check(one, lambda read, share: None)
            rerender.run(one, lambda read, share: None, now, lambda seconds: None)
            rerender.outdated_count(one)
        far = now + timedelta(days=400)
        cleaning.clean(now, far, replace(service_config(), refused_days=1))
        people.erase("e@example.org", site, False, service_config(), None, now)
        list(people.export("e@example.org", None, now))
        people.erase_again(service_config(), now)
        db.session.rollback()

    def tell():
        tell_of_the_desk()
        with monkeypatch.context() as patched:
            patched.setattr(comment_search, "FIRST_READ", 0)  # the index at once
            tell_of_the_desk()
        where = "site=blog&thread=/post"
        for sort in ("oldest", "newest", "top"):
            page = client.get(f"/api/v1/comments?{where}&sort={sort}&limit=1")
            client.get(f"/api/v1/comments?{where}&sort={sort}&limit=1&cursor={page.json['next'] or ''}")
        for address in (
            f"/embed/v1/comments?{where}",
            f"/t/blog?thread=/post&reply_to={root}",
            f"/api/v1/counts?{where}&thread=/other",
            "/api/v1/recent?site=blog",
            f"/api/v1/comments/{root}",
            "/readyz",
            "/metrics",
        ):
            assert client.get(address).status_code == 200, address
        next_window(client.application)
        client.get(f"/embed/v1/comments?{where}")
        body = {"site": "blog", "thread": "/post", "parent_id": root, "author": {"name": "E", "email": "e@example.org"}}
        posted = client.post(
            "/api/v1/comments",
            json={**body, "body": "Another"},
            headers={"Idempotency-Key": "one", "Origin": BLOG},
        ).json
        edit = {"X-Edit-Token": posted["edit_token"], "Origin": BLOG}
        assert (
            client.patch(f"/api/v1/comments/{posted['id']}", json={"body": "Changed"}, headers=edit).status_code < 300
        )
        for more in ("", "&status=approved", "&thread=/post", "&author=dave@example.org"):
            answer = client.get(f"/api/v1/moderation/comments?site=blog{more}", headers=headers)
            assert answer.status_code == 200, answer.text
        act = {"ids": [posted["id"]], "action": "approve"}
        decided = client.post("/api/v1/moderation/decisions", json=act, headers=headers)
        client.post("/api/v1/moderation/undo", json={"undo": decided.json["undo"]}, headers=headers)
        client.get(f"/api/v1/moderation/decisions?site=blog&comment={posted['id']}", headers=headers)
        client.delete(f"/api/v1/comments/{posted['id']}", headers=edit)
        db.session.rollback()
        worker.run_due(Nowhere(), now + timedelta(minutes=1))
        db.session.rollback()
        sessions.codes_mailed("e@example.org", False, now, now)
        sessions.codes_asked_from("192.0.2.1", now, now, 60)
        sessions.newest_code("e@example.org", b"x" * 32, now)
        sessions.newest_code_of_others("e@example.org", b"x" * 32, now)
        with write():
            memberships.set_role(accounts.account_by_email("alice@example.org"), site, Role.OWNER)
        tell_of_the_operator()
        moved = thread_moves.move(site.id, "/other", "/moved", ActorKind.COMMAND_LINE, "", now)
        client.get(f"/api/v1/counts?{where}&thread=/other&thread=/neither")
        client.get("/api/v1/comments?site=blog&thread=/other", headers={"X-Edit-Token": "none"})
        thread_moves.undo(thread_settings.find_entry(moved.undo), ActorKind.COMMAND_LINE, "", now)
        merged = thread_moves.merge(site.id, "/other", "/post", ActorKind.COMMAND_LINE, "", now)
        thread_moves.undo(thread_settings.find_entry(merged.undo), ActorKind.COMMAND_LINE, "", now)
        deleted = thread_deletion.delete(site, "/other", ActorKind.COMMAND_LINE, "", now)
        thread_moves.undo(thread_settings.find_entry(deleted.undo), ActorKind.COMMAND_LINE, "", now)
        versions.threads_reader(app)([PageDependency(1, threads.hash_of(f"/post{n}"), (1, 1)) for n in range(3)])
        changes = page_changes.change_reader(app)
        assert changes.read() is None and changes.read() == set()

    return tell


def test_no_query_reads_a_growing_table_from_end_to_end(app, story):
    with Ear(db.engine) as ear:
        story()
    db.session.remove()
    assert len(ear.heard) > 40, "the story must be told, or this looks at nothing"
    found = {f"{table}: {' '.join(sql.split())}" for sql, values in ear.heard.items() for table in scans(sql, values)}
    assert found == set()


@pytest.mark.parametrize("is_flagged", [False, True])
@pytest.mark.parametrize(
    ("sort", "score", "begins"),
    [
        (Sort.OLDEST, -1, "created_at"),
        (Sort.NEWEST, -1, "created_at"),
        (Sort.TOP, -1, "created_at"),
        (Sort.TOP, 5_000, "spam_score"),
    ],
)
def test_a_page_further_on_begins_in_the_middle_of_an_index(app, site, now, sort, score, begins, is_flagged):
    if is_flagged and begins == "spam_score":
        pytest.skip("what is reported is sorted")
    for query in ("", "has:link"):
        with Ear(db.engine) as ear:
            wanted = Wanted([site], Status.APPROVED, sort, parse(query), is_flagged=is_flagged)
            comment_search.page(wanted, Cursor(sort, now, score, 7), 50)
        (sql, values), *_ = ((sql, values) for sql, values in ear.heard.items() if "FROM comment" in sql)
        plan = read_plan(sql, values)
        assert "TEMP B-TREE" not in plan and '"Sort"' not in plan, plan
        assert re.search(rf"status=\? AND [^)]*{begins}[<>]\?|ROW\(\w+\.?{begins}|ROW\({begins}", plan), plan


def read_plan(sql, values):
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            return "\n".join(row[3] for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + sql, values))
        for kind in ("seqscan", "bitmapscan", "sort"):
            connection.exec_driver_sql(f"SET LOCAL enable_{kind} = off")
        return json.dumps(connection.exec_driver_sql("EXPLAIN (FORMAT JSON) " + sql, values).scalar())


def test_a_query_that_does_is_found(app, site):
    statements = [
        "SELECT id FROM comment WHERE source = 'x'",
        "UPDATE thread SET title = 'x' WHERE title = 'y'",
    ]
    assert [scans(sql, ()) for sql in statements] == [{"comment"}, {"thread"}]
    assert db.session.scalar(text("SELECT count(*) FROM site")) == 1


# Statistics of ANALYZE in a database of a million comments: rows, then rows per distinct prefix of columns.
OF_A_MILLION = {
    "ix_comment_parent_id": "400000 4",
    "ix_comment_page_by_time": "519389 52 1 1",
    "ix_comment_page_by_score": "519389 52 52 1",
    "ix_comment_thread_queue": "1000000 100 28 1 1",
    "ix_comment_thread_id_id": "1000000 100 1",
    "ix_comment_thread_id_text_hash": "1000000 100 1",
    "ix_comment_author_id_created_at": "1000000 6 1",
    "ix_comment_queue": "1000000 10000 2500 1 1",
    "ix_comment_site_id_id": "1000000 10000 1",
    "ix_comment_replies": "396049 3 2 1",
}


@pytest.mark.parametrize("has_statistics", [False, True])
def test_a_page_is_read_by_its_own_index_whatever_statistics_were_gathered(
    app, client, site, token, alice, make_comment, has_statistics
):
    """SQLite once took comments without a parent for few, and read the top level of all threads for that of one."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL always has statistics, and knows how many have no parent")
    make_comment()
    if has_statistics:
        with db.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
            connection.exec_driver_sql("DELETE FROM sqlite_stat1 WHERE tbl = 'comment'")
            for name, numbers in OF_A_MILLION.items():
                connection.exec_driver_sql("INSERT INTO sqlite_stat1 VALUES ('comment', ?, ?)", (name, numbers))
            connection.commit()
        db.engine.dispose()  # a connection reads them when it opens the file
    headers = token(alice)
    for asked, index in (
        ("comments?site=blog&thread=/post", "ix_comment_page_by_time"),
        ("comments?site=blog&thread=/post&sort=newest", "ix_comment_page_by_time"),
        ("comments?site=blog&thread=/post&sort=top", "ix_comment_page_by_score"),
        ("viewer?site=blog&thread=/post", "ix_comment_author_id_created_at"),
    ):
        with Ear(db.engine) as ear:
            assert client.get(f"/api/v1/{asked}", headers=headers).status_code == 200
        read = [(sql, values) for sql, values in ear.heard.items() if "comment.thread_id" in sql.partition("WHERE")[2]]
        assert read
        for sql, values in read:
            plan = read_plan(sql, values)
            assert f"INDEX {index} " in plan and "TEMP B-TREE" not in plan, f"{asked}: {plan}"
