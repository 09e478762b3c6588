"""Imports as jobs: a file is uploaded, checked, imported in the background, and all of it can be undone.

An import by the command line is noted too, so that it can be undone in the dashboard.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from commentsvc.core import page_addresses, tokens
from commentsvc.core.errors import BadFile, CommentError, Conflict, Invalid
from commentsvc.core.job_kinds import ImportJob, UndoImportJob
from commentsvc.core.page_addresses import AddressMap
from commentsvc.core.policy import Policy
from commentsvc.core.status import Status
from commentsvc.gateways.formats import registry
from commentsvc.services import import_lines, imports, transitions
from commentsvc.services.imports import ImportOptions, ImportReport, Progress
from commentsvc.services.transitions import DecisionActor, Transition
from commentsvc.store import accounts, audit_log, comments, import_runs, jobs, sites, threads
from commentsvc.store.accounts import Account
from commentsvc.store.audit_log import Actor, ActorKind
from commentsvc.store.db import db
from commentsvc.store.decisions import COMMAND_LINE
from commentsvc.store.import_runs import FILE_NAME_MAX, ImportRun, ImportState
from commentsvc.store.sites import Site
from commentsvc.store.transactions import retried, write

OURS = "json"
FORMATS = (*registry.FORMATS, OURS)
PROBLEMS_KEPT = 1000  # of the report; more are only counted
BUSY = timedelta(minutes=2)  # longer than any batch takes: another worker goes on when this one has died
NOTED_EVERY = timedelta(seconds=1)
UNDO_AT_ONCE = 500


class ImportBusy(Exception):
    """Another worker works on this import; a later try finds it done, or goes on where that worker has died."""


@dataclass(frozen=True)
class RunOptions:
    """The options of an import as they are typed and stored; `pages` has new addresses by the key of the old page."""

    timezone: str = "UTC"
    include_private: bool = False
    old_origin: str = ""
    new_origin: str = ""
    pages: dict[str, str] | None = None


def checked_options(options: RunOptions, map_lines: Sequence[str], policy: Policy) -> RunOptions:
    """The options with the map; raises Invalid naming what is wrong."""
    options = replace(options, pages=page_addresses.read_pages(map_lines, policy))
    read_options(options, policy)
    return options


def read_options(options: RunOptions, policy: Policy) -> ImportOptions:
    """Raises Invalid for an unknown time zone, or for an origin that is none."""
    addresses = AddressMap(options.pages or {}, policy=policy)
    if bool(options.old_origin) != bool(options.new_origin):
        raise Invalid("from", "Give both the old and the new origin (from and to), or neither.")
    if options.old_origin:
        addresses = page_addresses.with_move(addresses, options.old_origin, options.new_origin)
    return ImportOptions(False, options.include_private, _zone(options.timezone), addresses)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("timezone", f"There is no time zone “{name}”. Use a name such as Europe/Berlin or UTC.") from None


@retried
def upload(
    site: Site, format: str, file_name: str, content: bytes, options: RunOptions, by: Account, now: datetime
) -> int:
    """Take a file and queue its check; gives the number of the import.

    Raises Invalid for an unknown format, and for our own unless an admin sends it: that one brings accounts of the
    whole service with their sign-ins.
    """
    if format not in FORMATS:
        raise Invalid("format", "Choose the system that wrote the file.")
    if format == OURS and not by.is_admin:
        raise Invalid("format", "An export of this service has accounts in it. Ask an administrator to import it.")
    if not content:
        raise Invalid("file", "Choose a file. The one you sent is empty.")
    with write():
        run = _added(site, format, file_name, options, by, ImportState.CHECKING, now, content)
        jobs.add(ImportJob(run.id), now)
        return run.id


def run_by_command(
    format: str, path: Path, site: Site, options: ImportOptions, progress: Progress, now: datetime
) -> ImportReport:
    """Import a file at once and note the import, so that it can be undone; raises BadFile, which leaves nothing."""
    by = ActorKind.COMMAND_LINE
    run_id = _begin_by_command(site, format, path.name, now)
    noter = _Noter(run_id, now)

    def note(what: str, done: int, total: int) -> None:
        progress(what, done, total)
        noter(what, done, total)

    try:
        report = run_file(format, path, site, replace(options, run_id=run_id), note, by, now)
    except CommentError:
        db.session.rollback()
        _forget(run_id)
        raise
    end(run_id, report, "", now)
    return report


def run_file(
    format: str, path: Path, site: Site, options: ImportOptions, progress: Progress, by: Actor, now: datetime
) -> ImportReport:
    """Import or check a file of one of FORMATS; our own needs none of the options. Raises BadFile as imports.run."""
    if format == OURS:
        return import_lines.run(path, site, options.is_dry_run, progress, by, now, options.run_id)
    return imports.run(format, path, site, options, progress, by, now)


@retried
def _begin_by_command(site: Site, format: str, file_name: str, now: datetime) -> int:
    with write():
        state = ImportState.IMPORTING
        return _added(site, format, file_name, RunOptions(), ActorKind.COMMAND_LINE, state, now, None).id


@retried
def _forget(run_id: int) -> None:
    """A file that can't be read changes nothing; one that broke after the first batch has added comments."""
    with write():
        if import_runs.count_comments(run_id):
            db.session.get_one(ImportRun, run_id).state = ImportState.FAILED
        else:
            db.session.delete(db.session.get_one(ImportRun, run_id))


