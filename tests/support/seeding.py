"""Makes services with comments in them, through the same verbs that a request uses."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlalchemy import delete

from commentsvc import create_app
from commentsvc.config import from_environment
from commentsvc.core.job_kinds import JobKind
from commentsvc.core.policy import Mode, Policy
from commentsvc.services import api_tokens, posting
from commentsvc.services.submissions import Draft, Sender, Submission
from commentsvc.store import accounts, engine, memberships, migrations, sites
from commentsvc.store.db import db
from commentsvc.store.jobs import Job
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write

ORIGIN = "https://blog.example"
WORDS = (
    "the of and a to in is you that it he was for on are as with his they at be this have from or one had by word but "
    "not what all were we when your can said there use an each which she do how their if will up other about out many "
    "then them these so some her would make like him into time has look two more write go see number no way could "
    "people my than first water been call who oil its now find long down day did get come made may part bread flour "
    "oven dough "
).split()


def prose(chance: random.Random, least: int = 8, most: int = 90) -> str:
    """Words enough for a comment; a few have a link, some emphasis, some a second paragraph."""
    words = [chance.choice(WORDS) for _ in range(chance.randint(least, most))]
    text = " ".join(words).capitalize() + "."
    if chance.random() < 0.1:
        text += f" See https://example.org/{chance.choice(WORDS)}/{chance.randrange(1000)}"
    if chance.random() < 0.2:
        text = text.replace(words[3], f"*{words[3]}*", 1) + "\n\n" + " ".join(reversed(words[:20])).capitalize() + "."
    return text


def prepare(environ: Mapping[str, str]) -> Flask:
    """A database with the sites `blog`, where all is approved, and `held`, where all waits for Alice; gives the app."""
    config = from_environment(environ, None)
    engine.create_file(config)
    app = create_app(config)
    with app.app_context():
        migrations.upgrade()
        with write():
            alice = accounts.make_account("alice@example.org", "Alice", False, datetime.now(UTC))
            for key, mode in (("blog", Mode.OFF), ("held", Mode.ALL)):
                # No work is asked of browsers: all that is measured comes from one address.
                site = sites.add(key, key, [ORIGIN], Policy(mode=mode, challenge_after=0), datetime.now(UTC))
                memberships.set_role(alice, site, Role.OWNER)
    return app


def moderators_token(app: Flask) -> str:
    with app.app_context(), write():
        return api_tokens.new_api_token(accounts.account_by_email("alice@example.org"), None, datetime.now(UTC))


def add_thread(app: Flask, secret: str, key: str, count: int, replies: float = 0.4) -> None:
    """Add a thread with `count` approved comments; `replies` is the share of replies."""
    chance = random.Random(key)
    start = datetime.now(UTC) - timedelta(days=30)
    with app.app_context():
        site = sites.by_key("blog")
        open_ids: list[int] = []
        for n in range(count):
            parent_id = chance.choice(open_ids) if open_ids and chance.random() < replies else None
            draft = Draft(key, "", "A post", parent_id, prose(chance), f"Reader {n}", f"reader{n}@example.org", None)
            sender = Sender(None, f"192.0.2.{n % 250}", "bench", limited=False)
            posted = posting.post(site, Submission(draft, sender), secret, start + timedelta(seconds=n))
            if posted.comment.depth < 3:
                open_ids.append(posted.comment.id)
        # Of the old comments; /readyz would call it late, and no page answers at the blog's address.
        with write():
            db.session.execute(delete(Job).where(Job.kind == JobKind.READ_PAGE))
