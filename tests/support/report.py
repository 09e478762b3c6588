"""Writes what a measurement said into docs/benchmarks.md, between the marks that carry its name."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def machine() -> str:
    """The machine on which the figures were measured."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} cores ({model[1] if model else 'processor unknown'}), Linux {os.uname().release}"


def table(rows: Sequence[dict[str, object]]) -> str:
    """In Markdown, a column for each name that a row has, in the order they first appear."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    aligned = ["---:" if isinstance(rows[0].get(name), int | float) else "---" for name in names]
    lines = [names, aligned, *([_said(row.get(name)) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _said(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def write(part: str, said: str) -> None:
    """Replace the part's section of the last run, with date and machine."""
    text = PAGE.read_text()
    begin, end = f"<!-- bench {part} -->", f"<!-- end of {part} -->"
    before, found, rest = text.partition(begin)
    if not found or end not in rest:
        raise SystemExit(f"{PAGE} has no place for it: {begin} … {end}")
    measured = f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {machine()}."
    PAGE.write_text(f"{before}{begin}\n{said}\n\n{measured}\n{end}{rest.partition(end)[2]}")
