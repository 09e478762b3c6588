"""The command that measures the spam filter on labelled comments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from commentsvc.cli.base import commands
from commentsvc.core import sanitizer, spam_filter, text_input
from commentsvc.core.errors import BadFile, Invalid
from commentsvc.core.policy import Policy
from commentsvc.core.rule_kinds import RuleInput


@commands.command("spam-report")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--folds", default=10, show_default=True, type=click.IntRange(2, 100))
@click.option(
    "--hold",
    default=Policy.spam_hold,
    show_default=True,
    type=click.IntRange(1, 100),
    help="Spam score from which comments are held (%).",
)
@click.option("--json", "as_json", is_flag=True)
def spam_report(files: tuple[Path, ...], folds: int, hold: int, as_json: bool) -> None:
    """Measure the spam filter by cross-validation on labelled comments: JSON lists of {"text", "spam": 0 or 1}."""
    reports: list[dict[str, Any]] = []
    for file in files:
        labelled = list(_labelled(file))
        figures = spam_filter.cross_validated(labelled, folds, hold / 100)
        spam = figures.caught + figures.missed
        reports.append(
            {
                "file": file.name,
                "comments": len(labelled),
                "spam": spam,
                "precision": round(figures.precision, 3),
                "recall": round(figures.recall, 3),
                "good_held": figures.wronged,
                "spam_missed": figures.missed,
            }
        )
    if as_json:
        click.echo(json.dumps(reports, ensure_ascii=False, indent=2))
        return
    for row in reports:
        click.echo(
            f"{row['file']}: {row['comments']} comments, {row['spam']} of them spam; held from {hold}%: "
            f"precision {row['precision']:.1%}, recall {row['recall']:.1%} "
            f"({row['good_held']} good ones held, {row['spam_missed']} spam missed)"
        )


def _labelled(file: Path) -> Iterator[tuple[RuleInput, bool]]:
    """The comments of a labelled file; raises BadFile for one that is none."""
    try:
        rows = [(str(row["text"]), bool(row["spam"])) for row in json.loads(file.read_text("utf-8"))]
    except (ValueError, TypeError, KeyError):
        raise BadFile(f"{file.name} is not a JSON list of objects with “text” and “spam”.") from None
    for source, is_spam in rows:
        try:
            html = sanitizer.to_html(text_input.body(source, 20_000))
        except Invalid:
            html = ""  # nothing to be seen in it: such a comment could not be posted
        yield RuleInput(source, html, "", "", "", ""), is_spam
