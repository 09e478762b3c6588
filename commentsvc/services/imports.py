"""Brings comments in from another system's export: reads it whole before the first write, and doubles nothing."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from commentsvc.core import emails, links, sanitizer
from commentsvc.core.errors import Invalid
from commentsvc.core.policy import NAME_MAX, TITLE_MAX, URL_MAX, WEBSITE_MAX
from commentsvc.core.status import Status
from commentsvc.gateways import wordpress_export
from commentsvc.gateways.wordpress_records import ExportedComment, ExportedThread
from commentsvc.services import transitions
from commentsvc.store import authors as stored_authors
from commentsvc.store import comment_visibility, comments, threads
from commentsvc.store.authors import Author, Writer
from commentsvc.store.comments import Comment, CommentKind
from commentsvc.store.db import db
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import retried, write

# Short enough that others can write in between on SQLite, long enough that commits do not count.
BATCH = 100
EVERY = 1000  # comments between two words of progress

Progress = Callable[[str], None]
Row = tuple[ExportedThread, ExportedComment]


@dataclass
class ImportReport:
    """The contents of the file, and what was imported."""

    is_dry_run: bool = False
    read: int = 0
    added: int = 0
    known: int = 0
    threads: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    private: Counter[str] = field(default_factory=Counter)  # comments of posts that are not public, by the reason
    includes_private: bool = False

    @property
    def left_out(self) -> int:
        """The number of comments left out because their posts are not public."""
        return 0 if self.includes_private else self.private.total()

    def lines(self) -> Iterator[str]:
        kinds = ", ".join(f"{count} {kind}s" for kind, count in sorted(self.kinds.items()))
        statuses = ", ".join(f"{count} {status}" for status, count in sorted(self.statuses.items()))
        yield (
            f"Read {self.read} comments on {self.threads} pages ({kinds}; {statuses})."
            if self.read
            else "Read 0 comments."
        )
        for kind, count in sorted(self.skipped.items()):
            yield f"Left out {count} of the type “{kind}”, which is no comment."
        for reason, count in sorted(self.private.items()):
            if self.includes_private:
                yield f"{count} of posts {reason}: they wait for a moderator, and their pages take no comments."
            else:
                yield f"Left out {count} of posts {reason}; --include-private brings them in, to wait for a moderator."
        if self.is_dry_run:
            yield f"Nothing was changed; {self.added} would be added, {self.known} are here already."
        else:
            yield f"Added {self.added}; {self.known} were here already."


def wordpress(
    file: Path, site: Site, is_dry_run: bool, progress: Progress, now: datetime, include_private: bool = False
) -> ImportReport:
    """Import a WordPress export (WXR).

    Comments of posts that are not public are left out, or (`include_private`) brought in as pending on closed threads.

    The file is read to its end first, so a broken one changes nothing: raises BadFile with the line and the reason.
    Then the comments are written in batches; each is known by its blog and number, so a second run adds only what
    is new, and a run that was cut off is completed by the next.
    """
    report, private = _survey(file, progress)
    report.is_dry_run, report.includes_private = is_dry_run, include_private
    waiting: dict[str, str] = {}
    done = 0
    for batch in _batches(file, private, include_private):
        here = comments.imported(site, (comment.import_id for _, comment in batch))
        new = [row for row in batch if row[1].import_id not in here]
        waiting.update(_still_waiting(batch, here))
        added = len(new)
        if new and not is_dry_run:
            added = _keep(site, new, waiting, now)
        db.session.rollback()
        report.added += added
        done += len(batch)
        progress(f"{done} of {report.read - report.left_out} comments")
    report.known = report.read - report.left_out - report.added
    if not is_dry_run:
        _hang_late_parents(site, waiting)
    return report


@retried
def _keep(site: Site, rows: Sequence[Row], waiting: dict[str, str], now: datetime) -> int:
    with write():
        return _add(site, rows, waiting, now)


def _survey(file: Path, progress: Progress) -> tuple[ImportReport, dict[int, str]]:
    """The contents of the file, and its posts that are not public (number and reason)."""
    reader = wordpress_export.Reader(file)
    report = ImportReport()
    pages = set()
    of_post: Counter[int] = Counter()
    for thread, comment in reader:
        pages.add(hashlib.sha256(thread.key.encode()).digest())
        of_post[thread.number] += 1
        report.read += 1
        report.kinds[comment.kind] += 1
        report.statuses[comment.status] += 1
        if report.read % EVERY == 0:
            progress(f"reading: {report.read} comments")
    report.threads = len(pages)
    report.skipped.update(reader.summary.skipped_types)
    private = reader.summary.private
    for number in of_post.keys() & private.keys():
        report.private[private[number]] += of_post[number]
    return report, private


def _batches(file: Path, private: dict[int, str], include_private: bool) -> Iterator[list[Row]]:
    # Named first: whether private posts are left out must not change what the others are called.
    rows = _taken(_named_apart(wordpress_export.Reader(file, private)), include_private)
    while batch := list(islice(rows, BATCH)):
        yield batch


def _taken(rows: Iterable[Row], include_private: bool) -> Iterator[Row]:
    """Rows of public posts, and those of others as pending if they are wanted."""
    for thread, comment in rows:
        if not thread.is_private:
            yield thread, comment
        elif include_private:
            is_approved = comment.status == Status.APPROVED
            yield thread, replace(comment, status=Status.PENDING) if is_approved else comment


def _named_apart(rows: Iterable[Row]) -> Iterator[Row]:
    """Each row once, under a name of its own.

    Numbers repeat in files that were put together by hand: on another page it is another comment, on its own the same.
    """
    seen: set[int] = set()  # hashes: some 80 bytes a comment
    key = ""
    names: dict[str, str] = {}  # of the comments on the page being read, by what the file calls them
    for thread, comment in rows:
        if thread.key != key:
            key, names = thread.key, {}
        name = comment.import_id
        if name in names:
            continue
        names[name] = f"{name}@{hashlib.sha256(key.encode()).hexdigest()[:16]}" if hash(name) in seen else name
        seen.add(hash(name))
        parent = comment.parent_import_id and names.get(comment.parent_import_id, comment.parent_import_id)
        if (names[name], parent) != (name, comment.parent_import_id):
            comment = replace(comment, import_id=names[name], parent_import_id=parent)
        yield thread, comment


def _still_waiting(rows: Sequence[Row], here: dict[str, Comment]) -> Iterator[tuple[str, str]]:
    """Replies that an earlier run brought in, and was cut off before it could put them below their parents."""
    for _, row in rows:
        if row.parent_import_id and row.import_id in here and here[row.import_id].parent_id is None:
            yield row.import_id, row.parent_import_id


def _add(site: Site, rows: Sequence[Row], waiting: dict[str, str], now: datetime) -> int:
    """Write comments that are new; notes in `waiting` those whose parent has not come yet. Gives how many it wrote."""
    pages = _pages(site, rows, now)
    # Looked up again, now that the pages are locked: another import of the same file may have been quicker.
    placed = comments.imported(site, {name for _, c in rows for name in (c.import_id, c.parent_import_id) if name})
    authors = _authors(site, rows, now)
    added: list[Comment] = []
    for exported, row in rows:
        if row.import_id in placed:
            continue
        thread = pages[exported.key]
        parent = placed.get(row.parent_import_id or "")
        if row.parent_import_id and parent is None:
            waiting[row.import_id] = row.parent_import_id
        if parent is not None and not _may_answer(CommentKind(row.kind), thread.id, parent):
            parent = None
        comment = _comment(site, thread, parent, row, authors[_writer(row).key], now)
        db.session.add(comment)
        db.session.flush()
        placed[row.import_id] = comment
        added.append(comment)
    transitions.update_counters([(comment, None) for comment in added])
    return len(added)


def _pages(site: Site, rows: Sequence[Row], now: datetime) -> dict[str, Thread]:
    """The rows' threads, locked in the order in which posting locks them."""
    exported = {thread.key: thread for thread, _ in reversed(rows)}
    closed = [key for key, page in exported.items() if page.is_private or not page.is_open]
    found = threads.get_or_add_all(site, exported, now, closed)
    for key, page in exported.items():
        if not page.is_private:
            url = page.url if links.is_web_url(page.url) and len(page.url) <= URL_MAX else ""
            threads.fix(found[key], _cut(page.title, TITLE_MAX), url)
    return found


