"""The commands for accounts and their API tokens."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from commentsvc.cli.base import commands, in_app, read_config
from commentsvc.core.errors import Invalid
from commentsvc.services import accounts as accounts_service
from commentsvc.services import api_tokens
from commentsvc.store import accounts as stored_accounts
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.memberships import Role


@commands.group("user")
def user_commands() -> None:
    """Accounts of owners, moderators and administrators."""


@user_commands.command("create")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--site", "site_key", help="The site to give a role on.")
@click.option("--role", type=click.Choice([r.value for r in Role]), help="With --site; owner unless said.")
@click.option("--admin", "is_admin", is_flag=True, help="Every right on every site.")
@in_app
def user_create(email: str, name: str, site_key: str | None, role: str | None, is_admin: bool) -> None:
    """Add an account, or a role to one; prints a sign-in link that works once, for a day."""
    if role and not site_key:
        raise Invalid("site", "--role needs --site: a role is for one site.")
    rights = (is_admin, site_key, Role(role or Role.OWNER))
    now, base_url = datetime.now(UTC), read_config().base_url
    click.echo(accounts_service.create(email, name, *rights, base_url, ActorKind.COMMAND_LINE, now))


@user_commands.command("sign-out")
@click.argument("email")
@click.option("--tokens", "with_tokens", is_flag=True, help="Also revoke the account's personal API tokens.")
@in_app
def user_sign_out(email: str, with_tokens: bool) -> None:
    """End every sign-in of an account, in the dashboard and on blogs: for a lost device or somebody who has left."""
    accounts_service.lock_out(
        stored_accounts.account_by_email(email), with_tokens, ActorKind.COMMAND_LINE, datetime.now(UTC)
    )
    click.echo(f"{email} is signed out everywhere{' and has no API tokens any more' if with_tokens else ''}.")


@commands.group("token")
def token_commands() -> None:
    """Personal API tokens."""


@token_commands.command("create")
@click.argument("email")
@click.option("--site", "site_key", help="Only for this site.")
@in_app
def token_create(email: str, site_key: str | None) -> None:
    """Print a token that carries the account's rights; it is shown this once."""
    click.echo(api_tokens.create(email, site_key, ActorKind.COMMAND_LINE, datetime.now(UTC)))
