"""The commands about a person: a copy of all that is stored about an e-mail address, and its erasure."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from commentsvc.cli.base import commands, in_app, read_config
from commentsvc.services import people
from commentsvc.store import sites
from commentsvc.store.audit_log import ActorKind


@commands.group("person")
def person_commands() -> None:
    """Give or erase what is stored about a person who asks for it."""


@person_commands.command("export")
@click.option("--email", required=True)
@click.option("--site", "site_key", help="Only this site; all sites and the account by default.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list in place of JSON Lines.")
@in_app
def person_export(email: str, site_key: str | None, as_json: bool) -> None:
    """Print all that is stored about the holder of an address, one JSON object a line."""
    found = people.export(email, sites.by_key(site_key) if site_key else None, datetime.now(UTC))
    if as_json:
        click.echo(json.dumps(list(found), ensure_ascii=False, indent=2))
        return
    for one in found:
        click.echo(json.dumps(one, ensure_ascii=False))


@person_commands.command("erase")
@click.option("--email", required=True)
@click.option("--site", "site_key", help="Only on this site, and not the account; everywhere by default.")
@click.option(
    "--comments",
    type=click.Choice(["keep", "delete"]),
    default="keep",
    show_default=True,
    help="Keep the texts, shown as from a deleted account, or delete them too.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@in_app
def person_erase(email: str, site_key: str | None, comments: str, yes: bool) -> None:
    """Erase the holder of an address: name, addresses and browsers go from everything. This cannot be undone."""
    site = sites.by_key(site_key) if site_key else None
    if not yes:
        click.confirm(f"Erase {email}{f' on {site.key}' if site else ' everywhere'}? This cannot be undone", abort=True)
    done = people.erase(email, site, comments == "keep", read_config(), ActorKind.COMMAND_LINE, datetime.now(UTC))
    account = " and the account" if done.had_account else ""
    click.echo(f"Erased the author of {done.comments} comments{account}.")
