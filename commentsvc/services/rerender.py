"""Renders the stored sources of all comments again with today's renderer and cleaner, while the service runs."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from commentsvc.core import sanitizer
from commentsvc.core.errors import Invalid
from commentsvc.core.status import Status
from commentsvc.store import audit_log, comments, counters, rerender, threads
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.db import db
from commentsvc.store.rerender import StoredText
from commentsvc.store.sites import Site
from commentsvc.store.transactions import retried, write

BATCH = 100  # comments in one transaction, so that posts do not wait long for it
# Between two transactions that write: others wait for SQLite by looking again every 50 ms or so. A longer transaction
# is followed by a pause of its own length.
PAUSE_S = 0.1
DIFFS_MAX = 20
CURRENT = (sanitizer.RENDERER, sanitizer.HTML_RENDERER)


@dataclass(frozen=True)
class RefusedSource:
    """A source that today's limits refuse: its comment keeps its HTML, cleaned again."""

    comment_id: int
    reason: str


@dataclass
class RerenderReport:
    """What was read and written: `changed` comments have other HTML, `renamed` ones only a newer renderer."""

    read: int = 0
    changed: int = 0
    renamed: int = 0
    refused: list[RefusedSource] = field(default_factory=list)
    diffs: dict[int, str] = field(default_factory=dict)  # by comment id, the first DIFFS_MAX of a dry run


# The number of comments read so far, and the part of all comments that they are (0 to 1).
Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class _Rendered:
    source: str
    html: str
    renderer: str
    refusal: str = ""


def check(site: Site | None, progress: Progress) -> RerenderReport:
    """Find what `run` would change, and change nothing."""
    report = RerenderReport()
    for text, made in _differences(site, report, progress):
        _count(report, made.html != text.html)
        if made.html != text.html and len(report.diffs) < DIFFS_MAX:
            report.diffs[text.id] = _diff(text, made)
    return report


def run(site: Site | None, progress: Progress, now: datetime, pause: Callable[[float], None]) -> RerenderReport:
    """Render all comments of a site, or of all sites, and store HTML that differs and the name of the renderer.

    Each batch is a transaction of its own, followed by `pause(seconds)`. A run that was ended can be started again: it
    writes only comments that are not as they should be.
    """
    report = RerenderReport()
    waiting: dict[int, _Rendered] = {}
    for text, made in _differences(site, report, progress):
        waiting[text.id] = made
        if len(waiting) == BATCH:
            _store(waiting, report, pause)
            waiting = {}
    if waiting:
        _store(waiting, report, pause)
    if report.changed:
        _log(site, report.changed, now)
    return report


def outdated_count(site: Site | None) -> int:
    """The number of stored comments with HTML of an older renderer, on one site or (None) on all.

    Exact for up to 10,000 comments; for more it is an estimate from 10,000 of them, which a few comments can escape.
    """
    return rerender.count_of_others(site, CURRENT)


def _differences(
    site: Site | None, report: RerenderReport, progress: Progress
) -> Iterator[tuple[StoredText, _Rendered]]:
    """Comments whose HTML or renderer is not today's, with what they should have; counts in `report` what is read."""
    first, until = rerender.id_range(site)
    last = first - 1
    while texts := rerender.texts_after(site, last, until, BATCH):
        db.session.rollback()  # no read transaction stays open while others write
        for text in texts:
            made = _rendered(text.source, text.html, text.renderer)
            report.read += 1
            if made.refusal:
                report.refused.append(RefusedSource(text.id, made.refusal))
            if (made.html, made.renderer) != (text.html, text.renderer):
                yield text, made
        last = texts[-1].id
        progress(report.read, (last - first + 1) / (until - first + 1))


def _rendered(source: str, html: str, renderer: str) -> _Rendered:
    current = sanitizer.current_name(renderer)
    try:
        return _Rendered(source, sanitizer.render(source, renderer), current)
    except Invalid as error:
        return _Rendered(source, sanitizer.clean(html), current, str(error))


def _store(waiting: Mapping[int, _Rendered], report: RerenderReport, pause: Callable[[float], None]) -> None:
    began = time.perf_counter()
    _write(waiting, report)
    pause(max(PAUSE_S, time.perf_counter() - began))


@retried
def _write(waiting: Mapping[int, _Rendered], report: RerenderReport) -> None:
    with write():
        threads.lock(comments.thread_ids_of(waiting))
        stored: list[bool] = []
        changed = []
        for comment in comments.of_ids(waiting):
            made = waiting[comment.id]
            if comment.source != made.source:  # edited meanwhile
                made = _rendered(comment.source, comment.html, comment.renderer)
            is_changed = comment.html != made.html
            comment.html, comment.renderer = made.html, made.renderer
            stored.append(is_changed)
            changed += [comment] if is_changed else []
        threads.touch_all({comment.thread_id: 0 for comment in changed})
        counters.add({(comment.site_id, Status.APPROVED): 0 for comment in changed})  # feeds ask for its version
    for is_changed in stored:
        _count(report, is_changed)


def _count(report: RerenderReport, is_changed: bool) -> None:
    report.changed += is_changed
    report.renamed += not is_changed


@retried
def _log(site: Site | None, changed: int, now: datetime) -> None:
    with write():
        audit_log.add("rerender", now, site=site, by=ActorKind.COMMAND_LINE, after={"changed": changed})


def _diff(text: StoredText, made: _Rendered) -> str:
    """A short unified diff of the HTML, which names the comment."""
    lines = difflib.unified_diff(
        text.html.splitlines(),
        made.html.splitlines(),
        f"comment {text.id} ({text.renderer})",
        made.renderer,
        "",
        "",
        1,
        "",
    )
    return "\n".join(lines)
