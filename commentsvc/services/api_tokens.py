"""Personal API tokens of an account: made, listed once, revoked."""

from __future__ import annotations

from datetime import datetime

from commentsvc.core import text_input, tokens
from commentsvc.core.errors import NotFound
from commentsvc.store import accounts, api_tokens, audit_log, sites
from commentsvc.store.accounts import Account
from commentsvc.store.api_tokens import TOKEN_NAME_MAX, ApiToken
from commentsvc.store.audit_log import Actor
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.store.transactions import retried, write


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
def create(email: str, site_key: str | None, by: Actor, now: datetime) -> str:
    """A token for the account with this address, made by the operator; raises NotFound for either."""
    with write():
        site = sites.by_key(site_key) if site_key else None
        account = accounts.account_by_email(email)
        token = new_api_token(account, site, now)
        audit_log.add("token", now, site=site, by=by, subject=account.email or account.name, after={"made": True})
        return token


@retried
def make_api_token(
    account: Account, site: Site | None, name: str, has_shown_factor: bool, ip: str, now: datetime
) -> str:
    """A personal token made in the dashboard; it is shown once. Raises Invalid for a name that is too long."""
    name = text_input.line(name, "name", "What it is for", TOKEN_NAME_MAX, required=True)

    with write():
        accounts.hold(account.id)
        token = new_api_token(account, site, now, name, has_shown_factor)
        audit_log.add("token", now, site=site, by=account, subject=name, after={"made": True}, ip=ip)
    return token


@retried
def revoke_api_token(account: Account, token_id: int, ip: str, now: datetime) -> None:
    """End one of the account's own tokens; raises NotFound for any other."""
    with write():
        accounts.locked(account.id)
        found = next((token for token in api_tokens.api_tokens_of(account) if token.id == token_id), None)
        if found is None:
            raise NotFound("You have no such token.")
        found.revoked_at = now
        audit_log.add("token", now, site=found.site, by=account, subject=found.name, before={"made": True}, ip=ip)
