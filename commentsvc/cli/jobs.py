"""The commands for background jobs: list, retry, drop."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import click

from commentsvc.cli.base import commands, in_app
from commentsvc.core.whole_numbers import ROW_ID_MAX
from commentsvc.store import jobs
from commentsvc.store.transactions import write

JOB_ID = click.IntRange(1, ROW_ID_MAX)


@commands.group("jobs")
def jobs_commands() -> None:
    """Manage background jobs (email, …)."""


@jobs_commands.command("list")
@click.option("--json", "as_json", is_flag=True)
@in_app
def jobs_list(as_json: bool) -> None:
    """List waiting, running and failed jobs, oldest first, with the reason of the last failure."""
    found = jobs.listed(datetime.now(UTC))
    if as_json:
        rows = [
            {**asdict(job), "created_at": _rfc3339(job.created_at), "due_at": _rfc3339(job.due_at)} for job in found
        ]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for job in found:
        due = f"  due {_rfc3339(job.due_at)}" if job.due_at else ""
        about = f"  for {job.about}" if job.about else ""
        reason = f"  {' '.join(job.reason.split())}" if job.reason else ""
        click.echo(f"{job.id}  {job.kind}  {job.state}  tries {job.tries}{about}{due}{reason}")


@jobs_commands.command("retry")
@click.argument("ids", nargs=-1, type=JOB_ID, metavar="[ID…]")
@in_app
def jobs_retry(ids: tuple[int, ...]) -> None:
    """Retry jobs now. Without IDs, retry all failed jobs."""
    with write():
        count = jobs.retry(ids)
    click.echo(f"{count} {'job' if count == 1 else 'jobs'} will be retried.")


@jobs_commands.command("drop")
@click.argument("ids", nargs=-1, type=JOB_ID, metavar="[ID…]")
@in_app
def jobs_drop(ids: tuple[int, ...]) -> None:
    """Delete jobs without running them. Without IDs, delete all failed jobs."""
    with write():
        count = jobs.drop(ids)
    click.echo(f"{count} {'job was' if count == 1 else 'jobs were'} deleted.")


def _rfc3339(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else None
