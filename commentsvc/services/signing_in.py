"""Signs people in: codes and links by mail, links the operator prints, and the browser sessions they open."""

from __future__ import annotations

import hmac
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Protocol

from commentsvc.core import text, tokens
from commentsvc.core.errors import CommentError, Conflict, Invalid, NotFound, TooMany
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
# Who asks is counted first: one network cannot try many addresses. All strangers together send one address only so many
# mails; browsers that have signed in to its account are counted apart from them, so that nobody can use theirs up.
CODES_PER_EMAIL = 5
CODES_PER_KNOWN_BROWSERS = 20
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
    """Writes the mail with a code and a link to an address; without a name and a language it has no account yet."""

    def __call__(self, name: str, language: str | None, code: str, link_token: str) -> Written: ...


class IdentityMail(Protocol):
    """Writes the mail that tells an account's holder of a new way to sign in."""

    def __call__(self, account: Account, label: str, identity: str) -> Written: ...


@dataclass(frozen=True)
class Asker:
    """Who asks for a code: from which address, its browser's own secret, whether the account knows the browser."""

    ip: str
    browser: str
    is_known: bool


@dataclass(frozen=True)
class Addition:
    """An identity that a provider vouches for, to be added to the account that has `email`, and the mail about it."""

    provider: str
    subject: str
    name: str
    email: str
    label: str
    write: IdentityMail


class NotConfirmed(CommentError):
    """A moderator's account is not opened by a provider's word alone: its address must be confirmed once by mail."""

    slug = "not-confirmed"

    def __init__(self, email: str) -> None:
        self.email = email
        super().__init__("Confirm the address by a mailed code first.")


@dataclass(frozen=True)
class Browser:
    """What signs in: from where, what it calls itself, and which of our languages it asks for, if any."""

    ip: str
    user_agent: str
    language: str | None


