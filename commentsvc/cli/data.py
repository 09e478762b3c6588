"""The commands that read or count the comments of a page or a site: render, recount."""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.parse import urlencode

import click
from flask import current_app

from commentsvc.cli.base import FAILED, commands, in_app, progress
from commentsvc.core import pagination as paging
from commentsvc.core import routes
from commentsvc.core.errors import Invalid
from commentsvc.services import recounts
from commentsvc.store import sites

PAGE_PATHS = {"html": routes.EMBED_COMMENTS, "json": routes.API_COMMENTS}


@commands.command()
@click.option("--site", "site_key", required=True)
@click.option("--thread", required=True, help="Identifier of the page, such as /2026/hello/.")
@click.option("--format", type=click.Choice(list(PAGE_PATHS)), default="html", show_default=True)
@click.option(
    "--limit", default=paging.PAGE_SIZE, show_default=True, help="Number of top-level comments; replies are included."
)
@click.option("--lang", default="", help="Language of the texts around the comments.")
@in_app
def render(site_key: str, thread: str, format: str, limit: int, lang: str) -> None:
    """Print the comments of a page, for static builds: as GET /embed/v1/comments with form=0, or the API with json."""
    sites.by_key(site_key)
    query = urlencode({"site": site_key, "thread": thread, "limit": limit, "lang": lang, "form": 0})
    with current_app.test_request_context(f"{PAGE_PATHS[format]}?{query}"):
        response = current_app.full_dispatch_request()
    if response.status_code != 200:
        raise Invalid("thread", response.get_json()["detail"])
    click.echo(response.get_data(), nl=False)


@commands.command()
@click.option("--site", "site_key", help="Only this site; all sites by default.")
@click.option("--dry-run", is_flag=True, help="Only report differences; exit status 1 if there are any.")
@click.option("--json", "as_json", is_flag=True)
@in_app
def recount(site_key: str | None, dry_run: bool, as_json: bool) -> None:
    """Recount every stored number and correct wrong ones, while the service runs.

    Stored numbers are the counts of pages, statuses and authors, scores, open reports, which comments are shown and
    where, the words of the search index, and what the spam filter has learned. Prints a line for each difference.
    """
    run = recounts.check if dry_run else recounts.mend
    listed = [sites.by_key(site_key)] if site_key else sites.all_sites()
    found = [one for site in listed for one in run(site, progress)]
    progress("")
    if as_json:
        click.echo(json.dumps({"differences": [_difference_json(one) for one in found]}, ensure_ascii=False, indent=2))
    else:
        for one in found:
            wrong = one.difference
            mended = ", corrected" if one.is_mended else ""
            click.echo(
                f"{one.site_key}: {wrong.number} of {wrong.where}: stored {wrong.kept}, counted {wrong.counted}{mended}"
            )
        if not found:
            click.echo("All stored numbers are correct.")
    if not all(one.is_mended for one in found):
        sys.exit(FAILED)


def _difference_json(one: recounts.WrongCount) -> dict[str, Any]:
    wrong = one.difference
    values = {"number": wrong.number, "where": wrong.where, "kept": wrong.kept, "counted": wrong.counted}
    return {"site": one.site_key, **values, "mended": one.is_mended}
