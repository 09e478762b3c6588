"""Readiness with reasons, metrics, and logs."""

import io
import json
import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from commentsvc.core.status import Action
from commentsvc.gateways import log_lines
from commentsvc.services import moderation
from commentsvc.services.moderation import Moderator
from commentsvc.store import jobs
from commentsvc.store.db import db
from commentsvc.store.transactions import write
from tests.support.jobs import add_stored

THREAD = "/embed/v1/comments?site=blog&thread=/post"


@pytest.fixture
def told(client):
    """The metrics as numbers: told("name", label="value") is the sum of all series with these labels, 0 for none."""

    def read(name, **labels):
        return sum(
            sample.value
            for family in text_string_to_metric_families(client.get("/metrics").text)
            for sample in family.samples
            if sample.name == f"commentsvc_{name}" and labels.items() <= sample.labels.items()
        )

    return read


def test_hot_reads_builds_and_requests_are_counted(client, told, make_comment):
    make_comment()
    client.get("/healthz")
    before = {name: told("pages_total", how=name) for name in ("hot", "built")}
    refused = {"method": "GET", "route": "/embed/v1/comments", "status": "404"}
    refused_before = told("requests_total", **refused)
    for _ in range(5):
        client.get(THREAD)
    client.get("/embed/v1/comments?site=nobodys&thread=/x")
    assert told("pages_total", how="built") == before["built"] + 1
    assert 3 <= told("pages_total", how="hot") - before["hot"] <= 4
    assert told("requests_total", **refused) == refused_before + 1


def test_what_moderators_decide_and_what_waits_for_them_is_told(client, told, site, alice, make_comment, now):
    waiting = make_comment(status="pending")
    make_comment(status="pending", body="Another")
    assert told("comments", status="pending") == 2
    assert told("queue_oldest_seconds") == pytest.approx(86400, abs=120)  # the fixture's comments are of yesterday
    before = told("decisions_total", status="approved")
    moderation.decide([waiting], Action.APPROVE, Moderator(alice), "", now)
    assert told("decisions_total", status="approved") == before + 1
    assert told("comments", status="approved") == 1


def test_jobs_that_wait_are_told_and_a_queue_that_nobody_works_on_is_called_late(client, told, now):
    with write():
        add_stored("mail", {}, now - timedelta(seconds=30))
    assert told("jobs_waiting") == 1
    assert told("jobs_oldest_seconds") == pytest.approx(30, abs=5)
    assert client.get("/readyz").json["queue"]["status"] == "ok"
    with write():
        add_stored("mail", {}, now - timedelta(seconds=1000))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["database"]) == (503, "ok")
    assert "no worker does jobs" in answer.json["queue"]["status"]
    assert answer.json["queue"]["waiting"] == 2
    with write():
        jobs.claim(now, "mail")
    answer = client.get("/readyz")
    assert answer.status_code == 200, "a worker is running"
    assert answer.json["queue"]["status"].startswith("late")


def test_a_schema_older_than_the_program_is_not_ready_and_one_from_the_future_is(client, site):
    for revision, status in (("0001", 503), ("9999", 200)):
        current = db.session.scalar(text("SELECT version_num FROM alembic_version"))
        with write():
            db.session.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": revision})
        answer = client.get("/readyz")
        with write():
            db.session.execute(text("UPDATE alembic_version SET version_num = :old"), {"old": current})
        assert answer.status_code == status
        assert status == 200 or "commentsvc db upgrade" in answer.json["database"]
    assert client.get("/readyz").status_code == 200


def test_metrics_are_told_while_the_database_is_away(client, told, site):
    db.session.remove()
    with write():
        db.session.execute(text("ALTER TABLE tally RENAME TO tally_elsewhere"))
    try:
        assert told("database_up") == 0
    finally:
        with write():
            db.session.execute(text("ALTER TABLE tally_elsewhere RENAME TO tally"))
    assert told("database_up") == 1