def _writer(row: ExportedComment) -> Writer:
    return Writer(None, _cut(row.author_name, NAME_MAX) or "Anonymous", _email(row.author_email), row.ip[:45])


def _authors(site: Site, rows: Sequence[Row], now: datetime) -> dict[int | bytes, Author]:
    """The authors of the rows; new ones are inserted in a fixed order, as in posting."""
    return stored_authors.get_or_add_authors(site, [_writer(row) for _, row in rows], now)


def _may_answer(kind: str, thread_id: int, parent: Comment) -> bool:
    """Only comments are shown: a pingback has neither parent nor replies."""
    return parent.thread_id == thread_id and kind == parent.kind == CommentKind.COMMENT


def _comment(
    site: Site, thread: Thread, parent: Comment | None, row: ExportedComment, author: Author, now: datetime
) -> Comment:
    """A row as a comment: text that another system accepted is shortened or cleaned, not refused."""
    writer = _writer(row)
    return Comment(
        site_id=site.id,
        thread_id=thread.id,
        parent_id=parent.id if parent else None,
        root_id=(parent.root_id or parent.id) if parent else None,
        depth=parent.depth + 1 if parent else 0,
        kind=CommentKind(row.kind),
        author_id=author.id,
        author_name=writer.name,
        author_email=writer.email or None,
        author_website=_website(row.author_website),
        ip=writer.ip,
        source=row.html,
        html=sanitizer.html_to_html(row.html),
        renderer=sanitizer.HTML_RENDERER,
        text_hash=hashlib.sha256(row.html.encode()).digest(),
        status=Status(row.status),
        created_at=row.created_at,
        import_id=row.import_id,
    )


