"""A person's copy, and an erasure after which no table, file or page names the person."""

import json
from datetime import timedelta

import brotli
import pytest
from sqlalchemy import MetaData, inspect, select

from commentsvc.core.status import Action, Status
from commentsvc.gateways.mail_templates import RenderedMail
from commentsvc.services import accounts as accounts_service
from commentsvc.services import mail_queue, moderation, people, posting, reports, sanctions, spam_training
from commentsvc.services.moderation import Moderator
from commentsvc.services.sanctions import SanctionOrder
from commentsvc.services.submissions import Draft, Notify, Sender, Submission
from commentsvc.store import accounts, audit_log
from commentsvc.store.audit_log import ActorKind, AuditEntry
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.erasure import Erasure
from commentsvc.store.jobs import Job
from commentsvc.store.sanctions import Sanction
from commentsvc.store.transactions import write
from tests.support.cast import SECRET, service_config
from tests.support.clocks import next_window
from tests.support.invariants import check_kept_numbers

NAME, EMAIL, IP, AGENT = "Zaphodia Quux", "zaphodia@quux.example", "198.51.100.77", "Quuxbrowser/7"
TRACES = ("zaphodia", "quux", "198.51.100.77", "198.51.100.0")


@pytest.fixture
def write_as(site, now):
    """Post a comment as Zaphodia, a guest or with an account; gives its id."""

    def post(body="Hello", email=EMAIL, account=None, on=None, at=None, thread="/post"):
        draft = Draft(thread, "", "A post", None, body, NAME, email, "https://quux.example", Notify.REPLIES)
        sender = Sender(account, IP, AGENT, limited=False)
        return posting.post(
            on or site, Submission(draft, sender, f"key of {body} on {thread} at {at}"), SECRET, at or now
        ).comment.id

    return post


@pytest.fixture
def told(site, alice, write_as, client, now):
    """Everything that the service may write down about a guest."""
    ids = [write_as(body) for body in ("First words", "Second words")]
    moderation.decide(ids[:1], Action.APPROVE, Moderator(alice), f"{NAME} is fine", now, f"Hi {NAME}")
    comment = db.session.get_one(Comment, ids[0])
    reports.flag(ids[0], "spam", "", Sender(None, IP, AGENT, False), SECRET, now)
    sanctions.impose(site, SanctionOrder("warn", "email", EMAIL, "Be kind", f"{NAME}!", author_id=comment.author_id),
                     Moderator(alice), now)  # fmt: skip
    sanctions.impose(site, SanctionOrder("hold", "network", IP), Moderator(alice), now)
    sanctions.note(site, comment.author_id, f"{NAME} again", Moderator(alice), now)
    with write():
        mail_queue.add(EMAIL, RenderedMail("Hello", f"Dear {NAME}", ""), now)
        mail_queue.add("alice@example.org", RenderedMail(f"{NAME} wrote", f"{EMAIL} from {IP}", ""), now)
        audit_log.add("account", now, by=ActorKind.COMMAND_LINE, subject=EMAIL, after={"name": NAME})
    while spam_training.follow(now + timedelta(minutes=1)):
        pass
    for path in ("/t/blog?thread=/post", "/embed/v1/comments?site=blog&thread=/post", "/api/v1/recent?site=blog"):
        assert NAME in client.get(path).text
    db.session.rollback()
    return ids


def erase(email=EMAIL, site=None, keeps=True, at=None, by=ActorKind.COMMAND_LINE):
    from datetime import UTC, datetime

    done = people.erase(email, site, keeps, service_config(), by, at or datetime.now(UTC))
    db.session.rollback()
    return done


def texts_of_all_tables():
    """Every value of every column that can hold text, with its place."""
    tables = MetaData()
    tables.reflect(db.engine)
    with db.engine.connect() as connection:
        for table in tables.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                for column, value in row.items():
                    if isinstance(value, str | dict | list):
                        yield f"{table.name}.{column}", json.dumps(value, ensure_ascii=False).lower()


def found_in_tables():
    return {(place, trace) for place, text in texts_of_all_tables() for trace in TRACES if trace in text}


def found_in_files(folder):
    """The traces in the raw bytes of every file, and in what its compressed pages hold."""
    found = set()
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".page":
            packed = content.partition(b"\n")[2]
            content += brotli.decompress(packed)
        found |= {(path.name, trace) for trace in TRACES if trace.encode() in content.lower()}
    return found


@pytest.mark.parametrize("keeps", [True, False])
def test_an_erased_guest_is_in_no_table_file_or_page(told, tmp_path, keeps, app, client):
    places = {place.partition(".")[0] for place, _ in found_in_tables()}
    assert {"comment", "author", "comment_words", "decision", "flag", "sanction", "job", "journal"} <= places
    assert any(name.endswith(".page") for name, _ in found_in_files(tmp_path)), "else this looks at nothing"

    assert erase(keeps=keeps).comments == 2

    assert found_in_tables() == set()
    assert found_in_files(tmp_path) == set()
    rows = db.session.scalars(select(Comment).order_by(Comment.id)).all()
    assert {row.author_name for row in rows} == {"Deleted account"}
    assert [row.source for row in rows] == (["First words", "Second words"] if keeps else ["", ""])
    assert {row.status for row in rows} == ({"approved", "pending"} if keeps else {"deleted"})
    next_window(app)
    assert NAME not in client.get("/t/blog?thread=/post").text
    check_kept_numbers()


