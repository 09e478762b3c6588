"""Mails to the holder of an account about how it is signed in to, in the holder's language."""

from __future__ import annotations

from dataclasses import replace

from flask import url_for

from commentsvc.core.voice import Voice
from commentsvc.gateways import letters
from commentsvc.gateways.letters import Written
from commentsvc.store.people import Account
from commentsvc.web.translating import voice
from commentsvc.web.wiring import settings


def voice_of(language: str | None) -> Voice:
    """What speaks the account's language; that of the request for an account that has chosen none."""
    return replace(voice(), tag=language) if language else voice()


def of_wrong_factors(account: Account) -> Written:
    """Somebody who can sign in as this account keeps showing wrong second factors."""
    return _write("wrong_factors", account)


def of_identity(account: Account, label: str, identity: str) -> Written:
    """A way to sign in was added: `label` is the provider, `identity` what it calls the person."""
    return _write("identity_added", account, label=label, identity=identity)


def _write(name: str, account: Account, **values: object) -> Written:
    speaks = voice_of(account.language)
    page = settings().base_url + url_for("account.show", lang=speaks.tag)
    service = settings().base_url.partition("://")[2]
    return letters.write(name, speaks, name=account.name, page=page, service=service, **values)