@retried
def send_code(
    email: str, asker: Asker, limited: bool, secret: str, write: CodeMail, now: datetime, joins: bool
) -> None:
    """Mail a code and a link to the address when an account has it.

    With `joins` an address without an account gets a mail too, and an account when the code comes back.
    Raises TooMany when strangers of the asker's network asked too often. Otherwise nothing differs for the asker,
    neither in the answer nor in what the database is asked, whether a mail goes out or not: when the address has no
    account, or has had enough mails, the job is one that does nothing. What was mailed before stays good.
    """
    begin_write()
    email = email.strip().lower()
    if limited:  # several requests at once would each find that few codes were sent
        take_turn("codes to", email)
        take_turn("codes for", network_of(asker.ip, Scope.NEIGHBOURHOOD))
    since = now - CODES_WINDOW
    own, near = people.codes_asked_from(asker.ip, since, now, CODES_PER_NEIGHBOURHOOD)
    is_network_done = own >= CODES_PER_HOUSEHOLD or near >= CODES_PER_NEIGHBOURHOOD
    to_address = people.codes_mailed(email, asker.is_known, since, now)
    if limited and not asker.is_known and is_network_done:
        sentence = phrase("Too many codes were asked for. Please wait an hour, or use a code you have.")
        raise TooMany(sentence, 3600)
    is_full = limited and to_address >= (CODES_PER_KNOWN_BROWSERS if asker.is_known else CODES_PER_EMAIL)
    holder = people.find_name_and_language(email)
    code, link_token = tokens.new_code(), tokens.new()
    db.session.add(
        SigninCode(
            email=email,
            ip=asker.ip,
            network=network_of(asker.ip, Scope.NEIGHBOURHOOD),
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
    letter = write(*(holder or ("", None)), code, link_token)
    jobs.add("mail" if goes_out else "no_mail", {"to": email, **asdict(letter)}, now)
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
def by_code(
    email: str, code: str, secret: str, asker: str, browser: Browser, now: datetime, adds: Addition | None = None
) -> str:
    """Use up a mailed code and open a browser session; gives its token. Raises Invalid; every try counts.

    A browser that asked for a code can use only its newest one. One whose request was not mailed any more can use the
    newest that others have asked for. Tries of the two are counted apart, so that strangers use up nobody's.
    """
    begin_write()
    email = email.strip().lower()
    own = people.newest_code(email, tokens.digest(asker), now)
    found = own or people.newest_code_of_others(email, tokens.digest(asker), now)
    if found is None or (found.tries if own else found.stray_tries) >= CODE_TRIES_MAX:
        raise Invalid("code", WRONG_CODE)
    if own:
        found.tries += 1
    else:
        found.stray_tries += 1
    expected = found.code_hash or b""
    is_right = hmac.compare_digest(expected, tokens.keyed(secret, "code", email, code.strip()))
    account = _holder(found, now) if is_right else None
    if account is None:
        db.session.commit()
        raise Invalid("code", WRONG_CODE)
    return _enter(found, account, browser, now, adds)


def whom_a_link_signs_in(link_token: str, now: datetime) -> tuple[str, str]:
    """Name and address of whom a link would sign in, without using it up; raises NotFound when it is no longer good."""
    found = _good_link(link_token, now)
    account = people.find_account(found.email)
    return (account.name if account else found.email), found.email


@retried
def by_link(link_token: str, browser: Browser, now: datetime, adds: Addition | None = None) -> str:
    """Use up a link and open a browser session; gives its token.

    Wrong tries of its mail's code leave it good: it has 256 bits, and strangers must not be able to end it.
    """
    begin_write()
    found = _good_link(link_token, now)
    account = _holder(found, now)
    assert account is not None  # _good_link has seen that there is one, or may be
    return _enter(found, account, browser, now, adds)


@retried
def admit(person: Person, browser: Browser, now: datetime) -> str:
    """Open a browser session for somebody whom a provider vouches for; gives its token.

    The account is the one that has this identity; else the one with the same address, when the provider has verified
    it (and so have we: an account's address is always proved); else a new one. An address that nobody verified is
    not kept at all: whoever types a stranger's address somewhere must not wait for them in their account.
    Raises NotConfirmed for the account of a moderator or administrator, unless the identity was added to it by its
    holder or by a mailed code: no provider's word gives such rights by itself.
    """
    begin_write()
    identity = people.find_identity(person.provider, person.subject)
    email = person.email.strip().lower() if person.email and person.is_email_verified else None
    account = identity.account if identity else (people.find_account(email) if email else None)
    is_confirmed = identity is not None and identity.is_confirmed
    if account is not None and account.email and not is_confirmed and (account.is_admin or account.memberships):
        raise NotConfirmed(account.email)
    if account is None:
        account = people.add_account(_name(person), email, person.website, now)
    people.hold(account.id)
    if identity is None:
        people.add_identity(account, person.provider, person.subject, _name(person), now, is_confirmed=False)
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
def link(person: Person, label: str, account: Account, write: IdentityMail, now: datetime) -> None:
    """Add a way to sign in to the account of who is signed in, and tell them by mail.

    Raises Conflict when it belongs to another account.
    """
    begin_write()
    account = people.locked(account.id)
    addition = Addition(person.provider, person.subject, _name(person), account.email or "", label, write)
    if not _add_identity(addition, account, now):
        raise Conflict(
            phrase("This sign-in belongs to another account here. Sign in with it, and erase that account first.")
        )
    db.session.commit()


def _add_identity(addition: Addition, account: Account, now: datetime) -> bool:
    """Add an identity whose holder has shown that the account is theirs; False when it is another account's."""
    identity = people.find_identity(addition.provider, addition.subject)
    if identity is not None and identity.account_id != account.id:
        return False
    if identity is not None:
        is_new, identity.is_confirmed = not identity.is_confirmed, True
    else:
        is_new = True
        people.add_identity(account, addition.provider, addition.subject, addition.name, now)
    if is_new and account.email:
        written = addition.write(account, addition.label, addition.name)
        jobs.add("mail", {"to": account.email, **asdict(written)}, now)
    return True


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


def new_api_token(
    account: Account, site: Site | None, now: datetime, name: str = "", has_shown_factor: bool = True
) -> str:
    """A personal token that carries the account's rights, on one site or all of them; the caller commits.

    The operator's are good on sites that require a second factor; others only with `has_shown_factor`.
    """
    token = tokens.new("cst_")
    site_id = site.id if site else None
    values = {"token_hash": tokens.digest(token), "name": name[:TOKEN_NAME_MAX], "created_at": now}
    db.session.add(ApiToken(account_id=account.id, site_id=site_id, has_shown_factor=has_shown_factor, **values))
    return token


@retried
def make_api_token(
    account: Account, site: Site | None, name: str, has_shown_factor: bool, ip: str, now: datetime
) -> str:
    """A personal token made in the dashboard; it is shown once. Raises Invalid for a name that is too long."""
    name = text.line(name, "name", "What it is for", TOKEN_NAME_MAX, required=True)

    begin_write()
    people.hold(account.id)
    token = new_api_token(account, site, now, name, has_shown_factor)
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


def _enter(code: SigninCode, account: Account, browser: Browser, now: datetime, adds: Addition | None) -> str:
    code.used_at = now
    if adds is not None and adds.email == account.email:
        _add_identity(adds, account, now)
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
