"""A site with some of everything that an export holds, made by the services by chance."""

import random
from contextlib import suppress
from datetime import datetime, timedelta

from commentsvc.core.errors import CommentError
from commentsvc.core.policy import Mode
from commentsvc.core.status import Action, Status
from commentsvc.services import (
    appeals,
    edits,
    moderation,
    posting,
    reports,
    rules,
    site_settings,
    thread_moves,
    thread_settings,
    votes,
)
from commentsvc.services.moderation import Moderator
from commentsvc.services.rules import RuleText
from commentsvc.services.submissions import Draft, Notify, Sender, Submission
from commentsvc.store import accounts, comments, identities, sites
from commentsvc.store.db import db
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write
from tests.support.cast import SECRET, add_account, add_site

TEXTS = [
    "Hello there",
    "**bold** and [a link](https://example.org/ä?b=c)",
    "> quoted\n\nand an answer 日本語 🙂",
    "`code` \\ \"quotes\" 'and' <tags>",
    "عربي text with a\u2028separator",
]


def fill(key: str, seed: int, now: datetime, acts: int = 60):
    """Make the site; gives it."""
    chance = random.Random(seed)
    site = add_site(key, f"https://{key}.example", chance.choice([Mode.OFF, Mode.ALL, Mode.NEW]), now, flags_hold=2)
    alice = add_account(f"alice@{key}.example", "Alice", site, Role.OWNER, now)
    add_account(f"bob@{key}.example", "Bob", site, Role.MODERATOR, now)
    with write():
        readers = [accounts.make_account(f"{name}@{key}.example", name.title(), False, now) for name in ("dan", "eve")]
        without_email = accounts.add_account("Finn", None, "https://finn.example", now)
        identities.add_identity(without_email, "github", f"{key}-583231", "finn", now)
        readers.append(without_email)
    ids, batches = [], []
    rules.add(site, RuleText("words", "casino\npoker", "hold"), alice, now)
    rules.add(site, RuleText("domains", "spam.example", "spam", is_on=False), alice, now)
    site_settings.change(site.id, {"links_max": chance.randint(0, 9), "texts": {}}, alice, "", now)
    site_settings.add_note(site.id, "Please stay on topic.", alice, "", now)

    def post(at):
        account = chance.choice([None, None, *readers])
        name = account.name if account else chance.choice(["Carol", "Gus", "Ölaf"])
        email = "" if account else chance.choice(["", f"{name.encode('idna').decode()}@example.org".lower()])
        if not account and not email:
            email = f"guest{len(ids)}@example.org"
        thread = chance.choice(["/a", "/b", "/日本", "post-12"])
        parents = [number for number in ids if comments.by_id(number).thread.key == thread]
        parent = chance.choice([None, None, *parents])
        title = chance.choice(["", "A post"])
        url = f"https://{key}.example{thread}" if thread.startswith("/") and chance.random() < 0.5 else ""
        draft = Draft(
            thread, url, title, parent, f"{chance.choice(TEXTS)} {len(ids)}", name, email, None, Notify.REPLIES
        )
        sender = Sender(account, f"192.0.2.{chance.randint(1, 200)}", "test browser", limited=False)
        ids.append(posting.post(sites.by_key(key), Submission(draft, sender), SECRET, at).comment.id)

    def published():
        return chance.choice([number for number in ids if comments.by_id(number).status == Status.APPROVED])

    def decide(at):
        some, action = chance.sample(ids, min(len(ids), 3)), chance.choice([*Action, Action.APPROVE, Action.APPROVE])
        batches.append(moderation.decide(some, action, Moderator(alice), "a note", at).undo)

    acts_by_name = {
        "post": post,
        "decide": decide,
        "undo": lambda at: moderation.undo(chance.choice(batches), Moderator(alice), at),
        "edit": lambda at: edits.edit(chance.choice(ids), f"changed {len(ids)}", None, at),
        "rewrite": lambda at: moderation.edit(chance.choice(ids), "by a moderator", Moderator(alice), None, at),
        "vote": lambda at: votes.vote(published(), chance.choice([-1, 0, 1]), chance.choice(readers), False, at),
        "report": lambda at: reports.flag(
            published(),
            chance.choice(["spam", "harassment", "other"]),
            "Please look",
            Sender(chance.choice([None, *readers]), f"198.51.100.{chance.randint(1, 200)}", "test", limited=False),
            SECRET,
            at,
        ),
        "appeal": lambda at: appeals.appeal(chance.choice(ids), "Please look again", at),
        "thread": lambda at: thread_settings.tend(
            sites.by_key(key), chance.choice(["/a", "/b"]), {"is_open": chance.random() < 0.5}, alice, "", at
        ),
        "move": lambda at: thread_moves.move(
            sites.by_key(key).id, chance.choice(["/a", "/b"]), f"/moved/{len(ids)}", alice, "", at
        ),
        "merge": lambda at: thread_moves.merge(sites.by_key(key).id, "/a", "/b", alice, "", at),
    }
    for n in range(acts):
        each = [*acts_by_name, "post", "post", "decide", "report", "vote"]
        name = "post" if n < 8 else each[n - 8] if n < 8 + len(each) else chance.choice(each)
        with suppress(CommentError, IndexError):
            acts_by_name[name](now + timedelta(seconds=n))
        db.session.rollback()
    return sites.by_key(key)
