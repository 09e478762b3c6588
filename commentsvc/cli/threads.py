"""The commands for threads: listing, moving, merging and deleting them, moving many by a map, and their keys."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from commentsvc.cli.base import FAILED, commands, in_app
from commentsvc.cli.moving import read_map
from commentsvc.services import thread_deletion, thread_map, thread_moves, thread_normalizing
from commentsvc.services.thread_map import MapOutcome
from commentsvc.store import sites, threads
from commentsvc.store.audit_log import ActorKind

BY = ActorKind.COMMAND_LINE
SITE = click.option("--site", "site_key", required=True, help="Key of the site.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Only say what would be changed.")


@commands.group("thread")
def thread_commands() -> None:
    """Manage the conversations of a site; a page is named by its address, its path or its key."""


@thread_commands.command("list")
@SITE
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@in_app
def thread_list(site_key: str, as_json: bool) -> None:
    """List the threads of a site, the oldest first: approved comments, key and title."""
    listed = [
        {"key": one.key, "title": one.title, "url": one.url, "count": one.count, "open": one.is_open}
        for one in threads.of_site(sites.by_key(site_key))
    ]
    if as_json:
        click.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    for one in listed:
        shown = [f"{one['count']:6}", str(one["key"]), str(one["title"]), "" if one["open"] else "(closed)"]
        click.echo("  ".join(part for part in shown if part))


@thread_commands.command("move")
@click.argument("old")
@click.argument("new")
@SITE
@in_app
def thread_move(old: str, new: str, site_key: str) -> None:
    """Give a thread another key, after its page got another address. The old one goes on leading to it."""
    moved = thread_moves.move(sites.by_key(site_key).id, old, new, BY, "", datetime.now(UTC))
    click.echo(f"Moved {old} to {moved.thread.key}.")


@thread_commands.command("merge")
@click.argument("source", metavar="FROM")
@click.argument("into", metavar="INTO")
@SITE
@in_app
def thread_merge(source: str, into: str, site_key: str) -> None:
    """Move all comments of one thread to another, whose title and settings stay."""
    merged = thread_moves.merge(sites.by_key(site_key).id, source, into, BY, "", datetime.now(UTC))
    click.echo(f"Merged {source} into {merged.thread.key}: {merged.comments} comments.")


@thread_commands.command("delete")
@click.argument("page")
@SITE
@in_app
def thread_delete(page: str, site_key: str) -> None:
    """Delete all comments of a thread and close it. An owner can undo this in the dashboard's activity log."""
    deleted = thread_deletion.delete(sites.by_key(site_key), page, BY, "", datetime.now(UTC))
    click.echo(f"Deleted {deleted.comments} comments of {deleted.thread.key}.")


@thread_commands.command("map")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="CSV")
@SITE
@DRY_RUN
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
@in_app
def thread_map_command(context: click.Context, file: Path, site_key: str, dry_run: bool, as_json: bool) -> None:
    """Move threads by a CSV file with the columns old and new, each an address or a path.

    A page that has comments already gets those of the old one too. The exit status is 1 when a line failed.
    """
    site = sites.by_key(site_key)
    lines = thread_map.apply(site, read_map(file, site.policy), dry_run, BY, datetime.now(UTC))
    if as_json:
        shown = [{"old": o.old, "new": o.new, "outcome": o.outcome, "problem": o.problem} for o in lines]
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        for one in lines:
            click.echo(f"{one.outcome}: {one.old} → {one.new}{f' ({one.problem})' if one.problem else ''}")
        click.echo("Dry run, nothing was changed." if dry_run else "Done.")
    if any(one.outcome is MapOutcome.FAILED for one in lines):
        context.exit(FAILED)


@thread_commands.command("normalize")
@SITE
@DRY_RUN
@in_app
def thread_normalize(site_key: str, dry_run: bool) -> None:
    """Give threads the keys of the site's present rules, and merge those that are one page by them."""
    site = sites.by_key(site_key)
    done = (
        thread_normalizing.planned(site)
        if dry_run
        else thread_normalizing.normalize(site.id, True, BY, datetime.now(UTC))
    )
    for old, new in done.renamed:
        click.echo(f"renamed: {old} → {new}")
    for old, new in done.merged:
        click.echo(f"merged: {old} → {new}")
    total = f"{len(done.renamed)} renamed, {len(done.merged)} merged."
    click.echo(f"Dry run, nothing was changed. {total}" if dry_run else total)