def test_every_answer_has_a_number_and_a_proxys_own_is_kept(client, site):
    given = client.get("/healthz", headers={"X-Request-ID": "abcdef-123456"})
    assert given.headers["X-Request-ID"] == "abcdef-123456"
    for bad in ("short", "x" * 65, "has spaces in it", 'quote"quote'):
        made = client.get("/healthz", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        assert re.fullmatch(r"[0-9a-f]{16}", made)


def test_a_shared_page_carries_nobodys_number(client, make_comment):
    make_comment()
    assert "X-Request-ID" not in client.get(THREAD).headers


def test_logs_for_machines_name_request_route_and_status_and_hold_no_secret(make_app):
    written = io.StringIO()
    handler = log_lines.handler("json", written)
    logger = logging.getLogger("commentsvc.web.http.request_log")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        reader = make_app(LOG_FORMAT="json").test_client()
        reader.get("/auth/link/verysecrettoken", headers={"X-Request-ID": "abcdef-123456"})
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    line = json.loads(written.getvalue())
    assert (line["route"], line["method"], line["status"]) == ("/auth/link/<token>", "GET", 404)
    assert line["request_id"] == "abcdef-123456"
    assert line["took_ms"] > 0
    assert "verysecrettoken" not in written.getvalue()


def test_a_slow_query_is_logged_without_its_values(make_app, caplog, told):
    app = make_app(SLOW_QUERY_MS="20")
    with app.app_context():
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)"
        slow = f"{numbers} SELECT count(*), CAST(:word AS TEXT) FROM n"
        before = told("database_troubles_total", trouble="slow query")
        db.session.execute(text(slow), {"word": "secret words"})
        db.session.remove()
    said = [record.getMessage() for record in caplog.records if "a query took" in record.getMessage()]
    assert len(said) == 1
    assert "secret words" not in said[0]
    assert told("database_troubles_total", trouble="slow query") == before + 1


def test_the_number_of_a_request_does_not_outlive_it(client):
    client.get("/healthz")
    assert log_lines.request_id.get() == ""


def test_methods_that_nobody_knows_are_counted_as_one(client, told):
    before = told("requests_total", method="other", route="none")
    for made_up in ("BREW", "PROPFIND"):
        client.open("/nothing-here", method=made_up)
    assert told("requests_total", method="other", route="none") == before + 2
    assert told("requests_total", method="BREW") == 0


def test_what_is_rare_stands_at_zero_before_it_happens(client):
    """A rate sees nothing of a count that begins with its first."""
    said = client.get("/metrics").text
    for series in (
        'pages_total{how="hot"}',
        'pages_total{how="confirmed"}',
        'pages_total{how="built"}',
        'database_troubles_total{trouble="away"}',
        'database_troubles_total{trouble="slow query"}',
    ):
        assert f"commentsvc_{series}" in said


def families(client):
    return [f for f in text_string_to_metric_families(client.get("/metrics").text) if f.name.startswith("commentsvc_")]


def test_metrics_are_named_as_prometheus_wants_them(client, make_comment):
    """What `promtool check metrics` looks for: help, a unit or `_total` at the end, each name and series once."""
    make_comment()
    client.get(THREAD)
    found = families(client)
    names = [family.name for family in found]
    assert len(names) == len(set(names)) > 10
    for family in found:
        assert family.documentation, family.name
        assert re.fullmatch(r"[a-z_]+", family.name) and not family.name.endswith(("_total", "_count", "_sum"))
        ends = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}[family.type]
        assert {sample.name for sample in family.samples} <= {family.name + end for end in ends}
        series = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        assert len(series) == len(set(series))
        assert family.type != "histogram" or family.name.endswith("_seconds")


def test_the_dashboard_shows_all_that_is_counted_and_nothing_else(client, site, make_comment):
    make_comment()
    client.get(THREAD)
    dashboard = json.loads((Path(__file__).parents[3] / "deploy" / "grafana.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    counted = families(client)
    names = {"counter": "{}_total", "gauge": "{}", "histogram": "{}_bucket"}
    assert set(re.findall(r"commentsvc_\w+", asked)) == {names[family.type].format(family.name) for family in counted}
    # A label that no count has makes a panel that is empty for ever; what was never counted shows no label here.
    labels = {name for family in counted for sample in family.samples for name in sample.labels}
    used = {name.strip() for by in re.findall(r"by \(([^)]*)\)", asked) for name in by.split(",")}
    used |= set(re.findall(r"(\w+)=['\"]", asked))
    assert used - labels <= {"limit", "kind", "outcome"}
