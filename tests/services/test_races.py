"""Races: each use case decides on data that it reads after taking its locks.

A second connection holds a row until all use cases wait for it in a known order.
"""

import threading
from contextlib import contextmanager

import pytest
from sqlalchemy import select, text, update

from commentsvc.core.errors import CommentError, Conflict, Invalid, NotAllowed, NotFound, NotSignedIn
from commentsvc.core.policy import Mode
from commentsvc.core.status import Action
from commentsvc.gateways.mail_templates import RenderedMail
from commentsvc.services import accounts as accounts_service
from commentsvc.services import (
    api_tokens,
    appeals,
    avatars,
    edits,
    members,
    moderation,
    moderator_replies,
    posting,
    reports,
    sanctions,
    second_factors,
    sign_in,
    site_settings,
    spam_training,
    submissions,
    thread_settings,
    votes,
    widget_tokens,
)
from commentsvc.services import identities as identities_service
from commentsvc.services import rules as rules_service
from commentsvc.services.erasure import ERASED
from commentsvc.services.moderation import Moderator
from commentsvc.services.rules import RuleText
from commentsvc.services.sanctions import SanctionOrder
from commentsvc.services.sign_in import Asker, Browser
from commentsvc.services.submissions import Draft, Notify, Posted, Sender, Submission
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import (
    audit_log,
    authors,
    comments,
    digest_settings,
    invitations,
    memberships,
    sessions,
    sites,
    subscriptions,
)
from commentsvc.store import identities as stored_identities
from commentsvc.store import rules as stored_rules
from commentsvc.store.accounts import Account
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.canned_responses import CannedResponse
from commentsvc.store.comments import Comment
from commentsvc.store.db import db, is_postgres
from commentsvc.store.identities import Identity
from commentsvc.store.jobs import Job
from commentsvc.store.memberships import Membership, Role
from commentsvc.store.reports import Report
from commentsvc.store.second_factors import SecondFactor
from commentsvc.store.sessions import SigninCode
from commentsvc.store.sites import Site
from commentsvc.store.transactions import _number_of, lost_race, retried, write
from commentsvc.store.votes import Vote
from tests.support import imports as file_imports
from tests.support.cast import SECRET, add_account, service_config, set_policy
from tests.support.http import eventually
from tests.support.invariants import check_kept_numbers

LONG_S = 20
BROWSER = Browser("192.0.2.9", "a browser", None)


def until(is_true):
    eventually(is_true, "every verb waits for a lock", LONG_S)


def waiting(connection) -> int:
    """How many sessions wait for a lock of the database."""
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return connection.scalar(text(count))


@pytest.fixture
def race(app):
    """Begin verbs one after another, each once the one before waits, while a statement's rows are held.

    Gives what each returned or raised. SQLite has one lock; there they come in any order.
    """

    def run(held: str, *verbs, undo: bool = True):
        db.session.rollback()
        for known in list(db.session):
            db.session.refresh(known)  # the verbs' threads must not load what belongs to this one's session
        db.session.expunge_all()
        db.session.rollback()
        results: list[object] = [None] * len(verbs)

        def call(index):
            begun[index].set()
            with app.app_context():
                try:
                    results[index] = verbs[index]()
                except Exception as error:  # handed to the test, which looks at it
                    results[index] = error
                finally:
                    db.session.remove()

        threads = [threading.Thread(target=call, args=[index]) for index in range(len(verbs))]
        begun = [threading.Event() for _ in verbs]
        with db.engine.connect() as holder, db.engine.connect() as watcher:
            if is_postgres():
                holder.execute(text(held))
                watcher = watcher.execution_options(isolation_level="AUTOCOMMIT")
            else:
                holder = holder.execution_options(sqlite_begin="BEGIN IMMEDIATE")
                holder.execute(text("SELECT 1"))
            for number, thread in enumerate(threads):
                thread.start()
                assert begun[number].wait(LONG_S)
                if is_postgres():
                    until(lambda: waiting(watcher) >= sum(thread.is_alive() for thread in threads))
            holder.rollback() if undo or not is_postgres() else holder.commit()
        for thread in threads:
            thread.join()
        return results

    return run


def hold(table: str, where: str = "true") -> str:
    return f"SELECT * FROM {table} WHERE {where} FOR UPDATE"


@pytest.fixture
def carol(app, now):
    with write():
        return stored_accounts.make_account("carol@example.net", "Carol", False, now)


