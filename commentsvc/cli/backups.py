"""The commands for backups: write, verify, restore."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from commentsvc.cli.base import ProgressLine, commands, in_app, progress, read_config
from commentsvc.services import backups
from commentsvc.services.backups import BackupSummary

VERIFY = "verify"


@commands.command()
@click.argument("words", nargs=-1, required=True, metavar="FILE | verify FILE")
@click.option("--json", "as_json", is_flag=True)
@in_app
def backup(words: tuple[str, ...], as_json: bool) -> None:
    """Write everything of all sites into one file, while the service runs; or verify such a file.

    `commentsvc backup FILE` writes, `commentsvc backup verify FILE` reads the whole file and compares its checksums.
    """
    if len(words) == 2 and words[0] == VERIFY:
        summary = backups.verify(Path(words[1]))
        _tell(summary, f"{words[1]} is whole", as_json)
        return
    if len(words) != 1 or words[0] == VERIFY:
        raise click.UsageError("Use: commentsvc backup FILE, or: commentsvc backup verify FILE")
    summary = backups.back_up(Path(words[0]), read_config(), ProgressLine(), datetime.now(UTC))
    progress("")
    _tell(summary, f"Wrote {words[0]}", as_json)


@commands.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Also into a database that has sites; it is backed up first.")
@click.option("--json", "as_json", is_flag=True)
@in_app
def restore(file: Path, replace: bool, as_json: bool) -> None:
    """Fill an empty database, SQLite or PostgreSQL, with a backup of either. Stop the service first."""
    summary = backups.restore(file, read_config(), replace, ProgressLine(), datetime.now(UTC))
    progress("")
    _tell(summary, f"Restored {file}", as_json)


def _tell(summary: BackupSummary, what: str, as_json: bool) -> None:
    if as_json:
        values = {
            "file": str(summary.path),
            "created_at": summary.created_at.isoformat(),
            "database": summary.database,
            "tables": summary.tables,
            "erased_again": summary.erased_again,
            "replaced": str(summary.replaced) if summary.replaced else None,
        }
        click.echo(json.dumps(values))
        return
    click.echo(f"{what}: {summary.sentence()}.")
    if summary.replaced:
        click.echo(f"What was in the database before is in {summary.replaced}.")
    if summary.erased_again:
        click.echo(f"{summary.erased_again} people who had been erased since were erased again.")
    if summary.has_other_secret:
        click.echo(
            "The backup was made with another COMMENTSVC_SECRET_KEY: links in mails, guests' edits and second factors "
            "work only with that one."
        )