def test_what_belongs_to_others_stays(told, make_comment, alice, other_site, now):
    other = make_comment(name="Dave")
    sanctions.impose(other_site, SanctionOrder("ban", "domain", "spam.example"), Moderator(alice_admin(now)), now)
    erase()
    assert db.session.get_one(Comment, other).author_name == "Dave"
    assert [row.subject for row in db.session.scalars(select(Sanction))] == ["domain:spam.example"]
    (mail,) = [job for job in db.session.scalars(select(Job)) if job.payload.get("to")]
    assert (mail.payload["to"], mail.payload["text"]) == ("alice@example.org", "… from …")
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "erasure")).one()
    assert (entry.actor, entry.after) == ("command line", {"comments": 2})


def alice_admin(now):
    with write():
        return accounts.make_account("root@example.org", "Root", True, now)


def test_a_comment_whose_address_was_never_confirmed_is_erased_too(site, write_as, now):
    comment_id = write_as()
    with write():  # as posting does for an address that must first be confirmed
        author = db.session.scalars(select(Author)).one()
        author.email, author.guest_hash = None, b"name and IP address"
    assert db.session.get_one(Comment, comment_id).author_email == EMAIL
    assert erase(site=site).comments == 1
    assert db.session.get_one(Comment, comment_id, populate_existing=True).author_email is None


def test_an_account_goes_with_everything_that_names_it(site, write_as, tmp_path, now):
    with write():
        account = accounts.make_account(EMAIL, NAME, False, now)
    write_as(account=account)
    done = erase()
    assert (done.comments, done.had_account) == (1, True)
    assert found_in_tables() == set()
    assert found_in_files(tmp_path) == set()


def test_on_one_site_the_account_stays_and_what_it_wrote_elsewhere(site, other_site, write_as, now):
    with write():
        account = accounts.make_account(EMAIL, NAME, False, now)
    here, there = write_as(account=account), write_as(account=account, on=other_site)
    erase(site=site)
    names = [db.session.get_one(Comment, number).author_name for number in (here, there)]
    assert names == ["Deleted account", NAME]
    assert accounts.find_account(EMAIL) is not None
    check_kept_numbers()


def test_an_erased_guest_of_a_restored_backup_is_erased_again(site, write_as, now):
    write_as("First", at=now - timedelta(days=2))
    erase(at=now - timedelta(days=1))
    back = write_as("From the backup", at=now - timedelta(days=2, hours=1))
    newer = write_as("Back again", at=now)
    assert people.erase_again(service_config(), now) == 1
    db.session.rollback()
    names = [db.session.get_one(Comment, number).author_name for number in (back, newer)]
    assert names == ["Deleted account", NAME]
    assert people.erase_again(service_config(), now) == 0
    assert "quux" not in repr([vars(row) for row in db.session.scalars(select(Erasure))])
    check_kept_numbers()


def test_an_erased_account_of_a_restored_backup_is_erased_again(site, write_as, now):
    with write():
        account = accounts.make_account(EMAIL, NAME, False, now)
    account_id = account.id
    accounts_service.erase(account_id, False, now, service_config())
    with write():  # as in the backup
        account = db.session.get_one(accounts.Account, account_id)
        account.erased_at, account.email, account.name = None, EMAIL, NAME
    comment_id = write_as(account=account)
    assert people.erase_again(service_config(), now) == 1
    db.session.rollback()
    assert found_in_tables() == set()
    assert db.session.get_one(Comment, comment_id).status == Status.DELETED
    kinds = db.session.scalars(select(Erasure.kind).order_by(Erasure.kind)).all()
    assert kinds == ["account", "guest"], "nothing is recorded twice"


def test_a_copy_has_everything_that_is_stored_and_no_secret(told, site, now):
    found = list(people.export(EMAIL, None, now))
    assert [one["type"] for one in found] == ["comment", "comment", "subscription", "sanction", "mail"]
    comment = found[0]
    assert (comment["text"], comment["ip"], comment["browser"], comment["site"]) == ("First words", IP, AGENT, "blog")
    assert found[3]["reason"] == "Be kind"
    assert "Dear" not in json.dumps(found)
    assert people.counts(EMAIL, now) == {site: 2}


def test_a_copy_of_an_account_has_its_sign_ins_and_comments(write_as, now):
    with write():
        account = accounts.make_account(EMAIL, NAME, False, now)
    write_as(account=account)
    found = list(people.export(EMAIL.upper(), None, now))
    assert [one["type"] for one in found] == ["account", "comment"]
    assert found[0]["email"] == EMAIL


def test_sqlite_overwrites_what_is_deleted(app):
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    assert inspect(db.engine).has_table("erasure")
