"""Any two or three acts at the same moment: every kept number is right afterwards, and nobody gets what nobody may.

The acts are drawn by chance. A failure names its seed and round: RACES_SEED and RACES_ROUND run that draw again,
RACES_SECONDS says for how long to go on (`make races`).
"""

import contextlib
import itertools
import os
import random
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text

from commentsvc.core.errors import CommentError
from commentsvc.core.policy import Mode
from commentsvc.core.status import Action, Status
from commentsvc.gateways.mail_templates import RenderedMail
from commentsvc.services import accounts as accounts_service
from commentsvc.services import (
    appeals,
    edits,
    members,
    moderation,
    moderator_replies,
    posting,
    recounts,
    reports,
    rules,
    sanctions,
    sign_in,
    site_settings,
    spam_training,
    thread_pages,
    votes,
)
from commentsvc.services import thread_settings as thread_settings_service
from commentsvc.services.erasure import ERASED
from commentsvc.services.moderation import Moderator
from commentsvc.services.rules import RuleText
from commentsvc.services.sanctions import SanctionOrder
from commentsvc.services.sign_in import Asker, Browser
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import audit_log, authors, comments, idempotency, memberships, rule_hits, sites
from commentsvc.store.audit_log import AuditEntry
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.decisions import Decision
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write
from tests.support import imports as file_imports
from tests.support.cast import SECRET, add_account, add_site, service_config
from tests.support.databases import empty_tables
from tests.support.invariants import check_kept_numbers
from tests.support.wordpress import HEAD, comment_xml, item_xml

# In CI the same rounds each time: nobody's change fails for another's.
SEED = int(os.environ.get("RACES_SEED", 1 if "CI" in os.environ else random.SystemRandom().getrandbits(32)))
ROUND = int(os.environ.get("RACES_ROUND", -1))
SECONDS = float(os.environ.get("RACES_SECONDS", 40))
ROUNDS_KEPT = 8  # in one database, before it is emptied
WAIT_S = 60
HELD_S = 0.5  # at most: an act may have something else to do than to wait for what is held
BROWSER = Browser("192.0.2.9", "test", None)
MODERATORS = ("alice", "olga", "bob")
READERS = ("carol", "dan")


@dataclass
class World:
    """One site with two owners, a moderator, two readers with accounts and a guest, and what they wrote."""

    key: str
    chance: random.Random
    now: datetime
    folder: object
    site_id: int = 0
    ids: list[int] = field(default_factory=list)
    by: dict[str, list[int]] = field(default_factory=dict)
    undos: list[str] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)
    rule_ids: list[int] = field(default_factory=list)
    sanction_ids: list[int] = field(default_factory=list)
    account_ids: dict[str, int] = field(default_factory=dict)

    def email(self, name):
        return f"{name}@{self.key}.example"

    def account(self, name):
        return stored_accounts.find_account_by_id(self.account_ids[name])

    def site(self):
        return sites.by_key(self.key)

    def moderator(self, name):
        return Moderator(self.account(name))

    def draft(self, name, body, thread="/a", parent=None):
        return Draft(thread, "", "", parent, body, f"{name.title()} {self.key}", self.email(name), None)

    def sender(self, name):
        return Sender(self.account(name) if name in self.account_ids else None, "192.0.2.1", "test", limited=False)


