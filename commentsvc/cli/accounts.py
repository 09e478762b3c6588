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
    """Manage accounts of owners, moderators and administrators."""


@user_commands.command("create")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--site", "site_key", help="Give the account a role on this site.")
@click.option(
    "--role", type=click.Choice([r.value for r in Role]), help="Role on the site of --site.  [default: owner]"
)
@click.option("--admin", "is_admin", is_flag=True, help="Make the account an administrator of every site.")
@in_app
def user_create(email: str, name: str, site_key: str | None, role: str | None, is_admin: bool) -> None:
    """Add an account, or give one a role. Prints a sign-in link that works once and expires after one day."""
    if role and not site_key:
        raise Invalid("site", "--role needs --site.")
    rights = (is_admin, site_key, Role(role or Role.OWNER))
    now, base_url = datetime.now(UTC), read_config().base_url
    click.echo(accounts_service.create(email, name, *rights, base_url, ActorKind.COMMAND_LINE, now))


@user_commands.command("sign-out")
@click.argument("email")
@click.option("--tokens", "with_tokens", is_flag=True, help="Also revoke the account's personal API tokens.")
@in_app
def user_sign_out(email: str, with_tokens: bool) -> None:
    """Sign an account out everywhere, in the dashboard and on blogs: for a lost device, or when someone leaves."""
    accounts_service.lock_out(
        stored_accounts.account_by_email(email), with_tokens, ActorKind.COMMAND_LINE, datetime.now(UTC)
    )
    click.echo(f"{email} is signed out everywhere{' and its API tokens are revoked' if with_tokens else ''}.")


@commands.group("token")
def token_commands() -> None:
    """Manage personal API tokens."""


@token_commands.command("create")
@click.argument("email")
@click.option("--site", "site_key", help="Limit the token to this site.")
@in_app
def token_create(email: str, site_key: str | None) -> None:
    """Create a token with the rights of the account and print it. It is shown only once."""
    click.echo(api_tokens.create(email, site_key, ActorKind.COMMAND_LINE, datetime.now(UTC)))
