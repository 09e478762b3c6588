"""Imports the people of an export: authors, with their accounts, and members of the site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from commentsvc.core import emails, languages
from commentsvc.core.errors import Invalid
from commentsvc.core.policy import EMAIL_MAX, NAME_MAX, WEBSITE_MAX
from commentsvc.services.line_fields import Fields
from commentsvc.store import accounts, authors, identities, uids
from commentsvc.store.accounts import LANGUAGE_MAX, Account
from commentsvc.store.authors import Author
from commentsvc.store.db import UID_MAX, db
from commentsvc.store.identities import PROVIDER_MAX, SUBJECT_MAX
from commentsvc.store.sites import Site


@dataclass(frozen=True)
class AuthorLine:
    """A checked line of an author; `account` is None for a guest."""

    uid: str
    name: str
    email: str | None
    guest_hash: bytes
    first_seen_at: datetime
    account: AccountLine | None


@dataclass(frozen=True)
class AccountLine:
    name: str
    email: str | None
    website: str | None
    language: str | None
    created_at: datetime
    erased_at: datetime | None
    identities: Sequence[IdentityLine]


@dataclass(frozen=True)
class IdentityLine:
    provider: str
    subject: str
    name: str
    is_confirmed: bool
    created_at: datetime


def read_author(line: dict[str, Any]) -> AuthorLine:
    """A line of the type author; raises Invalid naming a wrong field."""
    fields = Fields(line)
    name, email = fields.text("name", NAME_MAX, required=False), _email(fields)
    account = fields.mapping("account")
    return AuthorLine(
        uid=fields.text("uid", UID_MAX),
        name=name,
        email=email,
        guest_hash=fields.digest("guest_key") or authors.guest_hash(name, email or "", ""),
        first_seen_at=fields.time("first_seen_at"),
        account=_account(account) if account else None,
    )


def _account(line: dict[str, Any]) -> AccountLine:
    fields = Fields(line)
    language = fields.optional_text("language", LANGUAGE_MAX)
    return AccountLine(
        name=fields.text("name", NAME_MAX, required=False),
        email=_email(fields),
        website=fields.optional_text("website", WEBSITE_MAX),
        language=language if language in languages.TAGS else None,
        created_at=fields.time("created_at"),
        erased_at=fields.optional_time("erased_at"),
        identities=[_identity(one) for one in fields.list("identities")],
    )


def _identity(line: Any) -> IdentityLine:
    if not isinstance(line, dict):
        raise Invalid("identities", "identities is no list of objects")
    fields = Fields(line)
    return IdentityLine(
        provider=fields.text("provider", PROVIDER_MAX),
        subject=fields.text("subject", SUBJECT_MAX),
        name=fields.text("name", NAME_MAX, required=False),
        is_confirmed=fields.flag("is_confirmed", True),
        created_at=fields.time("created_at"),
    )


def _email(fields: Fields) -> str | None:
    return emails.address(fields.text("email", EMAIL_MAX, required=False), "email", required=False) or None


def add_author(site: Site, line: AuthorLine) -> int:
    """The id of the author on this site, added where there is none; the caller commits.

    A person is recognised by the uid, by account, or as a guest by name and address. An account is recognised by an
    identity or its e-mail address; an account that exists is never changed by a file.
    """
    if known := uids.numbers(Author, site, [line.uid]):
        return known[line.uid]
    account_id = _account_id(site, line) if line.account else None
    found = authors.find_on(site, account_id, None if account_id else line.guest_hash)
    if found is not None:
        if found.uid is None:
            found.uid = line.uid
        return found.id
    author = Author(
        site_id=site.id,
        account_id=account_id,
        guest_hash=None if account_id else line.guest_hash,
        name=line.name,
        email=line.email,
        approved=0,
        pending=0,
        refused=0,
        first_seen_at=line.first_seen_at,
        uid=line.uid,
    )
    db.session.add(author)
    db.session.flush()
    return author.id


def _account_id(site: Site, line: AuthorLine) -> int:
    account = line.account
    assert account is not None
    own = uids.own_account(site, line.uid)
    if own is not None and accounts.find_account_by_id(own) is not None:
        return own
    for one in account.identities:
        known = identities.find_identity(one.provider, one.subject)
        if known is not None:
            return known.account_id
    holder = accounts.find_account(account.email) if account.email else None
    if holder is not None:
        return holder.id
    added = Account(
        name=account.name,
        email=account.email,
        website=account.website,
        is_admin=False,
        language=account.language,
        created_at=account.created_at,
        erased_at=account.erased_at,
    )
    db.session.add(added)
    db.session.flush()
    for one in account.identities:
        identities.add_identity(added, one.provider, one.subject, one.name, one.created_at, one.is_confirmed)
    return added.id