def build(world):
    """The site and its people, some comments, and acts that can be undone."""
    chance, now = world.chance, world.now
    mode = chance.choice([Mode.OFF, Mode.OFF, Mode.ALL])
    site = add_site(world.key, f"https://{world.key}.example", mode, now, flags_hold=2)
    world.site_id = site.id
    for name in ("alice", "olga", "bob"):
        role = Role.MODERATOR if name == "bob" else Role.OWNER
        world.account_ids[name] = add_account(world.email(name), f"{name} {world.key}", site, role, now).id
    with write():
        for name in READERS:
            world.account_ids[name] = stored_accounts.make_account(
                world.email(name), f"{name} {world.key}", False, now
            ).id
    for n, name in enumerate(["carol", "gus", "dan", "carol", "gus", "eve"]):
        draft = world.draft(name, f"{name} says {n}", "/a" if n % 2 else "/b")
        at = now - timedelta(minutes=5)
        posted = posting.post(world.site(), Submission(draft, world.sender(name)), SECRET, at).comment.id
        world.by.setdefault(name, []).append(posted)
        world.ids.append(posted)
    alice = Moderator(world.account("alice"))
    first, second = world.ids[0], world.ids[1]
    world.undos.append(moderation.decide([first], Action.SPAM, alice, "", now).undo)
    action = Action.APPROVE if comments.by_id(second).status == Status.PENDING else Action.REJECT
    world.undos.append(moderation.decide([second, world.ids[4]], action, alice, "", now).undo)
    db.session.rollback()
    world.undos.append(
        thread_settings_service.tend(world.site(), "/a", {"is_open": True, "mode": None}, alice.account, "", now).undo
    )
    world.undos.append(thread_settings_service.tend(world.site(), "/b", {"mode": "off"}, alice.account, "", now).undo)
    world.undos = [undo for undo in world.undos if undo]
    site_settings.change(world.site_id, {"links_max": 3}, alice.account, "", now)
    world.rule_ids.append(rules.add(world.site(), RuleText("words", "casino", "hold"), alice.account, now).id)
    world.sanction_ids.append(
        sanctions.impose(world.site(), SanctionOrder("hold", "email", "nobody@example.org"), alice, now).id
    )
    world.entries += [entry.id for entry in audit_log.of_site(world.site(), ["setting", "rule"], None, 5)[0]]
    appeals.appeal(first, "Please look again", now)
    db.session.rollback()


# The acts. Each draws what it is about, and gives a function that loads what a request has loaded when it begins, which
# gives another one that acts.


def post(world):
    name = world.chance.choice(["carol", "dan", "gus", "eve", "bob"])
    parent = world.chance.choice([None, None, *world.ids])
    thread = world.chance.choice(["/a", "/b", "/new"])
    body = f"posted {world.chance.randint(1, 3)}"  # sometimes the same twice
    key = world.chance.choice([None, None, "key"])

    def begin():
        site, sender = world.site(), world.sender(name)
        return lambda: posting.post(
            site, Submission(world.draft(name, body, thread, parent), sender, key), SECRET, world.now
        )

    return begin


def author_edits(world):
    comment_id = world.chance.choice(world.ids)
    body = f"edited {world.chance.randint(1, 9)}"
    return lambda: lambda: edits.edit(comment_id, body, None, world.now)


def author_withdraws(world):
    comment_id = world.chance.choice(world.ids)
    return lambda: lambda: edits.withdraw(comment_id, world.now)


def vote(world):
    comment_id, value = world.chance.choice(world.ids), world.chance.choice([1, 0, -1])
    name = world.chance.choice(["carol", "dan"])

    def begin():
        account = world.account(name)
        return lambda: votes.vote(comment_id, value, account, False, world.now)

    return begin


def flag(world):
    comment_id, browser = world.chance.choice(world.ids), f"Browser {world.chance.randint(1, 3)}"
    name = world.chance.choice([None, "carol", "dan"])

    def begin():
        sender = Sender(world.account(name) if name else None, "192.0.2.7", browser, False)
        return lambda: reports.flag(comment_id, "spam", "", sender, SECRET, world.now)

    return begin


def appeal(world):
    comment_id = world.chance.choice(world.ids[:2])
    return lambda: lambda: appeals.appeal(comment_id, "Once more", world.now)


def as_moderator(world, act, names=MODERATORS):
    """An act of a moderator, who is looked up before it begins."""
    name = world.chance.choice(names)

    def begin():
        by = world.moderator(name)
        return lambda: act(by)

    return begin


def decide(world):
    ids = world.chance.sample(world.ids, world.chance.randint(1, 4))
    action = world.chance.choice(list(Action))
    return as_moderator(world, lambda by: moderation.decide(ids, action, by, "", world.now))


def undo(world):
    named = world.chance.choice(world.undos)
    entry_id = thread_settings_service.find_entry(named)
    if entry_id is not None:
        return as_moderator(world, lambda by: thread_settings_service.undo(entry_id, by, "", world.now))
    return as_moderator(world, lambda by: moderation.undo(named, by, world.now))


def answer(world):
    comment_id = world.chance.choice(world.ids)
    return as_moderator(world, lambda by: moderator_replies.answer(comment_id, "An answer", by, None, world.now))


def moderator_edits(world):
    comment_id = world.chance.choice(world.ids)

    def act(by):
        return moderation.edit(comment_id, f"mended {by.account.id}", by, None, world.now)

    return as_moderator(world, act)


