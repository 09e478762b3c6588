"""Sanctions: each kind affects its subject until it ends or is lifted, and nobody else."""

from datetime import timedelta

import pytest

from commentsvc.core.errors import Conflict, Invalid, NotAllowed, NotFound, Sanctioned
from commentsvc.core.status import Action, Status
from commentsvc.services import edits, moderation, posting, thread_pages
from commentsvc.services import reports as reports_service
from commentsvc.services import sanctions as sanctions_service
from commentsvc.services.moderation import Moderator
from commentsvc.services.sanctions import SanctionOrder
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import accounts, audit_log, comments, counters, decisions, own_comments, sites, threads
from commentsvc.store import reports as stored_reports
from commentsvc.store import sanctions as stored_sanctions
from commentsvc.store.db import db
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write
from tests.support.cast import SECRET, add_account, set_policy
from tests.support.invariants import check_kept_numbers


@pytest.fixture
def carol(app, now):
    with write():
        return accounts.make_account("carol@example.org", "Carol", False, now)


@pytest.fixture
def write_here(site, now):
    set_policy(site, mode="rules")
    clock = iter(range(10_000))

    def post(account=None, name="Eve", email="eve@mail.example", ip="192.0.2.1", on=None, at=None, parent=None):
        on = sites.by_key(on.key if on else "blog")
        name, email = (account.name, account.email) if account else (name, email)
        draft = Draft("/post", "", "", parent, f"A thought {next(clock)}", name, email, None)
        return posting.post(on, Submission(draft, Sender(account, ip, "test", False)), SECRET, at or now)

    return post


def impose(site, by, now, kind, subject, **more):
    subject_kind, _, value = subject.partition(":")
    return sanctions_service.impose(site, SanctionOrder(kind, subject_kind, value, **more), Moderator(by), now)


@pytest.mark.parametrize(
    ("subject", "hit", "missed"),
    [
        ("email:eve@mail.example", {}, {"email": "other@mail.example"}),
        (
            "domain:mail.example",
            {"email": "x@sub.mail.example", "name": "X"},
            {"email": "x@gmail.example", "name": "X"},
        ),
        ("network:192.0.2.0/24", {"ip": "192.0.2.99", "email": "x@y.example"}, {"ip": "192.0.3.1"}),
        ("network:2001:db8::/32", {"ip": "2001:db8:5::1"}, {"ip": "2001:db9::1"}),
    ],
)
def test_a_ban_is_for_whom_it_names(site, alice, write_here, now, subject, hit, missed):
    imposed = impose(site, alice, now, "ban", subject, reason="Enough.")
    with pytest.raises(Sanctioned) as caught:
        write_here(**hit)
    assert caught.value.slug == "banned" and "Enough." in str(caught.value)
    assert write_here(**missed).status == "approved"
    sanctions_service.lift(imposed.id, site, Moderator(alice), now)
    assert write_here(**hit).status == "approved"


def test_an_account_is_banned_wherever_it_writes_from(site, alice, carol, write_here, now):
    impose(site, alice, now, "ban", f"account:{carol.id}")
    with pytest.raises(Sanctioned):
        write_here(carol, ip="203.0.113.5")
    assert write_here().status == "approved"


def test_a_sanction_of_one_site_is_none_on_another_and_an_admins_may_be_on_all(
    site, other_site, alice, carol, write_here, now
):
    set_policy(other_site, mode="rules")
    impose(site, alice, now, "ban", f"account:{carol.id}")
    assert write_here(carol, on=other_site).status == "approved"
    with pytest.raises(NotAllowed):
        impose(site, alice, now, "ban", "email:eve@mail.example", everywhere=True)
    with write():
        root = accounts.make_account("root@example.org", "Root", True, now)
    impose(site, root, now, "ban", "email:eve@mail.example", everywhere=True)
    for on in (site, other_site):
        with pytest.raises(Sanctioned):
            write_here(on=on)


def test_a_warning_must_be_acknowledged_once(site, alice, carol, write_here, now):
    imposed = impose(site, alice, now, "warn", f"account:{carol.id}", reason="Please stay polite.")
    with pytest.raises(Sanctioned) as caught:
        write_here(carol)
    told = caught.value.more["sanction"]
    assert (caught.value.slug, told["id"], told["reason"]) == ("warned", imposed.id, "Please stay polite.")
    assert sanctions_service.visible_sanctions(site, carol.id, carol.email, "", now) == [told]
    with pytest.raises(NotFound):
        sanctions_service.acknowledge(imposed.id, "0" * 32, now)
    sanctions_service.acknowledge(imposed.id, told["token"], now)
    assert write_here(carol).status == "approved"
    assert sanctions_service.visible_sanctions(site, carol.id, carol.email, "", now) == []


