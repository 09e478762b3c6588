"""The commands that move words in and out: import, export."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import click

from commentsvc.cli.base import ProgressLine, commands, in_app, progress
from commentsvc.core import page_addresses
from commentsvc.core.errors import Invalid
from commentsvc.core.policy import Policy
from commentsvc.services import exports, import_runs
from commentsvc.services.import_runs import RunOptions
from commentsvc.services.imports import ImportReport
from commentsvc.store import sites
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.sites import Site

OURS = "json"
PROBLEMS_SHOWN = 50  # in the text for people; --json has them all


@commands.command("import")
@click.argument("format", type=click.Choice(import_runs.FORMATS))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--site", "site_key", required=True)
@click.option("--dry-run", is_flag=True, help="Read the file and report, without changing anything.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.option("--timezone", default="UTC", show_default=True, help="Of times without a zone, such as Europe/Berlin.")
@click.option("--include-private", is_flag=True, help="Also import comments of pages that are not public, as pending.")
@click.option(
    "--map",
    "map_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV with the columns old and new: addresses or paths of pages that have moved.",
)
@click.option("--from", "old_origin", default="", help="Origin of the pages in the file, such as https://old.example.")
@click.option("--to", "new_origin", default="", help="Their origin now; needs --from.")
@in_app
def import_(
    format: str,
    file: Path,
    site_key: str,
    dry_run: bool,
    as_json: bool,
    timezone: str,
    include_private: bool,
    map_file: Path | None,
    old_origin: str,
    new_origin: str,
) -> None:
    """Import comments from an export file. Importing it again adds only what is new.

    A comment that can't be read as it is gets mended or left out, and the report says so. A broken file changes
    nothing (exit status 1).
    """
    site, now, by = sites.by_key(site_key), datetime.now(UTC), ActorKind.COMMAND_LINE
    typed = RunOptions(timezone, include_private, old_origin, new_origin, _pages(site, map_file))
    options = replace(import_runs.read_options(typed, site.policy), is_dry_run=dry_run)
    if dry_run:
        report = import_runs.run_file(format, file, site, options, ProgressLine(), by, now)
    else:
        report = import_runs.run_by_command(format, file, site, options, ProgressLine(), now)
    progress("")
    if as_json:
        click.echo(json.dumps(report.to_json(), ensure_ascii=False))
    else:
        for line in _sentences(report):
            click.echo(line)


def read_map(file: Path, policy: Policy) -> dict[str, str]:
    """New addresses by the key of the old page, from a CSV file; raises Invalid("map", …) for one that is none."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("map", f"The map {file} can't be read as UTF-8: {error}.") from None
    return page_addresses.read_pages(lines, policy)


def _pages(site: Site, map_file: Path | None) -> dict[str, str] | None:
    return read_map(map_file, site.policy) if map_file is not None else None


def _sentences(report: ImportReport) -> list[str]:
    """The report for people."""
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(report.by_status.items()))
    lines = [f"Read {report.read} comments on {report.threads} pages{f' ({statuses})' if statuses else ''}."]
    if report.is_dry_run:
        lines.append(f"Dry run, nothing was changed. {report.added} would be added, {report.known} are here already.")
    else:
        lines.append(f"Added {report.added}; {report.known} were here already.")
    lines.append(
        f"Left out {report.left_out}; mended {report.mended}. Times without a zone were read as {report.timezone}."
    )
    for reason, count in sorted(report.private.items()):
        if report.includes_private:
            lines.append(f"{count} of pages {reason}: imported as pending, and their pages accept no comments.")
        else:
            lines.append(f"Left out {count} of pages {reason}; --include-private imports them as pending.")
    lines += report.notes
    problems = sorted(report.problems, key=lambda one: one.record)
    for one in problems[:PROBLEMS_SHOWN]:
        at = f", line {one.line}" if one.line is not None else ""
        lines.append(f"Record {one.record}{at}: {one.outcome}: {one.reason}.")
    if len(problems) > PROBLEMS_SHOWN:
        lines.append(f"… and {len(problems) - PROBLEMS_SHOWN} more; --json lists them all.")
    return lines


@commands.command("export")
@click.option("--site", "site_key", required=True)
@click.option("--format", type=click.Choice(list(exports.WRITERS)), default=OURS, show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Standard output by default.")
@in_app
def export(site_key: str, format: str, output: Path | None) -> None:
    """Write everything of a site, as of one moment and while it serves: docs/export-format.md describes the JSON.

    The other formats have the comments alone, for systems that read only these.
    """
    lines = exports.WRITERS[format](site_key, datetime.now(UTC))
    if output is None:
        _write(lines, sys.stdout.buffer)
    else:
        write_file(lines, output)


def write_file(lines: exports.Lines, output: Path) -> None:
    """Write an export under another name until it is whole; readable by its owner alone, since it has addresses."""
    handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            _write(lines, file)
            os.fsync(file.fileno())
        Path(name).replace(output)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _write(lines: exports.Lines, file: IO[bytes]) -> None:
    for line in lines:
        file.write(line.encode())
    file.flush()
