"""Signs people in: codes and links by mail, links the operator prints, and the browser sessions they open."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from commentsvc.core import tokens
from commentsvc.core.errors import CommentError, Invalid, NotFound, TooMany
from commentsvc.core.job_kinds import AvatarJob
from commentsvc.core.networks import NetworkScope, network_of
from commentsvc.core.phrases import phrase
from commentsvc.gateways.mail_templates import RenderedMail
from commentsvc.gateways.providers.base import Person
from commentsvc.services import mail_queue
from commentsvc.services.identities import Addition, add_identity, name_of
from commentsvc.store import accounts, audit_log, guest_adoption, identities, jobs, sessions
from commentsvc.store.accounts import Account
from commentsvc.store.db import db
from commentsvc.store.sessions import Session, SigninCode
from commentsvc.store.transactions import advisory_lock, retried, write

CODE_LIFE = timedelta(minutes=10)
PRINTED_LINK_LIFE = timedelta(days=1)
CODE_TRIES_MAX = 5
SESSION_LIFE = timedelta(days=14)
# The requesting network is limited first, so that it cannot try many addresses. All unknown browsers together cause a
# limited number of mails to one address; known browsers have a limit of their own that strangers cannot use up.
CODES_PER_EMAIL = 5
CODES_PER_KNOWN_BROWSERS = 20
CODES_PER_HOUSEHOLD = 20
CODES_PER_NEIGHBOURHOOD = 60
CODES_WINDOW = timedelta(hours=1)

EMAIL = "email"  # the provider of who signs in by a mailed code or link
WRONG_CODE = phrase("That code is wrong or has expired. Check the latest email, or ask for a new code.")


class CodeMail(Protocol):
    """Writes the mail with a code and a link to an address; without a name and a language it has no account yet."""

    def __call__(self, name: str, language: str | None, code: str, link_token: str) -> RenderedMail: ...


@dataclass(frozen=True)
class Asker:
    """The requester of a code: IP address, the browser's own secret, and whether the account knows the browser."""

    ip: str
    browser: str
    is_known: bool


class NotConfirmed(CommentError):
    """A moderator's account is not opened by a provider's word alone: its address must be confirmed once by mail."""

    slug = "not-confirmed"

    def __init__(self, email: str) -> None:
        self.email = email
        super().__init__("Confirm the address by a mailed code first.")


@dataclass(frozen=True)
class Browser:
    """The browser that signs in: IP address, User-Agent, and its preferred supported language, if any."""

    ip: str
    user_agent: str
    language: str | None


@retried
def send_code(
    email: str, asker: Asker, limited: bool, secret: str, write_mail: CodeMail, now: datetime, joins: bool
) -> None:
    """Mail a sign-in code and link to an address that belongs to an account.

    With `joins`, an address without an account gets a mail too, and an account when the code is used.
    Raises TooMany when unknown browsers of the network asked too often. Otherwise the response and the queries are the
    same whether a mail is sent or not: for an address without an account, or with too many mails, a job is queued that
    does nothing. Codes mailed before stay valid.
    """
    with write():
        email = email.strip().lower()
        if limited:  # several requests at once would each find that few codes were sent
            advisory_lock("codes to", email)
            advisory_lock("codes for", network_of(asker.ip, NetworkScope.NEIGHBOURHOOD))
        since = now - CODES_WINDOW
        own, near = sessions.codes_asked_from(asker.ip, since, now, CODES_PER_NEIGHBOURHOOD)
        is_network_done = own >= CODES_PER_HOUSEHOLD or near >= CODES_PER_NEIGHBOURHOOD
        to_address = sessions.codes_mailed(email, asker.is_known, since, now)
        if limited and not asker.is_known and is_network_done:
            sentence = phrase("Too many codes were requested. Please wait an hour, or use a code you have.")
            raise TooMany(sentence, 3600)
        is_full = limited and to_address >= (CODES_PER_KNOWN_BROWSERS if asker.is_known else CODES_PER_EMAIL)
        holder = accounts.find_name_and_language(email)
        code, link_token = tokens.new_code(), tokens.new()
        db.session.add(
            SigninCode(
                email=email,
                ip=asker.ip,
                network=network_of(asker.ip, NetworkScope.NEIGHBOURHOOD),
                asker=tokens.digest(asker.browser),
                is_known=asker.is_known,
                is_mailed=not is_full,
                link_hash=tokens.digest(link_token),
                code_hash=tokens.keyed(secret, "code", email, code),
                joins=joins,
                created_at=now,
                expires_at=now + CODE_LIFE,
            )
        )
        goes_out = not is_full and (holder is not None or joins)
        letter = write_mail(*(holder or ("", None)), code, link_token)
        (mail_queue.add if goes_out else mail_queue.add_unsent)(email, letter, now)


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
def by_code(
    email: str, code: str, secret: str, asker: str, browser: Browser, now: datetime, adds: Addition | None = None
) -> str:
    """Use up a mailed code and open a browser session; gives its token. Raises Invalid; every try counts.

    A browser that asked for a code can use only its newest one. One whose request was not mailed any more can use the
    newest that others have asked for. Tries of the two are counted apart, so that strangers use up nobody's.
    """
    with write():
        found = _right_code(email, code, secret, asker, now)
        account = _holder(found, now) if found else None
        if found is not None and account is not None:
            return _enter(found, account, browser, now, adds)
    raise Invalid("code", WRONG_CODE)  # after the commit: a wrong try counts