def sanction(world):
    subject = world.chance.choice(["gus", "eve"])
    order = SanctionOrder("ban", "email", world.email(subject), reject_days=1)
    begin = as_moderator(world, lambda by: sanctions.impose(world.site(), order, by, world.now))
    begin.bans = world.email(subject)
    return begin


def lift(world):
    sanction_id = world.chance.choice(world.sanction_ids)
    return as_moderator(world, lambda by: sanctions.lift(sanction_id, world.site(), by, world.now))


def rule_changes(world):
    rule_id, value = world.chance.choice(world.rule_ids), f"word{world.chance.randint(1, 9)}"
    return as_moderator(world, lambda by: rules.change(rule_id, {"value": value}, by.account, world.now), ("alice",))


def rule_goes(world):
    rule_id = world.chance.choice(world.rule_ids)
    return as_moderator(world, lambda by: rules.remove(rule_id, by.account, world.now), ("alice", "olga"))


def settings(world):
    name = world.chance.choice(["links_max", "refusals_max", "min_interval_s"])
    value = world.chance.randint(5, 50)
    begin = as_moderator(
        world,
        lambda by: site_settings.change(world.site_id, {name: value}, by.account, "", world.now),
        ("alice", "olga"),
    )
    begin.sets = (name, value)
    return begin


def settings_undo(world):
    entry_id = world.chance.choice(world.entries)
    return as_moderator(
        world, lambda by: site_settings.undo(world.site_id, entry_id, by.account, "", world.now), ("alice", "olga")
    )


def thread_settings(world):
    key = world.chance.choice(["/a", "/b"])
    changes = world.chance.choice(
        [{"is_open": False}, {"mode": "all"}, {"pinned_id": world.chance.choice(world.ids)}, {"pinned_id": None}]
    )
    return as_moderator(
        world, lambda by: thread_settings_service.tend(world.site(), key, changes, by.account, "", world.now)
    )


def member_goes(world):
    gone = world.chance.choice(MODERATORS)
    return as_moderator(
        world,
        lambda by: members.remove(world.site(), world.account_ids[gone], by.account, "", world.now),
        ("alice", "olga"),
    )


def role_changes(world):
    whose, role = world.chance.choice(MODERATORS), world.chance.choice(list(Role))
    return as_moderator(
        world,
        lambda by: members.set_role(world.site(), world.account_ids[whose], role, by.account, "", world.now),
        ("alice", "olga"),
    )


def erase(world):
    name, keeps = world.chance.choice(["carol", "carol", "dan", "alice", "olga"]), world.chance.choice([True, False])
    begin = lambda: lambda: accounts_service.erase(world.account_ids[name], keeps, world.now, config=service_config())  # noqa: E731
    begin.erases = (name, keeps)
    return begin


@dataclass(frozen=True)
class Person:
    """A person authenticated by a provider."""

    email: str
    name: str = "Gus"
    provider: str = "oidc"
    is_email_verified: bool = True
    website: str | None = None
    picture_url: str | None = None

    @property
    def subject(self):
        return self.email


def guest_signs_in(world):
    person = Person(world.email(world.chance.choice(["gus", "eve"])))
    return lambda: lambda: sign_in.admit(person, BROWSER, world.now)


def guest_signs_in_by_link(world):
    email = world.email(world.chance.choice(["gus", "eve", "carol"]))
    links = world.chance.random()

    def begin():
        token = f"{links}"
        sent = []

        def write_mail(_name, _language, _code, link_token):
            sent.append(link_token)
            return RenderedMail("subject", "text", "<p>html</p>")

        asker = Asker("192.0.2.9", "a browser", is_known=False)
        sign_in.send_code(email, asker, False, SECRET, write_mail, world.now, joins=True)
        return lambda: sign_in.by_link(sent[0], BROWSER, world.now) and token

    return begin


def imports(world):
    path = world.folder / f"{world.key}.xml"
    if not path.exists():
        written = [comment_xml(n, n - 1 if n % 3 else 0, comment_content=f"imported {n}") for n in range(1, 8)]
        pages = [item_xml(*written[:4], path="/b"), item_xml(*written[4:], path="/a")]
        path.write_text(HEAD.format(base=f"https://{world.key}.example") + "\n".join(pages) + "</channel></rss>")
    return lambda: lambda: file_imports.run(path, world.site(), world.now)


def learns(world):
    return lambda: lambda: spam_training.follow(world.now + timedelta(minutes=1))


def closes_old(world):
    def act():
        with write():
            thread_pages.close_old(world.now - timedelta(days=1), world.now)

    return lambda: act


