"""Imports in the dashboard: upload, check, report, start, and undo of the whole import; by jobs of the worker."""

import gzip
import io
import re
from datetime import UTC, datetime, timedelta

import pytest

from commentsvc import worker
from commentsvc.core.status import Status
from commentsvc.services import cleaning, import_runs, recounts
from commentsvc.services import jobs as jobs_service
from commentsvc.services.jobs import JobTools
from commentsvc.store import accounts, jobs, sites
from commentsvc.store import import_runs as stored_runs
from commentsvc.store.audit_log import AuditEntry
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.import_runs import ImportFile, ImportRun, ImportState
from commentsvc.store.transactions import write
from tests.support.cast import data, service_config
from tests.support.invariants import check_kept_numbers
from tests.support.wordpress import HEAD, comment_xml, item_xml

PAGE = "/dashboard/blog/imports"


@pytest.fixture
def upload(alices, csrf):
    """Send the form; gives the page after it."""

    def send(content: bytes, name="export.xml", format="wordpress", **fields):
        form = {"csrf_token": csrf(alices.get(PAGE).text), "format": format, "file": (io.BytesIO(content), name)}
        return alices.post(PAGE, data={**form, **fields}, follow_redirects=True)

    return send


@pytest.fixture
def press(alices, csrf):
    """Press a button of the newest import's page; gives the page after it."""

    def send(act):
        path = f"{PAGE}/{newest().id}"
        form = {"csrf_token": csrf(alices.get(path).text), "act": act}
        return alices.post(path, data=form, follow_redirects=True)

    return send


@pytest.fixture
def work(now):
    def run():
        while worker.run_due(None, datetime.now(UTC)):
            pass
        db.session.rollback()

    return run


@pytest.fixture(autouse=True)
def nothing_is_off(site):
    yield
    assert recounts.check(sites.by_key("blog"), lambda _: None) == []
    check_kept_numbers()


def newest() -> ImportRun:
    db.session.rollback()
    return stored_runs.of_site(sites.by_key("blog"))[0]


def counted(*statuses) -> int:
    db.session.rollback()
    query = db.session.query(Comment)
    return (query.filter(Comment.status.in_(statuses)) if statuses else query).count()


def figures(page) -> dict[str, str]:
    return dict(re.findall(r'<th scope="row">([^<]+)</th><td>([^<]*)</td>', page.text))


def test_a_file_is_checked_imported_and_undone(alices, upload, press, work):
    content = data("import/isso_wordpress.xml").read_bytes()
    page = upload(gzip.compress(content), "isso_wordpress.xml.gz")
    assert "being checked" in page.text and 'http-equiv="refresh"' in page.text
    assert counted() == 0
    work()
    page = alices.get(f"{PAGE}/{newest().id}")
    assert "What would be imported" in page.text and 'http-equiv="refresh"' not in page.text
    assert {name: figures(page)[name] for name in ("Comments read", "To add", "Here already", "Left out")} == {
        "Comments read": "8", "To add": "8", "Here already": "0", "Left out": "0",
    }  # fmt: skip
    assert counted() == 0, "a check imports nothing"
    assert "being imported" in press("start").text
    work()
    page = alices.get(f"{PAGE}/{newest().id}")
    assert (figures(page)["Added"], counted()) == ("8", 8)
    assert db.session.query(ImportFile).count() == 0, "the file is not kept"
    assert "being undone" in press("undo").text
    work()
    assert "undone" in alices.get(f"{PAGE}/{newest().id}").text
    assert counted(*set(Status) - {Status.DELETED}) == 0
    upload(content)
    work()
    press("start")
    work()
    assert counted(*set(Status) - {Status.DELETED}) == 8, "after an undo the file can be imported again"
    kinds = [entry.kind for entry in db.session.query(AuditEntry).order_by(AuditEntry.id)]
    assert [kind for kind in kinds if kind.startswith("import")] == ["import", "import-undo", "import"]


def test_an_undo_leaves_what_was_here_and_what_readers_have_answered(upload, press, work, make_comment, client):
    mine = make_comment("/hello", name="Erin", body="Here before")
    page = item_xml(comment_xml(1, comment_content="Imported"), path="/hello/")
    upload(f"{HEAD.format(base='https://old.example')}{page}</channel></rss>".encode())
    work()
    press("start")
    work()
    (imported,) = db.session.query(Comment).filter(Comment.import_run_id.is_not(None))
    reply = make_comment(imported.thread.key, parent=imported.id, name="Dave", body="An answer")
    press("undo")
    work()
    left = {comment.id: comment.status for comment in db.session.query(Comment)}
    assert left == {mine: "approved", imported.id: "deleted", reply: "approved"}
    shown = client.get("/api/v1/comments?site=blog&thread=/hello", headers={"X-Edit-Token": "none"}).json["comments"]
    assert "An answer" in str(shown) and "Imported" not in str(shown)


