"""Imports comments from another system's export: reads it whole before the first write, and doubles nothing."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import Path
from typing import Any

from commentsvc.core import links, page_keys
from commentsvc.core.networks import NetworkScope, network_of
from commentsvc.core.page_addresses import AddressMap
from commentsvc.core.policy import TITLE_MAX, URL_MAX
from commentsvc.core.status import Status
from commentsvc.gateways.formats import registry
from commentsvc.gateways.formats.records import CommentRecord, LeftOut, Reader, ThreadRecord
from commentsvc.services import import_batches, import_rows
from commentsvc.services.import_batches import Misplaced, NewComment
from commentsvc.services.import_rows import Dating, MendedRow, one_line
from commentsvc.store import audit_log, comment_places, sites, threads
from commentsvc.store import authors as stored_authors
from commentsvc.store.audit_log import Actor
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment, CommentKind
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import retried, write

# Short enough that others can write in between on SQLite, long enough that commits do not count.
BATCH = 250
EVERY = 1000  # comments between two reports of progress while reading

# What is done, how much of it, and of how much (0: not known).
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ImportProblem:
    """A record that was mended or left out. `record` counts from 1; `line` is None in files without lines."""

    record: int
    line: int | None
    reason: str
    outcome: str  # `mended` or `left out`


@dataclass
class ImportReport:
    """The contents of a file, and what was imported: read = added + known + left_out."""

    format: str
    is_dry_run: bool = False
    timezone: str = "UTC"
    read: int = 0
    added: int = 0
    known: int = 0
    left_out: int = 0
    threads: int = 0
    by_status: Counter[str] = field(default_factory=Counter)  # of comments that are added or known
    private: Counter[str] = field(default_factory=Counter)  # comments on pages that are not public, by the reason
    includes_private: bool = False
    problems: list[ImportProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what else was imported or left as it was

    @property
    def mended(self) -> int:
        """The number of records that were mended, whatever the number of their faults."""
        return len({one.record for one in self.problems if one.outcome == MENDED})

    def leave_out(self, record: int, line: int | None, reason: str) -> None:
        self.left_out += 1
        self.problems.append(ImportProblem(record, line, reason, LEFT_OUT))

    def mend(self, record: int, line: int | None, reasons: Iterable[str]) -> None:
        self.problems += [ImportProblem(record, line, reason, MENDED) for reason in reasons]

    def to_json(self) -> dict[str, Any]:
        """The report of `--json` (contract: Moving words)."""
        counts = {name: getattr(self, name) for name in ("read", "added", "known", "left_out", "mended", "threads")}
        problems = [vars(one) for one in sorted(self.problems, key=lambda one: one.record)]
        return {
            "format": self.format,
            **counts,
            "by_status": dict(sorted(self.by_status.items())),
            "problems": problems,
            "private": dict(sorted(self.private.items())),
            "timezone": self.timezone,
            "dry_run": self.is_dry_run,
            "notes": self.notes,
        }


MENDED, LEFT_OUT = "mended", "left out"


@dataclass(frozen=True)
class ImportOptions:
    """`zone` is of times without one; `addresses` rewrites those of pages; `run_id` names the import in comments."""

    is_dry_run: bool = False
    include_private: bool = False
    zone: tzinfo = UTC
    addresses: AddressMap = field(default_factory=AddressMap)
    run_id: int | None = None


@dataclass(frozen=True)
class Page:
    """A page of the file with the key that its thread has here."""

    key: str
    record: ThreadRecord


Row = tuple[Page, MendedRow]


def run(
    format: str, path: Path, site: Site, options: ImportOptions, progress: Progress, by: Actor, now: datetime
) -> ImportReport:
    """Import a file of one of registry.FORMATS.

    The file is read to its end first, so a broken one changes nothing: raises BadFile with the line and the reason.
    Then the comments are written in batches. Each is known by its id in the file, so a second run adds only what is
    new, and a run that was cut off is completed by the next.
    """
    reader = registry.reader(format, path)
    report = ImportReport(format, options.is_dry_run, str(options.zone), includes_private=options.include_private)
    dating = Dating(options.zone, now)
    total = _survey(reader, dating, progress)
    waiting: dict[str, str] = {}
    pages: set[bytes] = set()
    numbers: dict[str, tuple[int, int | None]] = {}  # record and line of the replies that wait for their parents
    rows = _rows(reader, site, options, dating, report)
    while batch := list(islice(rows, BATCH)):
        pages.update(hashlib.sha256(page.key.encode()).digest() for page, _ in batch)
        here = comment_places.by_import_id(site, (row.record.import_id for _, row in batch))
        new = [row for row in batch if row[1].record.import_id not in here]
        waiting.update(_still_waiting(batch, here))
        if options.is_dry_run:
            added = len(new)
        else:
            late, misplaced, added = _add(site, new, options.run_id, now) if new else ({}, [], 0)
            waiting.update(late)
            of_name = {row.record.import_id: row.record for _, row in batch}
            numbers.update({name: (of_name[name].number, of_name[name].line) for name in late})
            for one in misplaced:
                report.mend(of_name[one.name].number, of_name[one.name].line, [one.reason])
        db.session.rollback()
        report.added += added
        report.known += len(batch) - added
        report.by_status.update(str(row.status) for _, row in batch)
        progress("comments imported", report.added + report.known + report.left_out, total)
    report.threads = len(pages)
    if not options.is_dry_run:
        for one in import_batches.place_late(site, waiting, comment_places.by_import_id):
            if one.name in numbers:
                report.mend(*numbers[one.name], [one.reason])
        _log(site, report, by, now)
    return report


@retried
def _log(site: Site, report: ImportReport, by: Actor, now: datetime) -> None:
    counts = {name: getattr(report, name) for name in ("read", "added", "known", "left_out", "mended", "threads")}
    with write():
        audit_log.add("import", now, site=site, by=by, subject=report.format, after=counts)


def _survey(reader: Reader, dating: Dating, progress: Progress) -> int:
    """Read the whole file; gives the number of its records."""
    count = 0
    for one in reader:
        count += 1
        if not isinstance(one, LeftOut):
            dating.note(one[1])
        if count % EVERY == 0:
            progress("comments read", count, 0)
    return count


def _rows(reader: Reader, site: Site, options: ImportOptions, dating: Dating, report: ImportReport) -> Iterator[Row]:
    """The file's comments that can be imported, mended; the others are in the report.

    They are named before private ones are left out: that must not change what the others are called.
    """
    last, page = None, Page("", ThreadRecord(""))
    for one in _named_apart(reader):
        report.read += 1
        if isinstance(one, LeftOut):
            report.leave_out(one.number, one.line, one.reason)
            continue
        thread, record = one
        if thread.private:
            report.private[thread.private] += 1
            if not options.include_private:
                reason = f"its page is not public ({thread.private}); --include-private imports it as pending"
                report.leave_out(record.number, record.line, reason)
                continue
        row = import_rows.mend(record, dating, bool(thread.private))
        if isinstance(row, str):
            report.leave_out(record.number, record.line, row)
            continue
        report.mend(record.number, record.line, row.mended)
        if thread is not last:  # comments of one page come together
            address = page_keys.without_tracking(options.addresses.rewrite(thread.address))
            written = replace(thread, address=address, created_at=dating.of_page(thread))
            last, page = thread, Page(page_keys.key_of(address, site.policy), written)
        if not page_keys.can_be_stored(page.key):
            report.leave_out(record.number, record.line, "its page has no address, or one with control characters")
            continue
        yield page, row


def _named_apart(rows: Reader) -> Iterator[tuple[ThreadRecord, CommentRecord] | LeftOut]:
    """Each comment once, under a name of its own.

    Numbers repeat in files that were put together by hand: only the same words of the same author on the same page are
    the same comment.
    """
    seen: set[int] = set()  # hashes: some 80 bytes a comment
    address = ""
    names: dict[str, str] = {}  # of the comments on the page being read, by what the file calls them
    contents: dict[str, int] = {}
    for one in rows:
        if isinstance(one, LeftOut):
            yield one
            continue
        thread, record = one
        if thread.address != address:
            address, names, contents = thread.address, {}, {}
        name, content = record.import_id, hash((record.text, record.author_name, record.created_at))
        if contents.get(name) == content:
            yield LeftOut(record.number, record.line, "the same comment is in the file twice")
            continue
        where = address
        if name in names:
            where += f" {record.text}"
            reason = "another comment of the page has the same id in the file"
            record = replace(record, mended=(*record.mended, reason))
        own = f"{name}@{hashlib.sha256(where.encode()).hexdigest()[:16]}" if hash(name) in seen else name
        names.setdefault(name, own)
        contents.setdefault(name, content)
        seen.add(hash(name))
        parent = record.parent_import_id and names.get(record.parent_import_id, record.parent_import_id)
        if (own, parent) != (name, record.parent_import_id):
            record = replace(record, import_id=own, parent_import_id=parent)
        yield thread, record


def _still_waiting(rows: Sequence[Row], here: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Replies that an earlier run brought in, and was cut off before it could put them below their parents."""
    for _, row in rows:
        record = row.record
        if record.parent_import_id and record.import_id in here and here[record.import_id].parent_id is None:
            yield record.import_id, record.parent_import_id