def prunes(world):
    def act():
        with write():
            idempotency.forget_old(world.now - timedelta(days=7))
            rule_hits.forget_old(world.now)

    return lambda: act


def recount(world):
    return lambda: lambda: recounts.mend(world.site(), lambda sentence: None)


VERBS = (
    *(post, post, author_edits, author_withdraws, vote, flag, appeal, decide, decide, undo, undo, answer),
    *(moderator_edits, sanction, lift, rule_changes, rule_goes, settings, settings_undo, thread_settings),
    *(member_goes, role_changes, erase, erase, guest_signs_in, guest_signs_in_by_link, imports, learns, closes_old),
    *(prunes, recount),
)

# Acts that change the same: most draws are of one of these.
RELATED = (
    (erase, erase, decide, post, undo, vote, flag, answer, moderator_edits, author_edits),
    (member_goes, role_changes, erase),
    (settings, settings_undo),
    (guest_signs_in, guest_signs_in_by_link, decide, post, undo, imports),
    (sanction, sanction, post, lift, guest_signs_in),
    (appeal, decide, undo),
    (rule_changes, rule_goes, post, settings_undo),
    (imports, imports, post, decide, recount),
    (decide, undo, thread_settings, author_withdraws, learns, moderator_edits, recount),
)


# Invariants after the actions.


def check_world(world, drawn, outcomes):
    db.session.rollback()
    site = world.site()
    assert memberships.owners_of(site.id) >= 1, "no owner is left"
    check_logs(site)
    done = [begin for begin, outcome in zip(drawn, outcomes, strict=True) if not isinstance(outcome, CommentError)]
    names = [begin.verb for begin in done]
    for begin in done:
        if hasattr(begin, "erases"):
            check_erased(world, *begin.erases)
    if not {"decide", "undo", "lift", "answer", "imports"} & set(names):
        for begin in done:
            if hasattr(begin, "bans"):
                check_banned(site, begin.bans)
    if "settings_undo" not in names:
        check_settings(site, [begin.sets for begin in done if hasattr(begin, "sets")])
    said = select(Comment.thread_id, Comment.parent_id, Comment.author_id, Comment.text_hash, func.count())
    said = said.where(Comment.site_id == site.id, Comment.status != Status.DELETED, Comment.import_id.is_(None))
    said = said.group_by(Comment.thread_id, Comment.parent_id, Comment.author_id, Comment.text_hash)
    is_changed = {"author_edits", "moderator_edits", "guest_signs_in", "guest_signs_in_by_link"} & set(names)
    if not is_changed:
        assert not db.session.execute(said.having(func.count() > 1)).all(), "the same was said twice"


def check_logs(site):
    newest = dict(
        db.session.execute(
            select(Decision.comment_id, func.max(Decision.id))
            .where(Decision.site_id == site.id)
            .group_by(Decision.comment_id)
        ).all()
    )
    for comment_id, decision_id in newest.items():
        status = db.session.get(Comment, comment_id).status
        assert status == db.session.get(Decision, decision_id).status_after, f"comment {comment_id} and its log"
    for table in (Decision, AuditEntry):
        undone = select(table.undoes_id).where(table.site_id == site.id, table.undoes_id.is_not(None))
        twice = [number for number, times in Counter(db.session.scalars(undone)).items() if times > 1]
        assert not twice, f"{table.__tablename__} {twice} was undone twice"
    times = Counter(e.subject for e in audit_log.of_site(site, ["sanction"], None, 50)[0] if e.before)
    assert all(count == 1 for count in times.values()), f"lifted twice: {times}"


def check_erased(world, name, keeps):
    assert stored_accounts.find_account(world.email(name)) is None, f"{name} was erased"
    assert not authors.by_account(world.account_ids[name]), f"{name} still writes here"
    left = select(Comment).where(Comment.site_id == world.site_id, Comment.author_email == world.email(name))
    assert not db.session.scalars(left).all(), f"a comment still says that {name} wrote it"
    for comment_id in world.by.get(name, []):
        found = comments.by_id(comment_id)
        assert found.author_name == ERASED
        assert keeps or found.status != Status.APPROVED, f"comment {comment_id} of {name} is public"


def check_banned(site, email):
    public = select(Comment.id).where(Comment.site_id == site.id, Comment.author_email == email)
    found = db.session.scalars(public.where(Comment.status.in_([Status.APPROVED, Status.PENDING]))).all()
    assert not found, f"comments {found} of somebody banned stay"


