"""Signs people in: codes and links by mail, links the operator prints, and the browser sessions they open."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Protocol

from commentsvc.core import tokens
from commentsvc.core.errors import Invalid, NotFound, TooMany
from commentsvc.store import jobs, people
from commentsvc.store.db import begin_write, db
from commentsvc.store.people import Account, ApiToken, Session, SigninCode
from commentsvc.store.sites import Site

CODE_LIFE = timedelta(minutes=10)
PRINTED_LINK_LIFE = timedelta(days=1)
CODE_TRIES_MAX = 5
SESSION_LIFE = timedelta(days=14)
# Enough for somebody who mistypes, too few to flood a mailbox or to try many addresses.
CODES_PER_EMAIL = 5
CODES_PER_IP = 20
CODES_WINDOW = timedelta(hours=1)

WRONG_CODE = "This code is not right, or no longer valid. Look at the newest mail, or ask for a new code."


class CodeMail(Protocol):
    """Writes the mail: (subject, text, html) for a code and a link."""

    def __call__(self, account: Account, code: str, link_token: str) -> tuple[str, str, str]: ...


def send_code(email: str, ip: str, limited: bool, secret: str, write: CodeMail, now: datetime) -> None:
    """Mail a code and a link to the address when an account has it; to the asker nothing differs when none has.

    Raises TooMany when the address or the asker's network asked too often in the last hour.
    """
    begin_write()
    email = email.strip().lower()
    since = now - CODES_WINDOW
    if limited and (
        people.codes_sent(since, now, email=email) >= CODES_PER_EMAIL
        or people.codes_sent(since, now, ip=ip) >= CODES_PER_IP
    ):
        raise TooMany("Too many codes were asked for. Please wait an hour, or use a code you have.", 3600)
    account = people.find_account(email)
    code, link_token = tokens.new_code(), tokens.new()
    db.session.add(
        SigninCode(
            email=email,
            ip=ip,
            link_hash=tokens.digest(link_token),
            code_hash=tokens.keyed(secret, "code", email, code),
            created_at=now,
            expires_at=now + CODE_LIFE,
        )
    )
    if account is not None:
        subject, text, html = write(account, code, link_token)
        jobs.add("mail", {"to": email, "subject": subject, "text": text, "html": html}, now)
    db.session.commit()


def printed_link(account: Account, now: datetime) -> str:
    """The token of a sign-in link for an account, for the operator to hand over; the caller commits."""
    assert account.email is not None  # an account the operator made has one
    link_token = tokens.new()
    link_hash = tokens.digest(link_token)
    db.session.add(
        SigninCode(email=account.email, link_hash=link_hash, created_at=now, expires_at=now + PRINTED_LINK_LIFE)
    )
    return link_token


def by_code(email: str, code: str, secret: str, ip: str, user_agent: str, now: datetime) -> str:
    """Use up a mailed code and open a browser session; gives its token. Raises Invalid; every try counts."""
    begin_write()
    email = email.strip().lower()
    found = people.newest_code(email)
    account = people.find_account(email)
    if found is None or not _is_usable(found, now) or found.tries >= CODE_TRIES_MAX:
        raise Invalid("code", WRONG_CODE)
    found.tries += 1
    expected = found.code_hash or b""
    if account is None or not hmac.compare_digest(expected, tokens.keyed(secret, "code", email, code.strip())):
        db.session.commit()
        raise Invalid("code", WRONG_CODE)
    found.used_at = now
    token = _open_session(account, ip, user_agent, now)
    db.session.commit()
    return token


def account_of_link(link_token: str, now: datetime) -> Account:
    """Whom a link would sign in, without using it up; raises NotFound when it is no longer good."""
    found = people.code_by_link(tokens.digest(link_token))
    account = people.find_account(found.email)
    if account is None or not _is_usable(found, now):
        raise NotFound("This sign-in link has been used or is too old. Ask for a new one.")
    return account


def by_link(link_token: str, ip: str, user_agent: str, now: datetime) -> str:
    """Use up a link and open a browser session; gives its token."""
    begin_write()
    account = account_of_link(link_token, now)
    people.code_by_link(tokens.digest(link_token)).used_at = now
    token = _open_session(account, ip, user_agent, now)
    db.session.commit()
    return token


def sign_out(token: str, now: datetime) -> None:
    begin_write()
    found = people.find_session(tokens.digest(token), now)
    if found is not None:
        found.ended_at = now
    db.session.commit()


def new_api_token(account: Account, site: Site | None, now: datetime) -> str:
    """A personal token that carries the account's rights, on one site or all of them; the caller commits."""
    token = tokens.new("cst_")
    site_id = site.id if site else None
    db.session.add(ApiToken(account_id=account.id, site_id=site_id, token_hash=tokens.digest(token), created_at=now))
    return token


def _is_usable(code: SigninCode, now: datetime) -> bool:
    return code.used_at is None and now < code.expires_at


def _open_session(account: Account, ip: str, user_agent: str, now: datetime) -> str:
    token = tokens.new()
    db.session.add(
        Session(
            account_id=account.id,
            token_hash=tokens.digest(token),
            ip=ip,
            user_agent=user_agent,
            created_at=now,
            expires_at=now + SESSION_LIFE,
        )
    )
    return token