def test_a_suspension_ends_by_itself(site, alice, write_here, now):
    until = now + timedelta(days=3)
    with pytest.raises(Invalid):
        impose(site, alice, now, "suspend", "email:eve@mail.example")
    impose(site, alice, now, "suspend", "email:eve@mail.example", until_at=until)
    with pytest.raises(Sanctioned) as caught:
        write_here()
    assert caught.value.slug == "suspended" and f"{until:%Y}" in str(caught.value)
    assert write_here(at=until).status == "approved"


def test_always_hold_holds_in_every_mode_and_trust_passes_the_mode(site, alice, write_here, now):
    impose(site, alice, now, "hold", "email:eve@mail.example")
    for mode in ("rules", "off"):
        set_policy(site, mode=mode)
        assert write_here().status == "pending"
    impose(site, alice, now, "trust", "email:dave@mail.example")
    set_policy(site, mode="all")
    assert write_here(name="Dave", email="dave@mail.example").status == "approved"


def test_who_is_shadow_banned_sees_it_published_and_nobody_else_sees_it(site, alice, carol, write_here, now):
    impose(site, alice, now, "shadow", f"account:{carol.id}")
    posted = write_here(carol)
    comment = posted.comment
    assert (posted.status, posted.reason, comment.status_for_author) == (Status.APPROVED, None, Status.APPROVED)
    assert comment.status == Status.REJECTED and not comment.is_visible_in_tree
    assert thread_pages.load(site, "/post", "oldest", None, 10).roots == []
    assert [c.id for c in own_comments.pending_in(site, "/post", carol)] == [comment.id]
    assert sanctions_service.visible_sanctions(site, carol.id, carol.email, "", now) == []
    reply = write_here(carol, parent=comment.id)
    assert reply.status == Status.APPROVED
    with pytest.raises(Invalid):
        write_here(parent=comment.id)
    edited = edits.edit(comment.id, "Another thought", carol, now)
    assert (edited.status, edited.reason) == (Status.APPROVED, None)
    edits.withdraw(comment.id, now)
    assert comments.by_id(comment.id).status_for_author == Status.DELETED


def test_who_is_banned_changes_nothing_of_theirs_either(site, alice, carol, write_here, now):
    posted = write_here(carol)
    impose(site, alice, now, "ban", f"account:{carol.id}")
    with pytest.raises(Sanctioned):
        edits.edit(posted.comment.id, "Worse", carol, now)


def test_the_strictest_sanction_counts(site, alice, write_here, now):
    impose(site, alice, now, "trust", "email:eve@mail.example")
    impose(site, alice, now, "hold", "domain:mail.example")
    assert write_here().status == "pending"
    impose(site, alice, now, "ban", "network:192.0.2.0/24")
    with pytest.raises(Sanctioned) as caught:
        write_here()
    assert caught.value.slug == "banned"


def test_the_last_days_are_refused_with_it_and_come_back_with_it(site, alice, bob, write_here, now):
    old = write_here(at=now - timedelta(days=9)).comment.id
    recent = [write_here(at=now - timedelta(hours=n)).comment.id for n in (1, 2)]
    other = write_here(name="Dave", email="dave@x.example", ip="198.51.100.1").comment.id
    version = threads.find(site, "/post").version
    imposed = impose(site, alice, now, "ban", "email:eve@mail.example", reject_days=7)
    status = {n: comments.by_id(n).status for n in (old, *recent, other)}
    assert status == {old: "approved", recent[0]: "rejected", recent[1]: "rejected", other: "approved"}
    thread = threads.find(site, "/post")
    assert (thread.count, thread.version > version) == (2, True)
    assert {d.batch for d in decisions.log(site, recent[0], None, 5)[0][:1]} == {imposed.batch}

    moderation.decide([recent[0]], Action.SPAM, Moderator(bob), "", now)
    sanctions_service.lift(imposed.id, site, Moderator(alice), now)
    db.session.expire_all()
    assert comments.by_id(recent[1]).status == "approved"
    assert comments.by_id(recent[0]).status == "spam", "somebody decided on it since"
    assert threads.find(site, "/post").count == 3
    assert counters.of_site(site) == {
        Status.PENDING: 0, Status.APPROVED: 3, Status.REJECTED: 0, Status.SPAM: 1, Status.DELETED: 0
    }  # fmt: skip


