"""Nothing that a stranger, reader, moderator or owner sends makes an error of ours; `make fuzz` tries for an hour."""

import os
import time

import pytest

from commentsvc import worker
from commentsvc.core.status import Status
from commentsvc.services import api_tokens, widget_tokens
from commentsvc.services.widget_tokens import TokenGrant
from commentsvc.store import accounts, memberships
from commentsvc.store.memberships import Role
from commentsvc.store.transactions import write
from tests.support.cast import BLOG
from tests.support.fuzzing import Fuzz, Visitor

REQUESTS = 700  # of each database
ROUND = 150  # requests until everybody is signed in again, for some sign out or erase themselves


@pytest.fixture
def visitors(app, site, sign_in, now):
    number = iter(range(10**9))

    def signing_in_as(role, is_admin=False):
        def enter(client):
            with write():
                email = f"{role or 'reader'}{next(number)}@example.org"
                account = accounts.make_account(email, f"Person {next(number)}", is_admin, now)
                if role:
                    memberships.set_role(account, site, role)
            sign_in(client, account)

        return enter

    with write():
        owner = accounts.make_account("owner@example.org", "Alice", False, now)
        memberships.set_role(owner, site, Role.OWNER)
        carol = accounts.make_account("carol@example.net", "Carol", False, now)
        api_token = api_tokens.new_api_token(owner, None, now)
        widget_tokens.add_tokens(TokenGrant(carol, site, "github", "family"), "a widget token", "a refresh token", now)
    made = app.test_client
    return [
        Visitor("nobody", made()),
        Visitor("reader", made(), sign_in=signing_in_as(None)),
        Visitor("moderator", made(), sign_in=signing_in_as(Role.MODERATOR)),
        Visitor("owner", made(), sign_in=signing_in_as(Role.OWNER)),
        Visitor("admin", made(), sign_in=signing_in_as(None, True)),
        Visitor("program", made(), {"Authorization": f"Bearer {api_token}"}),
        Visitor("widget", made(), {"Authorization": "Bearer a widget token"}),
    ]


@pytest.fixture
def values(make_comment, now):
    """Values that lead somewhere, by the names that paths, queries and forms give them."""
    ids = [str(make_comment(status=status, body=f"Hello {status}")) for status in Status]
    while worker.run_due(None, now):  # /readyz must find no late job of these old comments
        pass
    return {
        "site": ["blog"],
        "site_key": ["blog", "_all"],
        "client_id": ["blog"],
        "thread": ["/post", "/new"],
        "comment_id": ids,
        "comment": ids,
        "id": ids,
        "ids": ids,
        "number": ids,
        "parent_id": ids[:1],
        "redirect_uri": [f"{BLOG}/post"],
        "response_type": ["code"],
        "code_challenge": ["a" * 43],
        "code_challenge_method": ["S256"],
        "response_mode": ["fragment", "web_message"],
        "state": ["state"],
        "provider": ["github", "mastodon", "oidc", "facebook", "email"],
        "status": list(Status),
        "sort": ["oldest", "newest", "top", "likely-spam"],
        "limit": ["1", "50"],
        "action": ["approve", "reject", "spam", "delete", "pending"],
        "kind": ["words", "domains", "links", "ban", "hold", "warn"],
        "subject_kind": ["account", "email", "domain", "network"],
        "subject": ["1", "carol@example.org", "example.org", "192.0.2.0/24"],
        "body": ["Hello", "> *Hello*"],
        "value": ["1", "casino"],
        "outcome": ["hold", "spam", "reject"],
        "reason": ["spam", "other"],
        "email": ["carol@example.org"],
        "name": ["Carol"],
        "url": [f"{BLOG}/post"],
        "next": ["/dashboard"],
        "lang": ["de", "en"],
        "action_name": ["approve"],
    }


def test_whatever_is_sent_is_answered(app, visitors, values):
    seed = int(os.environ.get("FUZZ_SEED", "1"))
    lasts_s = float(os.environ.get("FUZZ_S", "0"))
    print(f"FUZZ_SEED={seed}")
    app.config["PROPAGATE_EXCEPTIONS"] = True
    fuzz = Fuzz(app, visitors, values, seed)
    end, sent = time.monotonic() + lasts_s, 0
    without_token = 0
    while sent < REQUESTS or time.monotonic() < end:
        if sent % ROUND == 0:
            fuzz.prepare()
        status, what = fuzz.send_one()
        assert status < 500 or (status == 503 and "provider" in what), what
        sent += 1
        without_token += what.startswith("(no valid CSRF")
    assert without_token < sent / 4, "the code behind the forms is not reached"
    assert len(fuzz.reached) > 60