def test_the_undo_is_one_act_of_the_activity_log_that_can_be_undone(alices, upload, press, work, csrf):
    upload(data("import/isso_wordpress.xml").read_bytes())
    work()
    press("start")
    work()
    press("undo")
    work()
    log = alices.get("/dashboard/blog/log")
    assert "Undo for all 8 comments" in log.text
    batch = re.search(r'name="undo" value="([0-9a-f]{32})"', log.text)[1]
    alices.post("/dashboard/blog/undo", data={"csrf_token": csrf(log.text), "undo": batch})
    assert counted(*set(Status) - {Status.DELETED}) == 8


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"format": "typepad"}, "Choose the system that wrote the file."),
        ({"timezone": "Mars/Olympus"}, "There is no time zone “Mars/Olympus”."),
        ({"from": "https://old.example"}, "Give both the old and the new origin"),
        ({"from": "https://old.example/blog", "to": "https://blog.example"}, "is not an origin"),
        ({"map": (b"/only-one\n", "map.csv")}, "Line 1 of the map"),
        ({"map": (b"\xff\xfe", "map.csv")}, "not a CSV file in UTF-8"),
        ({"file": (b"", "")}, "Choose the file to import."),
        ({"file": (b"", "empty.xml")}, "The one you sent is empty."),
    ],
)
def test_wrong_input_is_said_and_queues_nothing(alices, upload, fields, says):
    files = {key: (io.BytesIO(one[0]), one[1]) for key, one in fields.items() if isinstance(one, tuple)}
    page = upload(**{"content": b"<rss/>", **fields, **files})
    assert page.status_code == 422
    assert says in page.text.replace("&#39;", "'")
    db.session.rollback()
    assert db.session.query(ImportRun).count() == 0


def test_an_export_of_ours_is_taken_from_admins_alone(app, upload, alices, sign_in, csrf, now):
    page = upload(b"{}", "export.jsonl", "json")
    assert page.status_code == 422 and "Ask an administrator" in page.text
    assert 'value="json"' not in alices.get(PAGE).text
    with write():
        ada = accounts.make_account("ada@example.org", "Ada", True, now)
    browser = app.test_client()
    sign_in(browser, ada)
    form = {"csrf_token": csrf(browser.get(PAGE).text), "format": "json", "file": (io.BytesIO(b"{}"), "export.jsonl")}
    assert browser.post(PAGE, data=form).status_code == 303


def test_a_file_that_is_too_large_is_refused_with_the_way_out(alices, site):
    form = {"data": b"x" * (8 * 2**20 + 1), "content_type": "multipart/form-data; boundary=x"}
    page = alices.post(PAGE, **form)
    assert page.status_code == 413
    assert "larger than 8 MB" in page.text and "commentsvc import" in page.text


def test_a_broken_file_says_where_and_changes_nothing(alices, upload, work):
    upload(data("import/isso_wordpress.xml").read_bytes()[:5000])
    work()
    page = alices.get(f"{PAGE}/{newest().id}")
    assert newest().state == ImportState.FAILED
    assert re.search(r"[Ll]ine \d+", page.text)
    assert counted() == 0 and db.session.query(ImportFile).count() == 0


def test_a_job_that_was_killed_is_completed_by_the_next_try_and_nobody_works_on_it_twice(
    alices, upload, press, work, now, monkeypatch
):
    upload(data("import/isso_wordpress.xml").read_bytes())
    work()
    press("start")
    monkeypatch.setattr("commentsvc.services.imports.BATCH", 3)

    def die(*_):
        raise KeyboardInterrupt

    db.session.rollback()
    job = jobs.claim(now, jobs.LONG_QUEUE)
    db.session.commit()
    with monkeypatch.context() as killed:
        killed.setattr("commentsvc.services.import_runs._Noter.__call__", die)
        with pytest.raises(KeyboardInterrupt):
            jobs_service.perform(job.payload, job.key, JobTools(None, ()), now)
    assert counted() == 3
    with pytest.raises(import_runs.ImportBusy):
        jobs_service.perform(job.payload, job.key, JobTools(None, ()), now + timedelta(seconds=1))
    jobs_service.perform(job.payload, job.key, JobTools(None, ()), now + timedelta(minutes=3))
    assert counted() == 8
    assert newest().state == ImportState.DONE
    assert newest().report["added"] == 5 and newest().report["known"] == 3
    press("undo")
    work()
    assert counted(*set(Status) - {Status.DELETED}) == 0, "also what the first try has added"


def test_a_file_that_nobody_starts_is_deleted_the_next_day(upload, work, now):
    upload(data("import/isso_wordpress.xml").read_bytes())
    work()
    for age, left in ((timedelta(hours=23), 1), (timedelta(days=1, seconds=1), 0)):
        cleaning.clean(now, newest().created_at + age, service_config())
        db.session.rollback()
        assert db.session.query(ImportFile).count() == left
    assert newest().state == ImportState.CANCELLED


def test_a_check_is_cancelled_and_the_file_deleted(upload, press, work):
    upload(data("import/isso_wordpress.xml").read_bytes())
    work()
    assert "The file was deleted." in press("cancel").text
    db.session.rollback()
    assert db.session.query(ImportFile).count() == 0
    assert "started or cancelled already" in press("start").text


def test_an_import_of_another_site_is_not_found(app, upload, work, mallory, sign_in):
    upload(data("import/isso_wordpress.xml").read_bytes())
    other = app.test_client()
    sign_in(other, mallory)
    assert other.get(f"/dashboard/other/imports/{newest().id}").status_code == 404
    assert other.get(f"{PAGE}/{newest().id}").status_code == 404