def _added(
    site: Site,
    format: str,
    file_name: str,
    options: RunOptions,
    by: Actor,
    state: ImportState,
    now: datetime,
    content: bytes | None,
) -> ImportRun:
    run = ImportRun(
        site_id=site.id,
        by_account_id=by.id if isinstance(by, Account) else None,
        format=format,
        file_name="".join(c for c in file_name if c.isprintable())[:FILE_NAME_MAX],
        options=asdict(options),
        state=state,
        created_at=now,
    )
    import_runs.add(run, content)
    return run


@retried
def start(site: Site, run_id: int, by: Account, now: datetime) -> None:
    """Queue a checked import; raises Conflict for any other."""
    with write():
        run = _locked(site, run_id, by)
        if run.state != ImportState.CHECKED:
            raise Conflict("This import was started or cancelled already.", "no-change")
        run.state, run.done, run.by_account_id = ImportState.IMPORTING, 0, by.id
        jobs.add(ImportJob(run.id), now)


@retried
def cancel(site: Site, run_id: int, by: Account, now: datetime) -> None:
    """Delete the file of an import that has not been started; raises Conflict for any other."""
    with write():
        run = _locked(site, run_id, by)
        if run.state != ImportState.CHECKED:
            raise Conflict("Only an import that waits to be started can be cancelled.", "no-change")
        run.state, run.ended_at = ImportState.CANCELLED, now
        import_runs.drop_file(run.id)


@retried
def undo(site: Site, run_id: int, by: Account, ip: str, now: datetime) -> None:
    """Queue the deletion of all comments that an import has added; raises Conflict unless it has ended."""
    with write():
        run = _locked(site, run_id, by)
        is_busy = run.busy_until is not None and run.busy_until > now
        # An import by the command line that was killed has no file here and stays in its state.
        is_over = run.state in (ImportState.DONE, ImportState.FAILED, ImportState.IMPORTING) and not is_busy
        if not is_over or import_runs.content_of(run.id) or not import_runs.count_comments(run.id):
            raise Conflict("There is nothing to undo: this import has added no comments, or is undone.", "no-change")
        run.state, run.done, run.total = ImportState.UNDOING, 0, import_runs.count_comments(run.id)
        subject = f"{run.format}: {run.file_name}"
        audit_log.add("import-undo", now, site=site, by=by, subject=subject, before={"comments": run.total}, ip=ip)
        jobs.add(UndoImportJob(run.id, by.id, tokens.new_batch()), now)


def _locked(site: Site, run_id: int, by: Account) -> ImportRun:
    sites.lock(site)
    accounts.hold(by.id)
    run = import_runs.by_id(site, run_id)
    db.session.refresh(run)
    return run