@retried
def _add(
    site: Site, rows: Sequence[Row], run_id: int | None, now: datetime
) -> tuple[dict[str, str], list[Misplaced], int]:
    """Write comments that are new; gives the replies whose parents have not come yet, and how many it wrote."""
    with write():
        sites.hold_posting(site.id)  # no thread moves meanwhile
        pages = _pages(site, [page for page, _ in rows], now)
        # Looked up again, now that the pages are locked: another import of the same file may have been quicker.
        names = {name for _, one in rows for name in (one.record.import_id, one.record.parent_import_id) if name}
        placed = comment_places.by_import_id(site, names)
        authors = stored_authors.get_or_add_authors(site, [row.writer for _, row in rows], now)
        new = [
            NewComment(
                _comment(site, pages[page.key], row, authors[row.writer.key], run_id),
                row.record.import_id,
                row.record.parent_import_id,
            )
            for page, row in rows
            if row.record.import_id not in placed
        ]
        late, misplaced = import_batches.add(site, new, placed) if new else ({}, [])
    return late, misplaced, len(new)


def _pages(site: Site, pages: Sequence[Page], now: datetime) -> dict[str, Thread]:
    """The threads by key, locked in the order in which posting locks them."""
    by_key = {page.key: page.record for page in reversed(pages)}
    closed = [key for key, page in by_key.items() if page.private or not page.is_open]
    created = {key: page.created_at for key, page in by_key.items() if page.created_at is not None}
    found = threads.get_or_add_all(site, by_key, now, closed, created)
    for key, page in by_key.items():
        if not page.private:
            address = site.lasting_url(page.address)
            url = address if links.is_web_url(address) and len(address) <= URL_MAX else ""
            threads.fix(found[key], one_line(page.title)[:TITLE_MAX], url)
    return found


def _comment(site: Site, thread: Thread, row: MendedRow, author: Author, run_id: int | None) -> Comment:
    record = row.record
    return Comment(
        site_id=site.id,
        thread_id=thread.id,
        kind=CommentKind(record.kind),
        author_id=author.id,
        author_name=row.writer.name,
        author_email=row.writer.email or None,
        author_website=row.website,
        ip=record.ip,
        network=network_of(record.ip, NetworkScope.NEIGHBOURHOOD),
        user_agent=record.user_agent,
        source=row.source,
        html=row.html,
        renderer=row.renderer,
        text_hash=hashlib.sha256(row.source.encode()).digest(),
        status=Status(row.status),
        imported_score=record.score,
        score=record.score,
        created_at=row.created_at,
        edited_at=row.edited_at,
        import_id=record.import_id,
        import_run_id=run_id,
    )