def _hang_late_parents(site: Site, waiting: dict[str, str]) -> None:
    """Put replies that came before their parents below them; a parent that never came leaves a top-level comment."""
    pairs = _parents_first(waiting)
    while batch := list(islice(pairs, BATCH)):
        _hang_all(site, batch)


@retried
def _hang_all(site: Site, pairs: Sequence[tuple[str, str]]) -> None:
    names = {name for pair in pairs for name in pair}
    with write():
        threads.lock(comment.thread_id for comment in comments.imported(site, names).values())
        db.session.expire_all()  # rows read before the lock may have changed
        found = comments.imported(site, names)
        hung = [_hang(found[name], found[parent]) for name, parent in pairs if name in found and parent in found]
        threads.touch_all({thread_id: 0 for thread_id in hung if thread_id})


def _parents_first(waiting: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Each reply with its parent, a parent that waits itself before its replies: so nothing moves twice."""
    taken: set[str] = set()
    for name in waiting:
        upwards = []
        while name in waiting and name not in taken:
            taken.add(name)
            upwards.append(name)
            name = waiting[name]
        yield from ((reply, waiting[reply]) for reply in reversed(upwards))


def _hang(comment: Comment, parent: Comment) -> int | None:
    """Put a top-level comment below its parent; gives the thread that changed. A broken export can make a ring."""
    is_ring = comment.id in (parent.id, parent.root_id)
    if comment.parent_id is not None or is_ring or not _may_answer(comment.kind, comment.thread_id, parent):
        return None
    comment.parent_id = parent.id
    _place(comment, parent)
    db.session.flush()
    comment_visibility.update([parent])
    return comment.thread_id


def _place(comment: Comment, parent: Comment) -> None:
    """Give a comment and all below it the depth and root of their new place."""
    open_pairs = [(comment, parent)]
    while open_pairs:
        child, above = open_pairs.pop()
        child.depth = above.depth + 1
        child.root_id = above.root_id or above.id
        open_pairs.extend((reply, child) for reply in comments.below(child))


def _cut(value: str, max_length: int) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())[:max_length]


def _email(value: str) -> str:
    try:
        return emails.address(value, "email", required=False)
    except Invalid:
        return ""


def _website(value: str) -> str | None:
    try:
        return links.website(value, WEBSITE_MAX)
    except Invalid:
        return None
