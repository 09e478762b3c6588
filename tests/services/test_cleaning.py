"""What is pruned by age: each after its own time, some rows at a time, and nothing that is younger."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from commentsvc.core.status import Status
from commentsvc.services import cleaning, sign_in
from commentsvc.store import audit_log, pruning
from commentsvc.store.audit_log import ActorKind, AuditEntry
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.decisions import Decision
from commentsvc.store.jobs import Job
from commentsvc.store.reports import Report
from commentsvc.store.sessions import SigninCode
from commentsvc.store.transactions import write
from tests.support.cast import service_config
from tests.support.invariants import check_kept_numbers

SETTINGS = ("ip_days", "user_agent_days", "refused_days", "failed_jobs_days", "idempotency_days", "sign_in_days")
NEVER = dict.fromkeys(SETTINGS, 0)


def clean(now, **settings):
    has_more = cleaning.clean(now, now, config(**settings))
    db.session.rollback()
    return has_more


def config(**settings):
    return replace(service_config(), **{**NEVER, **settings})


@pytest.fixture
def aged(make_comment, now):
    """Comments of these ages in days, in order of their ids."""

    def make(*days, status=Status.APPROVED):
        ids = [make_comment(body=f"Text {number} {status}", status=status) for number, _ in enumerate(days)]
        with write():
            for comment_id, age in zip(ids, days, strict=True):
                at = now - timedelta(days=age)
                db.session.execute(update(Comment).where(Comment.id == comment_id).values(created_at=at))
        return ids

    return make


def values(column):
    return db.session.scalars(select(column).order_by(Comment.id)).all()


def test_ip_addresses_go_after_their_time_and_the_network_stays(aged, now):
    aged(91, 92, 89)
    assert clean(now, ip_days=90) is False
    assert values(Comment.ip) == ["", "", "192.0.2.1"]
    assert values(Comment.network) == ["192.0.2.0/24"] * 3
    assert values(Comment.user_agent) == ["test"] * 3
    clean(now + timedelta(days=2), ip_days=90)
    assert values(Comment.ip) == ["", "", ""]
    check_kept_numbers()


def test_browsers_go_after_a_time_of_their_own(aged, now):
    aged(31, 29)
    clean(now, user_agent_days=30)
    assert values(Comment.user_agent) == ["", "test"]
    assert values(Comment.ip) == ["192.0.2.1"] * 2


def test_nothing_goes_when_it_is_kept_for_ever(aged, now):
    aged(5000)
    assert clean(now) is False
    assert (values(Comment.ip), values(Comment.user_agent)) == (["192.0.2.1"], ["test"])


def test_few_rows_go_at_once_and_the_next_call_goes_on(aged, now, monkeypatch):
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    aged(95, 94, 93)
    assert clean(now, ip_days=90) is True
    assert values(Comment.ip) == ["", "", "192.0.2.1"]
    assert clean(now, ip_days=90) is False
    assert values(Comment.ip) == ["", "", ""]


def test_a_comment_with_a_time_in_the_future_stops_nothing(aged, now):
    aged(95, -400, 94)
    clean(now, ip_days=90)
    assert values(Comment.ip) == ["", "", ""]


def test_addresses_of_reports_and_of_the_audit_log_go_too(site, make_comment, now):
    comment_id = make_comment()
    old = now - timedelta(days=91)
    with write():
        values = {"site_id": site.id, "comment_id": comment_id, "guest_hash": b"x", "reason": "spam", "created_at": old}
        db.session.add(Report(**values, ip="192.0.2.7", network="192.0.2.0/24", handled_at=old))
        audit_log.add("note", old, site=site, by=ActorKind.SYSTEM, ip="192.0.2.8")
        audit_log.add("note", now, site=site, by=ActorKind.SYSTEM, ip="192.0.2.9")
    clean(now, ip_days=90)
    report = db.session.scalars(select(Report)).one()
    assert (report.ip, report.network) == ("", "192.0.2.0/24")
    assert db.session.scalars(select(AuditEntry.ip).order_by(AuditEntry.id)).all() == ["", "192.0.2.9"]


def test_refused_comments_lose_text_and_author_when_the_operator_wants_it(aged, now):
    aged(181, 10, status=Status.SPAM)
    aged(181, status=Status.PENDING)
    clean(now)
    assert values(Comment.status) == ["spam", "spam", "pending"], "by default they stay"
    clean(now, refused_days=180)
    assert values(Comment.status) == ["deleted", "spam", "pending"]
    erased = db.session.scalars(select(Comment).order_by(Comment.id)).first()
    assert (erased.source, erased.html, erased.author_email, erased.ip) == ("", "", None, "")
    decision = db.session.scalars(select(Decision).where(Decision.by_rule == "age")).one()
    assert decision.status_after == "deleted"
    check_kept_numbers()


def test_used_and_expired_codes_go_after_their_time(alice, now):
    with write():
        sign_in.printed_link(alice, now - timedelta(days=40))
        sign_in.printed_link(alice, now - timedelta(days=20))
    clean(now, sign_in_days=30)
    assert db.session.scalar(select(func.count()).select_from(SigninCode)) == 1


def test_jobs_that_were_given_up_go_after_their_time(app, now):
    with write():
        for days in (91, 89):
            at = now - timedelta(days=days)
            db.session.add(Job(kind="mail", payload={"to": "a@b.example"}, created_at=at, failed_at=at))
    clean(now)
    assert db.session.scalar(select(func.count()).select_from(Job)) == 2
    clean(now, failed_jobs_days=90)
    assert db.session.scalar(select(func.count()).select_from(Job)) == 1
