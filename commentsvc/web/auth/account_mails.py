"""Mails to the holder of an account about how it is signed in to, in the holder's language."""

from __future__ import annotations

from dataclasses import replace

from commentsvc.core import routes
from commentsvc.core.translator import Translator
from commentsvc.gateways import mail_templates
from commentsvc.gateways.mail_templates import RenderedMail
from commentsvc.store.accounts import Account
from commentsvc.web.http.app_setup import settings
from commentsvc.web.http.i18n import translator


def translator_of(language: str | None) -> Translator:
    """The translator in the account's language, or the request's when the account has chosen none."""
    return replace(translator(), tag=language) if language else translator()


def of_wrong_factors(account: Account) -> RenderedMail:
    """Warn the holder: a signed-in browser keeps entering wrong second factors."""
    return _write("wrong_factors", account)


def of_identity(account: Account, label: str, identity: str) -> RenderedMail:
    """The mail about an added sign-in method: `label` is the provider, `identity` the person's name there."""
    return _write("identity_added", account, label=label, identity=identity)


def _write(name: str, account: Account, **values: object) -> RenderedMail:
    speaks = translator_of(account.language)
    page = settings().base_url + routes.fill(routes.ACCOUNT, lang=speaks.tag)
    service = settings().base_url.partition("://")[2]
    return mail_templates.render(name, speaks, name=account.name, page=page, service=service, **values)
