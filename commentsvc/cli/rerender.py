"""The command that renders stored comments again after the rules of rendering or cleaning have changed."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import click

from commentsvc.cli.base import commands, in_app, progress
from commentsvc.services import rerender as service
from commentsvc.services.rerender import RerenderReport
from commentsvc.store import sites


@commands.command()
@click.option("--site", "site_key", help="Only this site; all sites by default.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--json", "as_json", is_flag=True)
@in_app
def rerender(site_key: str | None, dry_run: bool, as_json: bool) -> None:
    """Render the text of all comments again with this version, while the service runs.

    Run it after an update that changes how comments are rendered or cleaned. Only comments that differ are written, so
    a run that was stopped can be started again.
    """
    site = sites.by_key(site_key) if site_key else None
    began = time.monotonic()

    def show(read: int, share: float) -> None:
        took_s = max(time.monotonic() - began, 0.001)
        left_s = took_s * (1 - share) / share
        progress(f"{read} comments read, {read / took_s:.0f} a second, about {left_s:.0f} s left")

    report = service.check(site, show) if dry_run else service.run(site, show, datetime.now(UTC), time.sleep)
    progress("")
    if as_json:
        click.echo(json.dumps(_report_json(report), ensure_ascii=False, indent=2))
        return
    for diff in report.diffs.values():
        click.echo(diff)
    for one in report.refused:
        click.echo(f"comment {one.comment_id}: keeps its old HTML, cleaned again: {one.reason}")
    verbs = ("would change", "would only get a newer renderer") if dry_run else ("changed", "only got a newer renderer")
    click.echo(f"{report.read} comments read: {report.changed} {verbs[0]}, {report.renamed} {verbs[1]}.")


def _report_json(report: RerenderReport) -> dict[str, Any]:
    return {
        "read": report.read,
        "changed": report.changed,
        "renamed": report.renamed,
        "refused": [{"comment": one.comment_id, "reason": one.reason} for one in report.refused],
        "differences": [{"comment": number, "diff": diff} for number, diff in report.diffs.items()],
    }