@retried
def prove_address(email: str, code: str, secret: str, asker: str, now: datetime) -> None:
    """Use up a mailed code without signing in: it shows that its user reads mail to the address. Raises as by_code."""
    with write():
        found = _right_code(email, code, secret, asker, now)
        if found is not None:
            found.used_at = now
            return
    raise Invalid("code", WRONG_CODE)


def _right_code(email: str, code: str, secret: str, asker: str, now: datetime) -> SigninCode | None:
    """The mailed code that was typed, None for a wrong one, whose try is counted; the caller commits.

    Raises Invalid when there is no code, or it had too many tries.
    """
    email = email.strip().lower()
    own = sessions.newest_code(email, tokens.digest(asker), now)
    found = own or sessions.newest_code_of_others(email, tokens.digest(asker), now)
    if found is None or (found.tries if own else found.stray_tries) >= CODE_TRIES_MAX:
        raise Invalid("code", WRONG_CODE)
    if own:
        found.tries += 1
    else:
        found.stray_tries += 1
    expected = found.code_hash or b""
    is_right = hmac.compare_digest(expected, tokens.keyed(secret, "code", email, code.strip()))
    return found if is_right else None


def whom_a_link_signs_in(link_token: str, now: datetime) -> tuple[str, str]:
    """Name and address of whom a link would sign in, without using it up; raises NotFound when it is no longer good."""
    found = _good_link(link_token, now)
    account = accounts.find_account(found.email)
    return (account.name if account else found.email), found.email


@retried
def by_link(link_token: str, browser: Browser, now: datetime, adds: Addition | None = None) -> str:
    """Use up a link and open a browser session; gives its token.

    Wrong tries of its mail's code leave it good: it has 256 bits, and strangers must not be able to end it.
    """
    with write():
        found = _good_link(link_token, now)
        account = _holder(found, now)
        assert account is not None  # _good_link has seen that there is one, or may be
        return _enter(found, account, browser, now, adds)


@retried
def admit(person: Person, browser: Browser, now: datetime) -> str:
    """Open a browser session for a person whom a provider has authenticated; returns its token.

    The account is the one with this identity; else the one with the same address, if the provider has verified it (an
    account's address is always verified); else a new one. An unverified address is not stored: otherwise a person who
    typed another's address at a provider would have an account waiting for the victim.
    Raises NotConfirmed for the account of a moderator or administrator, unless its holder or a mailed code has added
    the identity: a provider alone grants no such rights.
    """
    with write():
        identity = identities.find_identity(person.provider, person.subject)
        email = person.email.strip().lower() if person.email and person.is_email_verified else None
        account = identity.account if identity else (accounts.find_account(email) if email else None)
        is_confirmed = identity is not None and identity.is_confirmed
        if account is not None and account.email and not is_confirmed and (account.is_admin or account.memberships):
            raise NotConfirmed(account.email)
        if account is None:
            account = accounts.add_account(name_of(person), email, person.website, now)
        accounts.hold(account.id)
        if identity is None:
            identities.add_identity(account, person.provider, person.subject, name_of(person), now, is_confirmed=False)
        if email and account.email == email:
            guest_adoption.adopt_guests(account, email, now)
        if person.picture_url:
            jobs.add(AvatarJob(account.id, person.picture_url), now)
        return _open_session(account, person.provider, browser, now)


@retried
def rename(account: Account, name: str, now: datetime) -> None:
    """Change the name shown with this account's comments from now on; the caller has checked it."""
    if account.name != name:
        with write():
            accounts.locked(account.id).name = name


def enter_by_mail(account: Account, email: str, browser: Browser, now: datetime) -> str:
    """Open a browser session for who has shown to read mail to `email`; gives its token. The caller commits."""
    accounts.hold(account.id)
    if identities.find_identity(EMAIL, email) is None:
        identities.add_identity(account, EMAIL, email, email, now)
    guest_adoption.adopt_guests(account, email, now)
    return _open_session(account, EMAIL, browser, now)


@retried
def sign_out(token: str, now: datetime) -> None:
    with write():
        found = sessions.find_session(tokens.digest(token), now)
        if found is not None:
            found.ended_at = now


def _good_link(link_token: str, now: datetime) -> SigninCode:
    found = sessions.code_by_link(tokens.digest(link_token))
    if not _is_usable(found, now) or not (found.joins or accounts.find_account(found.email)):
        raise NotFound(phrase("This sign-in link was already used or has expired. Ask for a new one."))
    return found


def _holder(code: SigninCode, now: datetime) -> Account | None:
    """The account of the address that a code has verified; created if the code may create one."""
    account = accounts.find_account(code.email)
    if account is None and code.joins:
        account = accounts.add_account(code.email.partition("@")[0], code.email, None, now)
    return account


def _enter(code: SigninCode, account: Account, browser: Browser, now: datetime, adds: Addition | None) -> str:
    code.used_at = now
    if adds is not None and adds.email == account.email:
        add_identity(adds, account, now)
    return enter_by_mail(account, code.email, browser, now)


def _is_usable(code: SigninCode, now: datetime) -> bool:
    return code.used_at is None and now < code.expires_at


def _open_session(account: Account, provider: str, browser: Browser, now: datetime) -> str:
    token = tokens.new()
    account.language = account.language or browser.language
    if account.is_admin or account.memberships:
        audit_log.add(
            "sign-in", now, by=account, subject=provider, after={"browser": browser.user_agent}, ip=browser.ip
        )
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
