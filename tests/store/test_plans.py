"""No query of the service reads a whole table that grows: each is explained by the database itself, on both."""

import json
import re
import time
from datetime import timedelta

import pytest
from cast import BLOG
from sqlalchemy import event, text

from commentsvc import worker
from commentsvc.gateways.mail import Mailer
from commentsvc.store import people
from commentsvc.store.db import db, write
from commentsvc.store.people import Role

GROW = {"comment", "thread", "author", "decision", "answer", "job", "signin_code", "session", "api_token", "account"}
ONCE = re.compile(r"^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|PRAGMA|SET|SHOW|EXPLAIN)", re.IGNORECASE)


# Of jobs only those in the index, the open or the failed, may be read from end to end.
SCAN = re.compile(r"SCAN (\w+)(?! USING (?:COVERING )?INDEX ix_job_)")


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
            # Of a plain row SQLite also explains what it would look through were a foreign key broken just now.
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


@pytest.fixture
def story(app, client, site, alice, token, make_comment, now):
    """All that the public, moderators and the worker ask of the database, told once."""
    root = make_comment(body="A root")
    make_comment(parent=root, body="A reply")
    for n in range(3):
        make_comment(status="pending", body=f"Waiting {n}", name=f"Dave {n}")
    headers = token(alice)

    def tell():
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
        time.sleep(0.55)
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
        people.codes_sent(now, now, email="e@example.org")
        people.codes_sent(now, now, ip="192.0.2.1")
        with write():
            people.set_role(people.account_by_email("alice@example.org"), site, Role.OWNER)

    return tell


def test_no_query_reads_a_growing_table_from_end_to_end(app, story):
    with Ear(db.engine) as ear:
        story()
    db.session.remove()
    assert len(ear.heard) > 40, "the story must be told, or this looks at nothing"
    found = {f"{table}: {' '.join(sql.split())}" for sql, values in ear.heard.items() for table in scans(sql, values)}
    assert found == set()


def test_a_query_that_does_is_found(app, site):
    statements = [
        "SELECT id FROM comment WHERE source = 'x'",
        "UPDATE thread SET title = 'x' WHERE title = 'y'",
    ]
    assert [scans(sql, ()) for sql in statements] == [{"comment"}, {"thread"}]
    assert db.session.scalar(text("SELECT count(*) FROM site")) == 1