def check_settings(site, changed):
    times = Counter(name for name, _ in changed)
    for name, value in changed:
        if times[name] == 1:
            assert getattr(site.policy, name) == value, f"{name} was answered as saved, and is lost"


# The test.


# Rows that all wait for, so that each use case has loaded its unlocked rows when they continue. Posting and decisions
# wait for threads, those that change members and settings for the site, those that change a person for the account.
HELD = {
    "thread": "SELECT id FROM thread ORDER BY id FOR UPDATE",
    "site": "SELECT id FROM site ORDER BY id FOR UPDATE",
    "account": "SELECT id FROM account ORDER BY id FOR UPDATE",
}
BLOCKED = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")


@contextlib.contextmanager
def holding(app, what):
    """Hold rows until every act waits or is over; SQLite lets one write at a time in any case."""
    if what is None or db.engine.dialect.name == "sqlite":
        yield lambda alive: None
        return
    with db.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text(HELD[what]))

        def let_go(threads):
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as looking:
                until = time.monotonic() + HELD_S
                while time.monotonic() < until:
                    alive = sum(thread.is_alive() for thread in threads)
                    if looking.scalar(BLOCKED) >= alive:
                        break
                    time.sleep(0.01)
            transaction.rollback()

        yield let_go


def run_at_once(app, drawn, held=None):
    barrier = threading.Barrier(len(drawn))
    outcomes = [None] * len(drawn)

    def work(index, begin):
        try:
            with app.app_context():
                try:
                    act = begin()
                    barrier.wait(WAIT_S)
                    outcomes[index] = act() or "done"
                except CommentError as error:
                    outcomes[index] = error
                    db.session.rollback()
                finally:
                    db.session.remove()
        except BaseException as error:  # told by the test
            barrier.abort()
            outcomes[index] = error

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(drawn)]
    with holding(app, held) as let_go:
        for thread in threads:
            thread.start()
        let_go(threads)
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive(), "it waits for ever"
    wrong = [one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, CommentError)]
    for outcome in sorted(wrong, key=lambda one: isinstance(one, threading.BrokenBarrierError)):
        raise outcome  # the first failure at the barrier
    return outcomes


def draw(world):
    drawn = []
    among = world.chance.choice([VERBS, *RELATED])
    for verb in world.chance.choices(among, k=world.chance.choice([2, 2, 3])):
        begin = verb(world)
        begin.verb = verb.__name__
        drawn.append(begin)
        if world.chance.random() < 0.25:  # the same once more, as when somebody presses a button twice
            drawn.append(begin)
    return drawn


def _told(error):
    """Where it came from in the project, and its first line: without values, which fill pages."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename]
    where = "\n".join(f"    {frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.line}" for frame in frames[-6:])
    return f"{where}\n    {type(error).__name__}: {str(error).partition(chr(10))[0]}"


def one_round(app, number, folder):
    world = World(f"r{number}", random.Random(f"{SEED}:{number}"), datetime.now(UTC), folder)
    drawn, held = [], None
    try:
        build(world)
        drawn = draw(world)
        held = world.chance.choice([None, *HELD])
        db.session.remove()
        outcomes = run_at_once(app, drawn, held)
        check_world(world, drawn, outcomes)
        check_kept_numbers()
        assert recounts.check(world.site(), lambda sentence: None) == []
    except Exception as error:
        acts = ", ".join(begin.verb for begin in drawn) + (f"; holding {held}" if held else "")
        return f"RACES_SEED={SEED} RACES_ROUND={number} ({acts}):\n{_told(error)}"
    finally:
        db.session.remove()
    return ""


@pytest.mark.filterwarnings("default::sqlalchemy.exc.SAWarning")
def test_any_acts_at_the_same_moment_leave_every_number_true(app, tmp_path):
    began = time.monotonic()
    rounds = itertools.count() if ROUND < 0 else [ROUND] * 20  # a race does not happen each time
    failures = []
    for turn, number in enumerate(rounds):
        if time.monotonic() > began + SECONDS:
            break
        if turn % ROUNDS_KEPT == 0 or ROUND >= 0 or failures:
            empty_tables()
        failed = one_round(app, number, tmp_path)
        if failed:
            failures.append(failed)
            if not os.environ.get("RACES_ALL"):
                break
    assert not failures, f"{len(failures)} of {turn} rounds\n" + "\n".join(failures)
    assert turn > 0
