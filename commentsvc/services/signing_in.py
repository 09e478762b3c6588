"""Signs people in: codes and links by mail, links the operator prints, and the browser sessions they open."""

from __future__ import annotations

import hmac
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Protocol

from commentsvc.core import text, tokens
from commentsvc.core.errors import Conflict, Invalid, NotFound, TooMany
from commentsvc.core.networks import Scope, network_of
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import NAME_MAX
from commentsvc.gateways.letters import Written
from commentsvc.store import comments, jobs, journal, people
from commentsvc.store.db import begin_write, db, retried, take_turn
from commentsvc.store.people import TOKEN_NAME_MAX, Account, ApiToken, Session, SigninCode
from commentsvc.store.sites import Site

CODE_LIFE = timedelta(minutes=10)
PRINTED_LINK_LIFE = timedelta(days=1)
CODE_TRIES_MAX = 5
SESSION_LIFE = timedelta(days=14)
# Enough for somebody who mistypes, too few to flood a mailbox or to try many addresses.
CODES_PER_EMAIL = 5
CODES_PER_HOUSEHOLD = 20
CODES_PER_NEIGHBOURHOOD = 60
CODES_WINDOW = timedelta(hours=1)

EMAIL = "email"  # the provider of who signs in by a mailed code or link
WRONG_CODE = phrase("This code is not right, or no longer valid. Look at the newest mail, or ask for a new code.")


