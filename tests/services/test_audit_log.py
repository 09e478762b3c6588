"""Every writer of settings, rules, roles and tokens leaves an entry in the audit log that names its actor."""

import inspect

import pytest
from sqlalchemy import select

from commentsvc.core.policy import Mode
from commentsvc.services import accounts, members, rules, site_settings, thread_settings
from commentsvc.services import api_tokens as api_tokens_service
from commentsvc.services.moderation import Moderator
from commentsvc.services.rules import RuleText
from commentsvc.services.sign_in import Browser
from commentsvc.store import api_tokens as stored_api_tokens
from commentsvc.store import audit_log, canned_responses, invitations, sites
from commentsvc.store.audit_log import ActorKind, AuditEntry
from commentsvc.store.db import db
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write

LINE = ActorKind.COMMAND_LINE
URL = "https://comments.example"
BROWSER = Browser("192.0.2.1", "test", None)


class Story:
    """A site with its owner, Alice, and its moderator, Bob; each step is one writer."""

    def __init__(self, site, alice, bob, now):
        self.site, self.alice, self.bob, self.now = site, alice, bob, now
        self.rule = None

    def newest(self, kind):
        entries, _ = audit_log.of_site(self.site, [kind], None, 1)
        return entries[0]

    def set_role(self):
        members.set_role(self.site, self.bob.id, Role.OWNER, self.alice, "", self.now)

    def invite(self, email="carol@example.org"):
        members.invite(self.site, email, Role.MODERATOR, self.alice, URL, "", self.now)

    def take_back(self):
        self.invite()
        (found,) = invitations.open_of(self.site, self.now)
        members.take_back(self.site, found.id, self.alice, "", self.now)

    def accept(self, monkeypatch):
        monkeypatch.setattr("commentsvc.core.tokens.new", lambda prefix="": f"{prefix}a-token")
        self.invite()
        members.accept("a-token", BROWSER, self.now)

    def give_role(self):
        with write():
            members.give_role(self.bob, self.site, Role.OWNER, LINE, self.now)

    def add_rule(self):
        self.rule = rules.add(self.site, RuleText("words", "spam", "hold"), self.alice, self.now)
        return self.rule

    def end_flood(self):
        with write():
            sites.change_policy(self.site, {"mode": "all", "flood_from": "rules"})
        rules.end_flood(self.site, self.alice, self.now)

    def undo_rule(self):
        self.add_rule()
        rules.undo(self.newest("rule").id, self.site, self.alice, self.now)

    def undo_setting(self):
        site_settings.change(self.site.id, {"links_max": 7}, self.alice, "", self.now)
        site_settings.undo(self.site.id, self.newest("setting").id, self.alice, "", self.now)

    def remove_note(self):
        site_settings.add_note(self.site.id, "Be kind.", self.alice, "", self.now)
        (note,) = canned_responses.of_site(self.site)
        site_settings.remove_note(self.site.id, note.id, self.alice, "", self.now)

    def revoke(self):
        api_tokens_service.make_api_token(self.alice, self.site, "mine", True, "", self.now)
        (token,) = stored_api_tokens.api_tokens_of(self.alice)
        api_tokens_service.revoke_api_token(self.alice, token.id, "", self.now)

    def undo_thread(self):
        undo = thread_settings.tend(self.site, "/p", {"mode": "off"}, self.alice, "", self.now).undo
        thread_settings.undo(thread_settings.find_entry(undo), Moderator(self.alice), "", self.now)


# Each writer of settings with its action, and the kind and actor of the entry that it leaves.
WRITERS = {
    site_settings.create: (
        lambda s: site_settings.create("new", "New", ["https://new.example"], Mode.ALL, LINE, s.now),
        ("site", "the command line"),
    ),
    site_settings.change: (
        lambda s: site_settings.change(s.site.id, {"links_max": 7}, LINE, "", s.now),
        ("setting", "the command line"),
    ),
    site_settings.add_note: (
        lambda s: site_settings.add_note(s.site.id, "Be kind.", s.alice, "", s.now),
        ("canned", "Alice"),
    ),
    site_settings.remove_note: (Story.remove_note, ("canned", "Alice")),
    site_settings.undo: (Story.undo_setting, ("setting", "Alice")),
    rules.add: (Story.add_rule, ("rule", "Alice")),
    rules.change: (lambda s: rules.change(s.add_rule().id, {"is_on": False}, s.alice, s.now), ("rule", "Alice")),
    rules.remove: (lambda s: rules.remove(s.add_rule().id, s.alice, s.now), ("rule", "Alice")),
    rules.undo: (Story.undo_rule, ("rule", "Alice")),
    rules.set_policy: (lambda s: rules.set_policy(s.site, {"links_max": 7}, s.alice, s.now), ("setting", "Alice")),
    rules.end_flood: (Story.end_flood, ("setting", "Alice")),
    members.invite: (Story.invite, ("invitation", "Alice")),
    members.take_back: (Story.take_back, ("invitation", "Alice")),
    members.set_role: (Story.set_role, ("member", "Alice")),
    members.remove: (lambda s: members.remove(s.site, s.bob.id, s.alice, "", s.now), ("member", "Alice")),
    members.give_role: (Story.give_role, ("member", "the command line")),
    api_tokens_service.create: (
        lambda s: api_tokens_service.create(s.alice.email, "blog", LINE, s.now),
        ("token", "the command line"),
    ),
    api_tokens_service.make_api_token: (
        lambda s: api_tokens_service.make_api_token(s.alice, s.site, "mine", True, "", s.now),
        ("token", "Alice"),
    ),
    api_tokens_service.revoke_api_token: (Story.revoke, ("token", "Alice")),
    accounts.create: (
        lambda s: accounts.create("d@example.org", "Dora", True, None, Role.OWNER, URL, LINE, s.now),
        ("link", "the command line"),
    ),
    accounts.lock_out: (lambda s: accounts.lock_out(s.bob, True, LINE, s.now), ("sign-out", "the command line")),
    thread_settings.tend: (
        lambda s: thread_settings.tend(s.site, "/p", {"mode": "off"}, s.alice, "", s.now),
        ("thread", "Alice"),
    ),
    thread_settings.undo: (Story.undo_thread, ("thread", "Alice")),
}
ELSEWHERE = {members.accept}  # its own test, below


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: f"{writer.__module__}.{writer.__name__}")
def test_a_writer_leaves_an_entry_that_names_its_actor(site, alice, bob, now, writer):
    step, wanted = WRITERS[writer]
    before = {entry.id for entry in db.session.scalars(select(AuditEntry))}
    step(Story(site, alice, bob, now))
    left = [entry for entry in db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)) if entry.id not in before]
    assert left and (left[-1].kind, left[-1].actor_name) == wanted


def test_who_accepts_an_invitation_is_the_actor_of_the_new_role(site, alice, bob, now, monkeypatch):
    story = Story(site, alice, bob, now)
    story.accept(monkeypatch)
    entry = story.newest("member")
    assert (entry.subject, entry.after, entry.actor_name) == ("carol@example.org", {"role": "moderator"}, "carol")


def test_no_writer_of_settings_rules_roles_or_tokens_is_left_out():
    found = {
        function
        for module in (site_settings, rules, members, api_tokens_service, thread_settings)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if hasattr(function, "__wrapped__") and function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert found - WRITERS.keys() - ELSEWHERE == set()
