"""The list of background jobs for admins: why they failed, another try, deletion; all in the audit log."""

import pytest

from commentsvc.core.job_kinds import MailJob
from commentsvc.store import accounts, jobs
from commentsvc.store.audit_log import AuditEntry
from commentsvc.store.db import db
from commentsvc.store.jobs import Job
from commentsvc.store.transactions import write

PAGE = "/dashboard/_jobs"


@pytest.fixture
def failed(now, site):
    with write():
        jobs.add(MailJob("carol@example.org", "Hello", "Text", ""), now)
    with write():
        job = jobs.claim(now, "mail")
        jobs.fail(job, "550 No such user <script>", now, is_final=True)
    return job.id


@pytest.fixture
def admins(client, site, sign_in, now):
    with write():
        ada = accounts.make_account("ada@example.org", "Ada", True, now)
    sign_in(client, ada)
    return client


def send(client, csrf, **form):
    token = csrf(client.get("/account").text)
    return client.post(PAGE, data={"csrf_token": token, **form}, follow_redirects=True)


def test_an_admin_sees_why_and_tries_again_or_deletes(admins, failed, csrf):
    page = admins.get(PAGE)
    assert "550 No such user &lt;script&gt;" in page.text and "carol@example.org" in page.text
    assert "Jobs that will be retried: 1." in send(admins, csrf, act="retry", job=str(failed)).text
    db.session.rollback()
    assert db.session.get(Job, failed).failed_at is None
    assert "There is no waiting or failed job 99" in send(admins, csrf, act="drop", job="99").text
    assert "Jobs deleted: 1." in send(admins, csrf, act="drop", job=str(failed)).text
    db.session.rollback()
    assert db.session.get(Job, failed) is None
    assert "No jobs are waiting, running or failed." in admins.get(PAGE).text
    entries = [entry.subject for entry in db.session.query(AuditEntry).filter_by(kind="job")]
    assert entries == [f"retry {failed}", f"drop {failed}"]


def test_all_failed_jobs_are_tried_again_and_no_get_does_it(admins, failed, csrf):
    admins.get(f"{PAGE}?act=retry")
    db.session.rollback()
    assert db.session.get(Job, failed).failed_at is not None
    assert "Jobs that will be retried: 1." in send(admins, csrf, act="retry").text
    assert "Choose an action." in send(admins, csrf, act="explode").text


def test_nobody_else_knows_of_it(client, failed, alice, sign_in, csrf):
    sign_in(client, alice)
    assert client.get(PAGE).status_code == 404
    assert send(client, csrf, act="drop").status_code == 404
    db.session.rollback()
    assert db.session.get(Job, failed) is not None
    assert "_jobs" not in client.get("/dashboard/blog").text