def write_as(account, site, now, key="/post", body="Hello"):
    draft = Draft(key, "", "A post", None, body, account.name, account.email or "", None)
    return posting.post(site, Submission(draft, Sender(account, "192.0.2.7", "test", limited=False)), SECRET, now)


def write_as_guest(site, now, key="/post", body="Hello", name="Carol", ip="192.0.2.7", idempotency_key=None):
    draft = Draft(key, "", "A post", None, body, name, "carol@example.net", None)
    return posting.post(site, Submission(draft, Sender(None, ip, "test", limited=False), idempotency_key), SECRET, now)


def found(model):
    db.session.rollback()
    return db.session.scalars(select(model)).all()


# A lost race is tried again


@contextmanager
def refusing(state: str, table: str):
    """Make PostgreSQL refuse every new row of a table with this code, as if somebody else had been faster."""
    if not is_postgres():
        pytest.skip("only PostgreSQL gives these codes")
    body = f"BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{state}'; END"
    with db.engine.begin() as connection:
        connection.execute(text(f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"))
        trigger = f"CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()"
        connection.execute(text(trigger))
    try:
        yield
    finally:
        db.session.rollback()
        with db.engine.begin() as connection:
            connection.execute(text("DROP FUNCTION refuse CASCADE"))


def test_two_that_wait_for_each_other_both_get_what_they_asked_for(app, site, other_site, at_once):
    """A real deadlock: each holds what the other wants."""
    met = threading.Barrier(2)

    def rename(first, second):
        tries = []

        @retried
        def verb():
            tries.append(1)
            with write():
                db.session.execute(update(Site).where(Site.key == first).values(name=f"by {first}"))
                if len(tries) == 1 and is_postgres():
                    met.wait(LONG_S)
                db.session.execute(update(Site).where(Site.key == second).values(name=f"by {first}"))

        def run():
            with app.app_context():
                verb()
                db.session.remove()
                return len(tries)

        return run

    results = at_once(rename("blog", "other"), rename("other", "blog"))
    # PostgreSQL ends one of the two, and may end both.
    assert max(results) == (2 if is_postgres() else 1), results
    assert len({s.name for s in found(Site)}) == 1


@pytest.fixture
def refused_comment(client, person, now):
    """A comment of Carol's that was rejected: its address, and her token as headers."""
    headers = person("Carol")
    sent = {"site": "blog", "thread": "/post", "body": "Hello"}
    number = client.post("/api/v1/comments", json=sent, headers=headers).json["id"]
    with write():
        root = stored_accounts.make_account("root@example.org", "Root", True, now)
    moderation.decide([number], Action.REJECT, Moderator(root), "", now)
    return f"/api/v1/comments/{number}/appeal", headers


@pytest.mark.parametrize("state", ["40P01", "40001", "23505"])
def test_a_race_that_is_lost_twice_is_a_conflict_that_says_so(site, client, caplog, refused_comment, state):
    path, headers = refused_comment
    with refusing(state, "appeal"):
        answer = client.post(path, json={"text": "Why?"}, headers=headers)
    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert answer.json["type"].endswith("problem-lost-race")
    assert answer.json["detail"] == str(lost_race())
    assert "away" not in caplog.text
    assert client.post(path, json={"text": "Why?"}, headers=headers).status_code == 202


def test_what_no_race_explains_stays_an_error_of_ours(site, client, refused_comment):
    path, headers = refused_comment
    client.application.testing = False
    with refusing("23514", "appeal"):
        assert client.post(path, json={"text": "Why?"}, headers=headers).status_code == 500
    with refusing("23514", "comment"):
        sent = {"site": "blog", "thread": "/post", "body": "Again"}
        answer = client.post("/api/v1/comments", json=sent, headers={**headers, "Idempotency-Key": "k"})
        assert answer.status_code == 500, "and not that the key was used"


def test_one_key_for_two_pages_at_once_makes_one_comment(make_app, race, site, now):
    """In two processes, which share no queue."""
    with write():
        write_pages = [write_as_guest(site, now, key, "first", ip=f"192.0.2.{n}") for n, key in enumerate(("/a", "/b"))]
    assert len(write_pages) == 2
    other = make_app()

    def in_other():
        with other.app_context():
            try:
                return write_as_guest(sites.by_key("blog"), now, "/b", idempotency_key="one key")
            finally:
                db.session.remove()

    def here():
        return write_as_guest(sites.by_key("blog"), now, "/a", idempotency_key="one key")

    results = race(hold("tally"), here, in_other)
    problems = [result for result in results if isinstance(result, Exception)]
    assert [type(problem) for problem in problems] == [Invalid]
    assert "Idempotency-Key" in dict(problems[0].problems)
    assert len(found(Comment)) == 3
    check_kept_numbers()


# Erasing an account


def test_an_account_is_erased_while_its_comments_are_approved(site, alice, carol, now, race):
    ids = [write_as(carol, site, now, "/post", f"{n}").comment.id for n in range(4)]
    results = race(
        hold("thread"),
        lambda: moderation.decide(ids[:2], Action.APPROVE, Moderator(db.session.merge(alice)), "", now),
        lambda: accounts_service.erase(carol.id, False, now, config=service_config()),
        lambda: moderation.decide(ids[2:], Action.APPROVE, Moderator(db.session.merge(alice)), "", now),
    )
    # A decision after the erasure is refused: there is nothing left to publish.
    assert {getattr(r, "slug", r) for r in results if isinstance(r, Exception)} <= {"erased"}
    check_kept_numbers()
    assert {(c.author_name, c.author_email) for c in found(Comment)} == {(ERASED, None)}


@pytest.mark.parametrize("keeps", [True, False])
def test_what_is_on_its_way_goes_with_the_account_or_is_refused(site, carol, now, race, keeps):
    set_policy(site, mode=Mode.OFF)
    write_as(carol, site, now)
    account = stored_accounts.find_account("carol@example.net")
    results = race(
        hold("thread"),
        lambda: write_as(account, sites.by_key("blog"), now, body="on its way"),
        lambda: accounts_service.erase(account.id, keeps, now, config=service_config()),
        lambda: write_as(account, sites.by_key("blog"), now, "/another page", "too late"),
    )
    assert results[1] is None
    # PostgreSQL grants shared row locks ahead of a waiting exclusive one; such a comment is erased with the others.
    assert isinstance(results[2], NotSignedIn | Posted)
    assert all(c.author_name == ERASED and c.author_email is None for c in found(Comment))
    assert keeps or {c.source for c in found(Comment)} == {""}
    check_kept_numbers()


@pytest.fixture
def in_flight(site, alice, carol, make_comment, now):
    """Carol's requests after authentication, by their action."""
    set_policy(site, mode=Mode.OFF)
    others = make_comment(name="Dora")
    own = write_as(carol, site, now).comment.id
    refused = write_as(carol, site, now, body="bad").comment.id
    moderation.decide([refused], Action.REJECT, Moderator(alice), "", now)
    sender = Sender(carol, "192.0.2.7", "test", limited=False)
    return {
        "comment": lambda: write_as(carol, site, now, body="new"),
        "edit": lambda: edits.edit(own, "changed", carol, now),
        "vote": lambda: votes.vote(others, 1, carol, False, now),
        "flag": lambda: reports.flag(others, "spam", "", sender, SECRET, now),
        "appeal": lambda: appeals.appeal(refused, "Why?", now, carol),
        "personal token": lambda: api_tokens.make_api_token(carol, site, "mine", False, "", now),
        "widget's code": lambda: widget_tokens.add_code(
            carol, site, "email", "https://blog.example/", "c", "code", now
        ),
        "name": lambda: sign_in.rename(carol, "Carola", now),
        "language": lambda: accounts_service.choose_language(carol, "de"),
        "second factor": lambda: second_factors.new_recovery_codes(carol, "", now),
        "membership": lambda: members.give_role(carol, site, Role.MODERATOR, ActorKind.COMMAND_LINE, now),
        "another way to sign in": lambda: identities_service.link(Known("github", "7"), "GitHub", carol, no_mail, now),
        "picture": lambda: avatars._keep(carol.id, b"a picture", now),
    }


class Known:
    """A person at a provider."""

    name, email, is_email_verified, website, picture_url = "Carol", "carol@example.net", True, None, None

    def __init__(self, provider, subject):
        self.provider, self.subject = provider, subject


@pytest.mark.parametrize(
    "what",
    [
        "comment",
        "edit",
        "vote",
        "flag",
        "appeal",
        "personal token",
        "widget's code",
        "name",
        "language",
        "second factor",
        "membership",
        "another way to sign in",
        "picture",
    ],
)
def test_nothing_is_written_for_an_account_that_was_erased_meanwhile(in_flight, carol, now, what):
    accounts_service.erase(carol.id, True, now, config=service_config())
    before = rows_of_everything()
    try:
        in_flight[what]()
    except CommentError:
        db.session.rollback()
    else:
        assert what == "picture", "a job, which nobody hears of"
        db.session.commit()
    after = rows_of_everything()
    after.pop("picture"), before.pop("picture")
    assert after == before
    check_kept_numbers()


def rows_of_everything():
    db.session.rollback()
    tables = dict(db.metadata.tables.items())
    return {name: sorted(map(str, db.session.execute(select(table)).all())) for name, table in tables.items()}


# Owners


def owners(site):
    db.session.rollback()
    return memberships.owners_of(site.id)


@pytest.fixture
def owner_bob(site, now):
    return add_account("bob@example.org", "Bob", site, Role.OWNER, now)


@pytest.mark.parametrize("how", ["remove", "demote", "erase", "mixed", "undo"])
def test_two_owners_at_once_leave_one(site, alice, owner_bob, now, race, how):
    a, b = alice.id, owner_bob.id
    entry = None
    if how == "undo":
        members.set_role(site, b, Role.MODERATOR, alice, "", now)
        members.set_role(site, b, Role.OWNER, alice, "", now)
        entry = found(audit_log.AuditEntry)[-1].id

    def remove(who, by):
        return lambda: members.remove(sites.by_key("blog"), who, db.session.get(Account, by), "", now)

    def demote(who, by):
        by_key = sites.by_key
        return lambda: members.set_role(by_key("blog"), who, Role.MODERATOR, db.session.get(Account, by), "", now)

    def erase(who):
        return lambda: accounts_service.erase(who, True, now, config=service_config())

    verbs = {
        "remove": (remove(b, a), remove(a, b)),
        "demote": (demote(b, a), demote(a, b)),
        "erase": (erase(a), erase(b)),
        "mixed": (erase(a), demote(b, a), remove(b, a)),
        "undo": (remove(a, b), lambda: site_settings.undo(site.id, entry, db.session.get(Account, a), "", now)),
    }[how]
    results = race(hold("membership" if how in ("erase", "mixed") else "site"), *verbs)
    assert owners(site) == 1
    assert {type(r) for r in results if isinstance(r, Exception)} <= {Conflict, NotFound}


def test_the_command_line_does_not_take_the_last_owner_away(site, alice, now):
    with pytest.raises(Conflict), write():
        members.give_role(alice, site, Role.MODERATOR, ActorKind.COMMAND_LINE, now)
    assert owners(site) == 1


# Settings and rules


def test_settings_changed_at_once_are_all_kept_and_told_as_they_were(site, alice, now, race):
    changes = [{"links_max": 7}, {"refusals_max": 8}, {"warn_before_hold": True}, {"texts": {"Post Comment": "Send"}}]
    by = alice.id
    results = race(
        hold("site"),
        *[lambda c=c: site_settings.change(site.id, c, db.session.get(Account, by), "", now) for c in changes],
        lambda: rules_service.set_policy(sites.by_key("blog"), {"flags_hold": 9}, db.session.get(Account, by), now),
    )
    assert [r for r in results if isinstance(r, Exception)] == []
    db.session.rollback()
    site = sites.by_key("blog")
    policy = site.policy
    assert (policy.links_max, policy.refusals_max, policy.warn_before_hold, policy.flags_hold) == (7, 8, True, 9)
    assert site.texts == {"Post Comment": "Send"}
    entries = found(audit_log.AuditEntry)
    assert len(entries) == 5
    assert all(len(entry.after) == 1 for entry in entries), "each tells its own change alone"


def test_an_undo_beside_a_change_of_the_same_setting(site, alice, now, race):
    site_settings.change(site.id, {"links_max": 7}, alice, "", now)
    entry, by = found(audit_log.AuditEntry)[0].id, alice.id
    results = race(
        hold("site"),
        lambda: site_settings.change(site.id, {"links_max": 9}, db.session.get(Account, by), "", now),
        lambda: site_settings.undo(site.id, entry, db.session.get(Account, by), "", now),
    )
    db.session.rollback()
    if isinstance(results[1], Conflict):
        assert sites.by_key("blog").policy.links_max == 9
    else:
        assert not is_postgres(), "there the change waits first"


def test_a_thread_is_tended_by_two_at_once(site, alice, bob, make_comment, now, race):
    number, by = make_comment(), alice.id

    def tend(**changes):
        return lambda: thread_settings.tend(
            sites.by_key("blog"), "/post", changes, db.session.get(Account, by), "", now
        )

    results = race(hold("thread"), tend(pinned_id=number), tend(is_open=False), tend(mode="off"))
    assert [r for r in results if isinstance(r, Exception)] == []
    thread = found(sites.Site) and comments.by_id(number).thread
    assert (thread.pinned_id, thread.is_open, thread.mode) == (number, False, "off")
    assert [len(e.after) for e in found(audit_log.AuditEntry)] == [1, 1, 1]


def test_a_rule_is_changed_and_removed_at_once(site, alice, now, race):
    number, by = rules_service.add(site, RuleText("words", "casino", "hold"), alice, now).id, alice.id
    change = [
        lambda w=w: rules_service.change(number, {"value": w}, db.session.get(Account, by), now).value for w in "abc"
    ]
    remove = [lambda: rules_service.remove(number, db.session.get(Account, by), now)] * 3
    results = race(hold("site"), change[0], remove[0], change[1], remove[1], change[2], remove[2])
    assert {type(r) for r in results if isinstance(r, Exception)} <= {NotFound}
    assert results.count(None) == 1, "it was removed once"
    assert found(stored_rules.Rule) == []
    kept = [entry for entry in found(audit_log.AuditEntry) if entry.kind == "rule"]
    assert [e.before for e in kept[1:]] == [e.after for e in kept[:-1]], "each begins where the last ended"


def test_a_change_of_a_rule_is_undone_by_two_at_once(site, alice, now, race):
    number, by = rules_service.add(site, RuleText("words", "casino", "hold"), alice, now).id, alice.id
    rules_service.remove(number, alice, now)
    entry = found(audit_log.AuditEntry)[-1].id
    undo = [lambda: rules_service.undo(entry, sites.by_key("blog"), db.session.get(Account, by), now)] * 3
    results = race(hold("site"), *undo)
    assert sorted(type(r).__name__ for r in results) == ["Conflict", "Conflict", "NoneType"]
    assert [rule.id for rule in found(stored_rules.Rule)] == [number]


def test_a_note_is_added_and_removed_once(site, alice, now, race):
    by, site_id = alice.id, site.id
    add = [lambda: site_settings.add_note(site_id, "Stay on topic", db.session.get(Account, by), "", now)] * 3
    assert sorted(type(r).__name__ for r in race(hold("site"), *add)) == ["Conflict", "Conflict", "NoneType"]
    number = found(CannedResponse)[0].id
    remove = [lambda: site_settings.remove_note(site_id, number, db.session.get(Account, by), "", now)] * 3
    assert sorted(type(r).__name__ for r in race(hold("site"), *remove)) == ["NoneType", "NotFound", "NotFound"]
    assert [entry.kind for entry in found(audit_log.AuditEntry)] == ["canned", "canned"]


# Guests' comments become an account's


def test_signing_in_while_a_moderator_decides_on_what_one_wrote_as_a_guest(site, alice, now, race):
    ids = [
        write_as_guest(site, now, f"/{n % 2}", f"{n}", f"Carol {n % 3}", ip=f"192.0.2.{n}").comment.id for n in range(9)
    ]
    link, by = mailed_link("carol@example.net", now, joins=True), alice.id

    def decide(chosen, action):
        return lambda: moderation.decide(chosen, action, Moderator(db.session.get(Account, by)), "", now)

    results = race(
        hold("comment"),
        lambda: sign_in.by_link(link, BROWSER, now),
        decide(ids[:3], Action.APPROVE),
        decide(ids[3:6], Action.SPAM),
        decide(ids[6:], Action.APPROVE),
        lambda: write_as_guest(sites.by_key("blog"), now, "/1", "one more", "Carol 1", ip="192.0.2.77"),
    )
    problems = [r for r in results if isinstance(r, Exception)]
    assert problems == [] or [type(p) for p in problems] == [Invalid], "the address may have become an account's"
    check_kept_numbers()
    of_account = {author.id for author in found(authors.Author) if author.account_id is not None}
    assert {c.author_id for c in found(Comment) if c.id in ids} == of_account, "all that was there is hers now"


def mailed_link(email, now, joins=False):
    """A link of its own, as if it had been mailed."""
    with write():
        if joins:
            token = sign_in.tokens.new()
            values = {"email": email, "link_hash": sign_in.tokens.digest(token), "joins": True}
            db.session.add(SigninCode(created_at=now, expires_at=now + sign_in.CODE_LIFE, **values))
            return token
        return sign_in.printed_link(stored_accounts.account_by_email(email), now)


# One that is sent several times


def being_made(email):
    """Another transaction is making this account; the verbs wait for it at the unique index, and then race."""
    if not is_postgres():
        return ""
    return f"INSERT INTO account (name, email, is_admin, created_at) VALUES ('A', '{email}', false, now())"


def test_several_links_of_a_new_address_make_one_account(site, now, race):
    links = [mailed_link("dora@example.net", now, joins=True) for _ in range(3)]
    results = race(being_made("dora@example.net"), *[lambda t=t: sign_in.by_link(t, BROWSER, now) for t in links])
    assert [r for r in results if isinstance(r, Exception)] == []
    assert len(found(Account)) == len(found(Identity)) == 1
    assert len(found(sessions.Session)) == 3, "each was a good link"


def test_one_link_signs_in_once(site, now, race):
    link = mailed_link("dora@example.net", now, joins=True)
    results = race(hold("signin_code"), *[lambda: sign_in.by_link(link, BROWSER, now)] * 4)
    assert sorted(type(r).__name__ for r in results) == ["NotFound", "NotFound", "NotFound", "str"]
    assert len(found(sessions.Session)) == len(found(Account)) == 1


def test_invitations_of_two_sites_for_a_new_address(site, other_site, alice, mallory, now, race):
    links = []
    for place, by in ((site, alice), (other_site, mallory)):
        with write():
            token = sign_in.tokens.new()
            values = {"email": "dora@example.net", "role": "moderator", "token_hash": sign_in.tokens.digest(token)}
            ends = {"created_at": now, "expires_at": now + members.INVITATION_LIFE}
            db.session.add(invitations.Invitation(site_id=place.id, invited_by_id=by.id, **values, **ends))
        links.append(token)
    results = race(being_made("dora@example.net"), *[lambda t=t: members.accept(t, BROWSER, now) for t in links * 2])
    assert sorted(type(r).__name__ for r in results) == ["NotFound", "NotFound", "str", "str"]
    (dora,) = [account for account in found(Account) if account.email == "dora@example.net"]
    assert {m.site_id for m in found(Membership) if m.account_id == dora.id} == {site.id, other_site.id}


def test_a_new_person_of_a_provider_in_several_tabs_is_one(site, now, race):
    held = hold("site")
    if is_postgres():
        held = (
            "WITH a AS (INSERT INTO account (name, is_admin, created_at) VALUES ('A', false, now()) RETURNING id) "
            "INSERT INTO identity (account_id, provider, subject, name, created_at) "
            "SELECT id, 'github', '7', '', now() FROM a"
        )
    results = race(held, *[lambda: sign_in.admit(Known("github", "7"), BROWSER, now)] * 3)
    assert [r for r in results if isinstance(r, Exception)] == []
    assert len(found(Account)) == len(found(Identity)) == 1


def test_an_appeal_that_is_sent_ten_times_is_one(site, alice, carol, now, race):
    number = write_as(carol, site, now).comment.id
    moderation.decide([number], Action.REJECT, Moderator(alice), "", now)
    account = stored_accounts.find_account("carol@example.net")
    results = race(hold("comment"), *[lambda: appeals.appeal(number, "Why?", now, account)] * 10)
    assert sorted(type(r).__name__ for r in results) == ["Conflict"] * 9 + ["NoneType"]
    assert {r.slug for r in results if r} == {"appealed"}


def test_votes_and_reports_that_are_sent_several_times_count_once(site, carol, make_comment, now, race):
    number = make_comment(name="Dora")
    account = stored_accounts.find_account("carol@example.net")
    sender, guest = Sender(account, "192.0.2.7", "t", limited=False), Sender(None, "192.0.2.8", "t", limited=False)
    results = race(
        hold("thread"),
        *[lambda: votes.vote(number, 1, account, False, now)] * 3,
        *[lambda: reports.flag(number, "spam", "", sender, SECRET, now)] * 3,
        *[lambda: reports.flag(number, "abuse", "", guest, SECRET, now)] * 3,
    )
    assert [r for r in results if isinstance(r, Exception)] == []
    assert (len(found(Vote)), len(found(Report))) == (1, 2)
    check_kept_numbers()


def test_the_pace_of_mailed_codes_holds_for_many_at_once(site, now, race):
    def ask():
        asker = Asker("192.0.2.7", "a browser", is_known=False)
        return sign_in.send_code("dora@example.net", asker, True, SECRET, no_mail, now, joins=True)

    turn = f"SELECT pg_advisory_xact_lock({_number_of(('codes to', 'dora@example.net'))})"
    results = race(turn, *[ask] * 8)
    assert results == [None] * 8, "a stranger is told nothing"
    assert sorted(job.kind for job in found(Job)) == ["mail"] * 5 + ["no_mail"] * 3


def no_mail(*_words):
    return RenderedMail("", "", "")


def test_a_subscription_of_one_address_is_asked_for_once(site, now, race):
    def wish(n):
        draft = Draft(f"/{n}", "", "", None, f"Hello {n}", f"Dora {n}", "dora@example.net", None, Notify.REPLIES)
        sender = Sender(None, f"192.0.2.{n}", "t", limited=False)
        return lambda: posting.post(sites.by_key("blog"), Submission(draft, sender), SECRET, now)

    write_as_guest(site, now)
    results = race(hold("tally"), wish(1), wish(2), wish(3))
    assert [r for r in results if isinstance(r, Exception)] == []
    assert len(found(subscriptions.Subscription)) == 1
    assert [job.kind for job in found(Job)].count("confirm") == 1


def test_how_often_one_is_mailed_is_chosen_in_two_tabs(site, alice, now, race):
    account = stored_accounts.find_account("alice@example.org")

    def choose(pace):
        def verb():
            with write():
                digest_settings.set_pace(account, sites.by_key("blog"), pace, now)

        return verb

    row = f"VALUES ({account.id}, {site.id}, 'off', now(), 0)"
    held = f"INSERT INTO watch (account_id, site_id, pace, told_at, told_id) {row}"
    assert race(held, choose("daily"), choose("off")) == [None, None]
    assert len(found(digest_settings.DigestSetting)) == 1


def test_recovery_codes_made_in_two_tabs_are_one_set(site, carol, now, race):
    with write():
        db.session.add(
            SecondFactor(account_id=carol.id, kind="totp", name="App", secret=b"seed", counter=0, created_at=now)
        )
    account = stored_accounts.find_account("carol@example.net")
    results = race(hold("account"), *[lambda: second_factors.new_recovery_codes(account, "", now)] * 3)
    assert [r for r in results if isinstance(r, Exception)] == []
    assert sum(factor.kind == "recovery" for factor in found(SecondFactor)) == second_factors.RECOVERY_CODES


def test_the_last_way_to_sign_in_stays(site, carol, now, race):
    with write():
        for subject in ("1", "2"):
            stored_identities.add_identity(carol, "github", subject, "Carol", now)
    number, ids = carol.id, [identity.id for identity in stored_identities.identities_of(carol.id)]
    results = race(hold("identity"), *[lambda i=i: accounts_service.unlink(number, i) for i in ids])
    assert sorted(type(r).__name__ for r in results) == ["Conflict", "NoneType"]
    assert len(found(Identity)) == 1


# Sanctions


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_ban_refuses_what_is_posted_while_it_begins(site, now, race, everywhere):
    set_policy(site, mode=Mode.OFF)
    with write():
        root = stored_accounts.make_account("root@example.org", "Root", True, now)
    write_as_guest(site, now)
    order = SanctionOrder("ban", "email", "carol@example.net", reject_days=1, everywhere=everywhere)
    by = root.id
    results = race(
        hold("tally"),  # the comment was judged, and is being kept
        lambda: write_as_guest(sites.by_key("blog"), now, "/another", "in flight"),
        lambda: sanctions.impose(sites.by_key("blog"), order, Moderator(db.session.get(Account, by)), now) and None,
    )
    assert results[1] is None
    assert isinstance(results[0], NotAllowed | CommentError | submissions.Posted)
    assert {c.status for c in found(Comment)} == {"rejected"}
    check_kept_numbers()


def test_a_sanction_is_lifted_once(site, alice, now, race):
    set_policy(site, mode=Mode.OFF)
    write_as_guest(site, now)
    order = SanctionOrder("ban", "email", "carol@example.net", reject_days=1)
    number = sanctions.impose(site, order, Moderator(alice), now).id
    by = alice.id

    def lift():
        sanctions.lift(number, sites.by_key("blog"), Moderator(db.session.get(Account, by)), now)

    results = race(hold("account"), *[lift] * 8)
    assert sorted(type(r).__name__ for r in results) == ["Conflict"] * 7 + ["NoneType"]
    assert [entry.kind for entry in found(audit_log.AuditEntry)] == ["sanction", "sanction"]
    assert {c.status for c in found(Comment)} == {"approved"}
    check_kept_numbers()


# Imports


EXPORT = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:wp="http://wordpress.org/export/1.2/"><channel>
<wp:base_blog_url>https://old.example</wp:base_blog_url>
{items}</channel></rss>"""


@pytest.fixture
def export(tmp_path):
    """A file with a comment on each of these pages."""

    def make(paths, first=1):
        items = "".join(
            f"<item><title>P</title><link>https://old.example{path}</link><wp:comment><wp:comment_id>{n}</wp:comment_id>"
            f"<wp:comment_author>Guest {n}</wp:comment_author><wp:comment_author_email></wp:comment_author_email>"
            "<wp:comment_date_gmt>2026-01-02 03:04:05</wp:comment_date_gmt>"
            f"<wp:comment_content>Hello {n}</wp:comment_content><wp:comment_approved>1</wp:comment_approved>"
            "<wp:comment_type>comment</wp:comment_type><wp:comment_parent>0</wp:comment_parent></wp:comment></item>"
            for n, path in enumerate(paths, first)
        )
        path = tmp_path / f"export-{first}.xml"
        path.write_text(EXPORT.format(items=items))
        return path

    return make


def quiet(_sentence):
    pass


def test_an_import_beside_decisions_waits_its_turn(site, alice, now, race, export):
    """The pages' names and numbers are in opposite orders."""
    first = file_imports.run(export(["/z/"], 1), site, now)
    second = file_imports.run(export(["/a/"], 2), site, now)
    assert (first.added, second.added) == (1, 1)
    ids, by = [c.id for c in found(Comment)], alice.id
    later = max(c.thread_id for c in found(Comment))
    file = export(["/a/", "/z/"], 10)
    results = race(
        hold("thread", f"id = {later}"),
        lambda: file_imports.run(file, sites.by_key("blog"), now).added,
        lambda: len(moderation.decide(ids, Action.REJECT, Moderator(db.session.get(Account, by)), "", now).decisions),
    )
    assert results == [2, 2]
    check_kept_numbers()


def test_two_imports_of_one_file_bring_each_comment_once(site, now, race, export):
    file = export([f"/{n}/" for n in range(12)])
    bring = [lambda: file_imports.run(file, sites.by_key("blog"), now).added] * 2
    results = race(hold("site"), *bring)
    assert sum(results) == 12
    assert len(found(Comment)) == 12
    check_kept_numbers()


# Learning, answers, and mail


def test_the_filter_learns_from_a_comment_while_its_author_changes_it(site, alice, carol, now, race, monkeypatch):
    number = write_as(carol, site, now, body="a good word about gardening").comment.id
    moderation.decide([number], Action.APPROVE, Moderator(alice), "", now)
    account, later = stored_accounts.find_account("carol@example.net"), now + spam_training.SETTLED
    results = race(
        hold("thread"),
        lambda: edits.edit(number, "another good word about cooking", account, now) and None,
        lambda: spam_training.follow(later),
    )
    assert [r for r in results if isinstance(r, Exception)] == []
    db.session.rollback()
    comment = comments.by_id(number)
    words = spam_training.spam_words.seen(site, spam_training.spam_filter.features(comment.submission))
    counted = {word: seen.ham for word, seen in words.items() if seen.ham}
    assert bool(counted) == (comment.learnt == "ham"), "what was learnt is of the text that is there"


def test_two_moderators_give_the_same_answer_and_one_mail_acts_once(site, alice, bob, make_comment, now, race):
    number, by = make_comment(status="pending"), alice.id
    reply = [
        lambda: moderator_replies.answer(number, "Yes", Moderator(db.session.get(Account, by)), None, now) and None
    ] * 3
    results = race(hold("thread"), *reply)
    assert sorted(type(r).__name__ for r in results) == ["Conflict", "Conflict", "NoneType"]
    check_kept_numbers()