def test_refusing_too_much_at_once_changes_nothing(site, alice, write_here, now, monkeypatch):
    monkeypatch.setattr(sanctions_service, "REFUSED_MAX", 1)
    ids = [write_here().comment.id for _ in range(2)]
    with pytest.raises(Invalid):
        impose(site, alice, now, "ban", "email:eve@mail.example", reject_days=7)
    db.session.rollback()
    assert {comments.by_id(n).status for n in ids} == {"approved"}
    assert write_here().status == "approved"


def test_a_moderator_cannot_be_shut_out_and_nonsense_is_refused(site, alice, bob, now):
    for subject in (f"account:{bob.id}", "email:alice@example.org"):
        with pytest.raises(NotAllowed):
            impose(site, alice, now, "ban", subject)
    for kind, subject, more in [
        ("exile", "email:eve@mail.example", {}),
        ("ban", "account:999", {}),
        ("ban", "email:eve", {}),
        ("ban", "email:eve@mail.example", {"reject_days": 31}),
        ("ban", "email:eve@mail.example", {"reason": "x" * 1001}),
        ("ban", "email:eve@mail.example", {"until_at": now}),
        ("trust", "email:eve@mail.example", {"reject_days": 1}),
    ]:
        with pytest.raises(Invalid):
            impose(site, alice, now, kind, subject, **more)


def test_every_sanction_and_its_lifting_is_in_the_audit_log_and_a_second_lifting_is_refused(site, alice, now):
    imposed = impose(site, alice, now, "ban", "email:eve@mail.example", note="third time")
    sanctions_service.lift(imposed.id, site, Moderator(alice), now)
    with pytest.raises(Conflict):
        sanctions_service.lift(imposed.id, site, Moderator(alice), now)
    lifted, made = audit_log.of_site(site, ["sanction"], None, 10)[0]
    assert (made.before, made.after["note"], made.after["lifted"]) == ({}, "third time", False)
    assert (lifted.before["lifted"], lifted.after["lifted"]) == (False, True)
    assert stored_sanctions.by_id(imposed.id).lifted_by_id == alice.id


def test_a_look_for_sanctions_goes_by_the_index(app, site, alice, carol, now):
    """One question by an index, however many sanctions there are."""
    asked = []
    from sqlalchemy import event

    impose(site, alice, now, "ban", f"account:{carol.id}")
    listener = lambda conn, cursor, statement, parameters, context, many: asked.append((statement, parameters))  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", listener)
    assert len(stored_sanctions.active_for(site, carol.id, carol.email, "192.0.2.1", now)) == 1
    event.remove(db.engine, "before_cursor_execute", listener)
    questions = [(s, p) for s, p in asked if "FROM sanction" in s]
    assert len(questions) == 1
    if db.engine.dialect.name == "sqlite":
        plan = db.session.connection().exec_driver_sql("EXPLAIN QUERY PLAN " + questions[0][0], questions[0][1]).all()
        assert "ix_sanction_subject" in str(plan), plan


def test_a_note_about_a_person_is_kept(site, alice, write_here, now):
    author_id = write_here().comment.author_id
    sanctions_service.note(site, author_id, " Has another account. ", Moderator(alice), now)
    entry = audit_log.of_site(site, ["note"], None, 5)[0][0]
    assert (entry.subject, entry.after) == (f"author:{author_id}", {"note": "Has another account."})
    with pytest.raises(Invalid):
        sanctions_service.note(site, author_id, " ", Moderator(alice), now)


def test_a_new_role_is_no_way_around(site, alice, carol, write_here, now):
    """A new moderator is judged as one; earlier sanctions stay in the history."""
    impose(site, alice, now, "ban", f"account:{carol.id}")
    add_account("carol@example.org", "Carol", site, Role.MODERATOR, now)
    assert write_here(accounts.find_account("carol@example.org")).status == "approved"


def test_a_sanction_that_rejects_comments_answers_their_reports_and_lifting_it_reopens_them(
    site, alice, bob, write_here, now
):
    posted = write_here(at=now - timedelta(hours=1)).comment.id
    reports_service.flag(posted, "spam", "", Sender(None, "198.51.100.1", "test", limited=False), SECRET, now)
    assert comments.by_id(posted).flag_count == 1
    imposed = impose(site, alice, now, "ban", "email:eve@mail.example", reject_days=30)
    assert comments.by_id(posted).status == Status.REJECTED
    assert comments.by_id(posted).flag_count == 0
    assert stored_reports.open_of([posted]) == {}
    check_kept_numbers()
    sanctions_service.lift(imposed.id, site, Moderator(bob), now)
    assert comments.by_id(posted).status == Status.APPROVED
    assert comments.by_id(posted).flag_count == 1
    check_kept_numbers()
