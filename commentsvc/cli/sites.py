"""The commands for sites: adding one, listing them, changing settings."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from commentsvc.cli.base import commands, in_app, read_config
from commentsvc.cli.moving import write_file
from commentsvc.core import routes
from commentsvc.core.errors import Invalid
from commentsvc.core.policy import Mode, to_json
from commentsvc.services import exports, site_moves, site_settings
from commentsvc.store import sites
from commentsvc.store.audit_log import ActorKind


@commands.group("site")
def site_commands() -> None:
    """Manage sites."""


@site_commands.command("create")
@click.argument("key")
@click.option("--name", required=True, help="Name shown to readers.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    required=True,
    help="Origin of the site, such as https://blog.example; may be repeated.",
)
@click.option("--moderation", type=click.Choice([m.value for m in Mode]), default=Mode.ALL.value, show_default=True)
@in_app
def site_create(key: str, name: str, origins: tuple[str, ...], moderation: str) -> None:
    """Add a site and print the two lines that embed it."""
    site = site_settings.create(key, name, origins, Mode(moderation), ActorKind.COMMAND_LINE, datetime.now(UTC))
    click.echo(f"Site “{site.key}” added. Put these two lines where the comments should appear:\n")
    click.echo(f'<script type="module" src="{read_config().base_url}{routes.WIDGET_SCRIPT}"></script>')
    click.echo(f'<comment-thread site="{site.key}"></comment-thread>')


@site_commands.command("list")
@click.option("--json", "as_json", is_flag=True)
@in_app
def site_list(as_json: bool) -> None:
    """List the sites with their moderation modes and origins."""
    listed: list[dict[str, Any]] = [
        {"key": s.key, "name": s.name, "moderation": s.policy.mode, "origins": [o.origin for o in s.origins]}
        for s in sites.all_sites()
    ]
    if as_json:
        click.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    for site in listed:
        click.echo(f"{site['key']}  {site['name']}  ({site['moderation']})  {' '.join(site['origins'])}")


@site_commands.command("set")
@click.argument("key")
@click.argument("settings", nargs=-1, metavar="[NAME=VALUE…]")
@in_app
def site_set(key: str, settings: tuple[str, ...]) -> None:
    """Change settings of a site and print them all; without values only print.

    Such as signin_required=true, language=de, texts=@words.json, or
    origins=https://blog.example,https://www.blog.example.
    """
    changes = {name: _value(value) for name, _, value in (setting.partition("=") for setting in settings)}
    if "origins" in changes:
        changes["origins"] = [origin for origin in str(changes["origins"]).replace(",", " ").split() if origin]
    if "name" in changes:
        changes["name"] = str(changes["name"])
    site = sites.by_key(key)
    if changes:
        site_settings.change(site.id, changes, ActorKind.COMMAND_LINE, "", datetime.now(UTC))
    click.echo(f"name={site.name}")
    click.echo(f"origins={','.join(origin.origin for origin in site.origins)}")
    for name, value in to_json(site.policy).items():
        click.echo(f"{name}={str(value).lower() if isinstance(value, bool) else value}")
    for sentence, own in site.texts.items():
        click.echo(f"text {sentence!r}: {json.dumps(own, ensure_ascii=False)}")


@site_commands.command("move")
@click.argument("key")
@click.option("--from", "old", required=True, help="Origin of the pages until now, such as https://old.example.")
@click.option("--to", "new", required=True, help="Their origin from now on.")
@in_app
def site_move(key: str, old: str, new: str) -> None:
    """Move a site to another origin: its settings and the addresses of its pages follow."""
    moved = site_moves.move(sites.by_key(key), old, new, ActorKind.COMMAND_LINE, datetime.now(UTC))
    click.echo(f"Moved {key} to {new}: addresses of {moved.threads} threads and {moved.comments} comments.")


@site_commands.command("delete")
@click.argument("key")
@click.option("--yes", is_flag=True, help="Confirm the deletion.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="File of the export that is written first."
)
@in_app
def site_delete(key: str, yes: bool, output: Path | None) -> None:
    """Delete a site with all its comments; writes an export first. Accounts stay."""
    now = datetime.now(UTC)
    site_moves.check_is_meant(yes, key)
    output = output or Path(f"{key}-{now:%Y%m%dT%H%M%SZ}.jsonl")
    write_file(exports.WRITERS["json"](key, now), output)
    counts = site_moves.delete(sites.by_key(key), ActorKind.COMMAND_LINE, now)
    click.echo(f"Deleted {key} with {counts.get('comment', 0)} comments. They are in {output}.")


def _value(text: str) -> object:
    """A setting as typed: true, false, a whole number, words, or `@FILE` for the JSON of a file."""
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("@"):
        try:
            return json.loads(Path(text[1:]).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Invalid("settings", f"{text[1:]} cannot be read as JSON: {error}") from None
    return int(text) if text.isascii() and text.isdigit() else text