def perform(run_id: int, now: datetime) -> None:
    """Check or import the file of a run; a run that was cut off is completed by the next try.

    Raises ImportBusy while another worker works on it.
    """
    begun = _begin(run_id, now)
    if begun is None:
        return
    site, run, content = begun
    noter = _Noter(run_id, now)
    is_dry_run = run.state == ImportState.CHECKING
    by: Actor = run.by_account or ActorKind.COMMAND_LINE
    with tempfile.NamedTemporaryFile(prefix="commentsvc-import-", suffix=Path(run.file_name).suffix[:10]) as file:
        file.write(content)
        file.flush()
        try:
            options = read_options(RunOptions(**run.options), site.policy)
            options = replace(options, is_dry_run=is_dry_run, run_id=run_id)
            report = run_file(run.format, Path(file.name), site, options, noter, by, now)
        except (BadFile, Invalid) as error:  # anything else is worth another try
            end(run_id, None, str(error), now)
            return
    end(run_id, report, "", now)


@retried
def _begin(run_id: int, now: datetime) -> tuple[Site, ImportRun, bytes] | None:
    """None where nothing is left to do."""
    with write(keep_loaded=True):
        run = db.session.get(ImportRun, run_id)
        content = import_runs.content_of(run_id)
        if run is None or content is None or run.state not in (ImportState.CHECKING, ImportState.IMPORTING):
            return None
        if not import_runs.claim(run_id, now, now + BUSY):
            raise ImportBusy(f"another worker is at import {run_id}")
        return sites.by_id(run.site_id), run, content


@retried
def end(run_id: int, report: ImportReport | None, problem: str, now: datetime) -> None:
    """Note how a run has ended: its report, or why it failed."""
    with write():
        run = db.session.get_one(ImportRun, run_id)
        is_check = run.state == ImportState.CHECKING
        run.busy_until, run.problem = None, problem
        if report is not None:
            run.report = _stored(report)
            run.done = run.total = report.read
            run.state = ImportState.CHECKED if is_check else ImportState.DONE
        else:
            run.state = ImportState.FAILED
        if run.state != ImportState.CHECKED:
            run.ended_at = datetime.now(UTC)
            import_runs.drop_file(run_id)


def _stored(report: ImportReport) -> dict[str, Any]:
    found = report.to_json()
    problems = found["problems"]
    return {**found, "problems": problems[:PROBLEMS_KEPT], "problem_count": len(problems)}


class _Noter:
    """Notes the progress of an import, at most once a second."""

    def __init__(self, run_id: int, now: datetime) -> None:
        self._run_id, self._noted_at = run_id, now

    def __call__(self, _what: str, done: int, total: int) -> None:
        at = datetime.now(UTC)
        if at - self._noted_at >= NOTED_EVERY:
            self._noted_at = at
            self._note(done, total, at)

    @retried
    def _note(self, done: int, total: int, at: datetime) -> None:
        with write():
            import_runs.note_progress(self._run_id, done, total, at + BUSY)


def perform_undo(job: UndoImportJob, now: datetime) -> None:
    """Delete what an import has added, in steps; then its file can be imported again.

    A comment that readers have answered stays as a placeholder, as any deleted comment does. It is one act in the
    activity log, where it can be undone as a whole.
    """
    while count := _delete_some(job, now):
        note = _Noter(job.run_id, datetime.min.replace(tzinfo=UTC))
        total = import_runs.count_comments(job.run_id)
        db.session.rollback()
        note("comments deleted", total - count, total)
    while _forget_names(job.run_id):
        pass
    _end_undo(job.run_id, now)


@retried
def _delete_some(job: UndoImportJob, now: datetime) -> int:
    """Delete the next comments; gives how many there were at least."""
    with write():
        by = db.session.get(Account, job.by_account_id)
        actor = DecisionActor(by) if by is not None else DecisionActor(rule=COMMAND_LINE)
        ids = import_runs.comments_left(job.run_id, UNDO_AT_ONCE)
        threads.lock(comments.thread_ids_of(ids))
        found = [comment for comment in comments.of_ids(ids) if comment.status != Status.DELETED]
        transitions.apply([Transition(comment, Status.DELETED) for comment in found], actor, job.batch, now)
        return len(ids)


@retried
def _forget_names(run_id: int) -> int:
    with write():
        return import_runs.forget_names(run_id, UNDO_AT_ONCE)


@retried
def _end_undo(run_id: int, now: datetime) -> None:
    with write():
        run = db.session.get(ImportRun, run_id)
        if run is not None:
            run.state, run.ended_at, run.done = ImportState.UNDONE, now, run.total