class Person(Protocol):
    """Whom a provider vouches for. `subject` is what it never gives to anybody else."""

    @property
    def provider(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str | None: ...
    @property
    def is_email_verified(self) -> bool: ...
    @property
    def website(self) -> str | None: ...
    @property
    def picture_url(self) -> str | None: ...


class CodeMail(Protocol):
    """Writes the mail with a code and a link, to an account or to somebody who has none yet."""

    def __call__(self, account: Account | None, code: str, link_token: str) -> Written: ...


@dataclass(frozen=True)
class Browser:
    """What signs in: from where, what it calls itself, and which of our languages it asks for, if any."""

    ip: str
    user_agent: str
    language: str | None


@retried
def send_code(email: str, ip: str, limited: bool, secret: str, write: CodeMail, now: datetime, joins: bool) -> None:
    """Mail a code and a link to the address when an account has it; to the asker nothing differs when none has.

    With `joins` an address without an account gets a mail too, and an account when the code comes back.
    Raises TooMany when the address or the asker's network asked too often in the last hour.
    """
    begin_write()
    email = email.strip().lower()
    if limited:  # several requests at once would each find that few codes were sent
        take_turn("codes to", email)
        take_turn("codes for", ip)
    since = now - CODES_WINDOW
    own, near = people.codes_asked_from(ip, since, now, CODES_PER_NEIGHBOURHOOD)
    is_network_done = own >= CODES_PER_HOUSEHOLD or near >= CODES_PER_NEIGHBOURHOOD
    if limited and (is_network_done or people.codes_sent(since, now, email) >= CODES_PER_EMAIL):
        sentence = phrase("Too many codes were asked for. Please wait an hour, or use a code you have.")
        raise TooMany(sentence, 3600)
    account = people.find_account(email)
    code, link_token = tokens.new_code(), tokens.new()
    db.session.add(
        SigninCode(
            email=email,
            ip=ip,
            network=network_of(ip, Scope.NEIGHBOURHOOD),
            link_hash=tokens.digest(link_token),
            code_hash=tokens.keyed(secret, "code", email, code),
            joins=joins,
            created_at=now,
            expires_at=now + CODE_LIFE,
        )
    )
    if account is not None or joins:
        jobs.add("mail", {"to": email, **asdict(write(account, code, link_token))}, now)
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


@retried
def by_code(email: str, code: str, secret: str, browser: Browser, now: datetime) -> str:
    """Use up a mailed code and open a browser session; gives its token. Raises Invalid; every try counts."""
    begin_write()
    email = email.strip().lower()
    found = people.newest_code(email)
    if found is None or not _is_usable(found, now) or found.tries >= CODE_TRIES_MAX:
        raise Invalid("code", WRONG_CODE)
    found.tries += 1
    expected = found.code_hash or b""
    is_right = hmac.compare_digest(expected, tokens.keyed(secret, "code", email, code.strip()))
    account = _holder(found, now) if is_right else None
    if account is None:
        db.session.commit()
        raise Invalid("code", WRONG_CODE)
    return _enter(found, account, browser, now)


def name_of_link(link_token: str, now: datetime) -> str:
    """Whom a link would sign in, without using it up; raises NotFound when it is no longer good."""
    found = _good_link(link_token, now)
    account = people.find_account(found.email)
    return account.name if account else found.email


@retried
def by_link(link_token: str, browser: Browser, now: datetime) -> str:
    """Use up a link and open a browser session; gives its token."""
    begin_write()
    found = _good_link(link_token, now)
    account = _holder(found, now)
    assert account is not None  # _good_link has seen that there is one, or may be
    return _enter(found, account, browser, now)


@retried
def admit(person: Person, browser: Browser, now: datetime) -> str:
    """Open a browser session for somebody whom a provider vouches for; gives its token.

    The account is the one that has this identity; else the one with the same address, when the provider has verified
    it (and so have we: an account's address is always proved); else a new one. An address that nobody verified is
    not kept at all: whoever types a stranger's address somewhere must not wait for them in their account.
    """
    begin_write()
    identity = people.find_identity(person.provider, person.subject)
    email = person.email.strip().lower() if person.email and person.is_email_verified else None
    account = identity.account if identity else (people.find_account(email) if email else None)
    if account is None:
        account = people.add_account(_name(person), email, person.website, now)
    people.hold(account.id)
    if identity is None:
        people.add_identity(account, person.provider, person.subject, _name(person), now)
    if email and account.email == email:
        comments.adopt_guests(account, email, now)
    if person.picture_url:
        jobs.add("picture", {"account_id": account.id, "url": person.picture_url}, now, url=person.picture_url)
    token = _open_session(account, person.provider, browser, now)
    db.session.commit()
    return token


def _name(person: Person) -> str:
    """What a provider calls somebody, as far as it can be shown; they can choose another before they comment."""
    try:
        return text.line(person.name[:NAME_MAX], "name", "The name", NAME_MAX, required=False) or "Somebody"
    except Invalid:
        return "Somebody"


@retried
def link(person: Person, account: Account, now: datetime) -> None:
    """Add a way to sign in to the account of who is signed in; raises Conflict when it belongs to another account."""
    begin_write()
    people.locked(account.id)
    identity = people.find_identity(person.provider, person.subject)
    if identity is not None and identity.account_id != account.id:
        raise Conflict(
            phrase("This sign-in belongs to another account here. Sign in with it, and erase that account first.")
        )
    if identity is None:
        people.add_identity(account, person.provider, person.subject, _name(person), now)
    db.session.commit()


@retried
def rename(account: Account, name: str, now: datetime) -> None:
    """Change the name shown with this account's comments from now on; the caller has checked it."""
    if account.name != name:
        begin_write()
        people.locked(account.id).name = name
        db.session.commit()


def enter_by_mail(account: Account, email: str, browser: Browser, now: datetime) -> str:
    """Open a browser session for who has shown to read mail to `email`; gives its token. The caller commits."""
    people.hold(account.id)
    if people.find_identity(EMAIL, email) is None:
        people.add_identity(account, EMAIL, email, email, now)
    comments.adopt_guests(account, email, now)
    return _open_session(account, EMAIL, browser, now)


@retried
def sign_out(token: str, now: datetime) -> None:
    begin_write()
    found = people.find_session(tokens.digest(token), now)
    if found is not None:
        found.ended_at = now
    db.session.commit()


def new_api_token(account: Account, site: Site | None, now: datetime, name: str = "") -> str:
    """A personal token that carries the account's rights, on one site or all of them; the caller commits."""
    token = tokens.new("cst_")
    site_id = site.id if site else None
    values = {"token_hash": tokens.digest(token), "name": name[:TOKEN_NAME_MAX], "created_at": now}
    db.session.add(ApiToken(account_id=account.id, site_id=site_id, **values))
    return token


@retried
def make_api_token(account: Account, site: Site | None, name: str, ip: str, now: datetime) -> str:
    """A personal token made in the dashboard; it is shown once. Raises Invalid for a name that is too long."""
    name = text.line(name, "name", "What it is for", TOKEN_NAME_MAX, required=True)

    begin_write()
    people.hold(account.id)
    token = new_api_token(account, site, now, name)
    journal.add("token", now, site=site, by=account, subject=name, after={"made": True}, ip=ip)
    db.session.commit()
    return token


@retried
def revoke_api_token(account: Account, token_id: int, ip: str, now: datetime) -> None:
    """End one of the account's own tokens; raises NotFound for any other."""
    begin_write()
    people.locked(account.id)
    found = next((token for token in people.api_tokens_of(account) if token.id == token_id), None)
    if found is None:
        raise NotFound("There is no such token of yours.")
    found.revoked_at = now
    journal.add("token", now, site=found.site, by=account, subject=found.name, before={"made": True}, ip=ip)
    db.session.commit()


def _good_link(link_token: str, now: datetime) -> SigninCode:
    found = people.code_by_link(tokens.digest(link_token))
    if not _is_usable(found, now) or not (found.joins or people.find_account(found.email)):
        raise NotFound(phrase("This sign-in link has been used or is too old. Ask for a new one."))
    return found


def _holder(code: SigninCode, now: datetime) -> Account | None:
    """The account of whoever has shown to hold the address; made when the code may make one."""
    account = people.find_account(code.email)
    if account is None and code.joins:
        account = people.add_account(code.email.partition("@")[0], code.email, None, now)
    return account


def _enter(code: SigninCode, account: Account, browser: Browser, now: datetime) -> str:
    code.used_at = now
    token = enter_by_mail(account, code.email, browser, now)
    db.session.commit()
    return token


def _is_usable(code: SigninCode, now: datetime) -> bool:
    return code.used_at is None and now < code.expires_at


def _open_session(account: Account, provider: str, browser: Browser, now: datetime) -> str:
    token = tokens.new()
    account.language = account.language or browser.language
    if account.is_admin or account.memberships:
        journal.add("sign-in", now, by=account, subject=provider, after={"browser": browser.user_agent}, ip=browser.ip)
    db.session.add(
        Session(
            account_id=account.id,
            provider=provider,
            token_hash=tokens.digest(token),
            ip=browser.ip,
            user_agent=browser.user_agent,
            created_at=now,
            expires_at=now + SESSION_LIFE,
        )
    )
    return token
