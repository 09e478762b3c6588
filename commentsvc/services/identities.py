"""Adds a way to sign in (an identity of a provider) to an existing account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from commentsvc.core import text_input
from commentsvc.core.errors import Conflict, Invalid
from commentsvc.core.phrases import phrase
from commentsvc.core.policy import NAME_MAX
from commentsvc.gateways.mail_templates import RenderedMail
from commentsvc.gateways.providers.base import Person
from commentsvc.services import mail_queue
from commentsvc.store import accounts, identities
from commentsvc.store.accounts import Account
from commentsvc.store.transactions import retried, write


class IdentityMail(Protocol):
    """Writes the mail that tells an account's holder of a new way to sign in."""

    def __call__(self, account: Account, label: str, identity: str) -> RenderedMail: ...


@dataclass(frozen=True)
class Addition:
    """An identity that a provider vouches for, to be added to the account that has `email`, and the mail about it."""

    provider: str
    subject: str
    name: str
    email: str
    label: str
    write: IdentityMail


@retried
def link(person: Person, label: str, account: Account, write_mail: IdentityMail, now: datetime) -> None:
    """Add a way to sign in to the account of who is signed in, and tell them by mail.

    Raises Conflict when it belongs to another account.
    """
    with write():
        account = accounts.locked(account.id)
        addition = Addition(person.provider, person.subject, name_of(person), account.email or "", label, write_mail)
        if not add_identity(addition, account, now):
            raise Conflict(
                phrase("This sign-in belongs to another account here. Sign in with it and delete that account first.")
            )


def add_identity(addition: Addition, account: Account, now: datetime) -> bool:
    """Add an identity whose holder has shown that the account is theirs; False when it is another account's."""
    identity = identities.find_identity(addition.provider, addition.subject)
    if identity is not None and identity.account_id != account.id:
        return False
    if identity is not None:
        is_new, identity.is_confirmed = not identity.is_confirmed, True
    else:
        is_new = True
        identities.add_identity(account, addition.provider, addition.subject, addition.name, now)
    if is_new and account.email:
        written = addition.write(account, addition.label, addition.name)
        mail_queue.add(account.email, written, now)
    return True


def name_of(person: Person) -> str:
    """The person's name at the provider, made displayable; they can choose another before they comment."""
    try:
        return text_input.line(person.name[:NAME_MAX], "name", "The name", NAME_MAX, required=False) or "Somebody"
    except Invalid:
        return "Somebody"
