"""Imports an export of a site: its comments with their authors, decisions, reports and votes, rules and members.

Every row keeps its uid, so that importing a file twice adds nothing, and an export of the new site is the same again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from commentsvc.core import page_keys
from commentsvc.core.errors import CommentError, Invalid
from commentsvc.core.policy import TITLE_MAX, URL_MAX, Mode
from commentsvc.core.rule_kinds import check_rule
from commentsvc.gateways.formats import export_lines
from commentsvc.services import (
    import_batches,
    import_people,
    line_comments,
    line_decisions,
    members,
    rules,
    site_settings,
)
from commentsvc.services.imports import BATCH, EVERY, ImportReport, Progress
from commentsvc.services.line_fields import Fields
from commentsvc.store import audit_log, comment_places, memberships, sites, thread_aliases, threads, uids
from commentsvc.store.audit_log import Actor
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.db import UID_MAX, db
from commentsvc.store.memberships import Role
from commentsvc.store.rules import Rule
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread
from commentsvc.store.transactions import retried, write

KEY_MAX = 2048
Numbered = tuple[int, dict[str, Any]]


def run(
    path: Path,
    site: Site,
    is_dry_run: bool,
    progress: Progress,
    by: Actor,
    now: datetime,
    run_id: int | None = None,
) -> ImportReport:
    """Import an export; into a site without comments also its name, origins and settings.

    `run_id` is the number of the import, which its comments keep.
    The file is read to its end first, so a broken one changes nothing: raises BadFile with the line and the reason.
    """
    report = ImportReport("json", is_dry_run)
    total = 0
    for _, line in export_lines.read(path):
        total += line["type"] == "comment"
        if line["type"] == "comment" and total % EVERY == 0:
            progress("comments read", total, 0)
    work = _Import(site, report, by, now, run_id)
    for kind, lines in groupby(export_lines.read(path), lambda one: one[1]["type"]):
        while batch := list(islice(lines, BATCH)):
            work.take(kind, batch)
            db.session.rollback()
            if kind == "comment":
                progress("comments imported", report.read, total)
    if not is_dry_run:
        work.end()
    return report


class _Import:
    """One run: what its lines refer to before it is there."""

    def __init__(self, site: Site, report: ImportReport, by: Actor, now: datetime, run_id: int | None) -> None:
        self.site, self.report, self.by, self.now, self.run_id = site, report, by, now, run_id
        self.is_empty = not threads.is_any(site)
        self.pages: set[bytes] = set()  # hashes of thread keys
        self.late: dict[str, str] = {}  # replies by uid, and the uids of parents that come later
        self.lines: dict[str, int] = {}  # of these replies
        self.pins: dict[str, str] = {}  # thread keys, and the uids of pinned comments
        self.answers: dict[str, str] = {}  # comments with an appeal, and the decisions that answered it, by uid
        self._take: dict[str, Callable[[Sequence[Numbered]], None]] = {
            "site": self._site,
            "rule": partial(self._each, self._rule),
            "author": partial(self._each, self._author),
            "member": partial(self._each, self._member),
            "thread": partial(self._each, self._thread),
            "comment": self._comments,
            "decision": partial(self._all, line_decisions.add_decisions),
            "report": partial(self._all, line_decisions.add_reports),
            "vote": partial(self._all, line_decisions.add_votes),
        }

    def take(self, kind: str, batch: Sequence[Numbered]) -> None:
        """Import lines of one type, in one transaction; a dry run only counts comments."""
        if kind == "comment":
            self.report.read += len(batch)
        if not self.report.is_dry_run or kind == "comment":
            self._take[kind](batch)

    def end(self) -> None:
        """Set what referred to later lines, and write the import into the audit log."""
        for one in import_batches.place_late(self.site, self.late, comment_places.by_uid):
            if one.name in self.lines:
                self.report.mend(self.lines[one.name], self.lines[one.name], [one.reason])
        self._end()

    @retried
    def _end(self) -> None:
        counts = {name: getattr(self.report, name) for name in ("read", "added", "known", "left_out", "mended")}
        with write():
            line_decisions.answer_appeals(self.site, self.answers)
            pinned = uids.numbers(Comment, self.site, self.pins.values())
            for key, uid in self.pins.items():
                thread = threads.find(self.site, key)
                if thread is not None and thread.pinned_id is None and uid in pinned:
                    threads.pin_again(thread.id, pinned[uid])
                    threads.touch(thread.id, 0)
            audit_log.add("import", self.now, site=self.site, by=self.by, subject="json", after=counts)

    def _leave_out(self, number: int, reason: str) -> None:
        """Report a line that is no comment."""
        self.report.read += 1
        self.report.leave_out(number, number, reason)

    def _each(self, add: Callable[[dict[str, Any]], None], batch: Sequence[Numbered]) -> None:
        """Add lines one by one; a wrong one is left out and reported."""

        def add_all(_site: Site, batch: Sequence[Numbered]) -> list[tuple[int, str]]:
            problems = []
            for number, line in batch:
                try:
                    add(line)
                except CommentError as error:
                    problems.append((number, f"{line['type']}: {error}"))
            return problems

        self._all(add_all, batch)

    @retried
    def _all(
        self, add_all: Callable[[Site, Sequence[Numbered]], list[tuple[int, str]]], batch: Sequence[Numbered]
    ) -> None:
        with write():
            sites.lock(self.site)
            problems = add_all(self.site, batch)
        for number, reason in problems:
            self._leave_out(number, reason)

    @retried
    def _site(self, batch: Sequence[Numbered]) -> None:
        if not self.is_empty:
            self.report.notes.append("The site has comments already, so its name, origins and settings were kept.")
            return
        number, fields = batch[0][0], Fields(batch[0][1])
        try:
            with write():
                site_settings.replace_all(
                    self.site,
                    {"name": fields.text("name", sites.NAME_MAX), "origins": fields.list("origins")},
                    fields.mapping("settings"),
                    [one for one in fields.list("canned_responses") if isinstance(one, str)],
                    self.by,
                    self.now,
                )
                self.site.created_at = fields.time("created_at")
        except CommentError as error:
            self._leave_out(number, f"site: {error}")
            return
        self.report.notes.append("Name, origins and settings of the site were taken from the file.")

    def _rule(self, line: dict[str, Any]) -> None:
        fields = Fields(line)
        uid = fields.text("uid", UID_MAX)
        if uids.numbers(Rule, self.site, [uid]):
            return
        value, language = fields.text("value", 10**6), fields.text("language", 8, required=False)
        kind, outcome = fields.text("kind", 32), fields.text("outcome", 16)
        check_rule(kind, value, outcome, language)
        rule = Rule(
            site_id=self.site.id,
            kind=kind,
            value=value,
            outcome=outcome,
            language=language,
            is_on=fields.flag("is_on", True),
            created_at=fields.time("created_at"),
            uid=uid,
        )
        rules.add_imported(self.site, rule, self.by, self.now)

    def _author(self, line: dict[str, Any]) -> None:
        import_people.add_author(self.site, import_people.read_author(line))

    def _member(self, line: dict[str, Any]) -> None:
        fields = Fields(line)
        uid = fields.text("author", UID_MAX)
        role = fields.text("role", 16)
        if role not in tuple(Role):
            raise Invalid("role", f"role is none of {', '.join(Role)}")
        number = uids.numbers(Author, self.site, [uid]).get(uid)
        author = db.session.get(Author, number) if number else None
        if author is None or author.account is None:
            raise Invalid("author", "author names no account of the file")
        if memberships.find_membership(author.account, self.site) is None:
            members.give_role(author.account, self.site, Role(role), self.by, self.now)

    def _thread(self, line: dict[str, Any]) -> None:
        fields = Fields(line)
        key = self._key(fields.text("key", KEY_MAX))
        if pinned := fields.optional_text("pinned", UID_MAX):
            self.pins[key] = pinned
        if threads.find(self.site, key) is not None:
            return
        mode = fields.optional_text("mode", 8)
        thread = Thread(
            site_id=self.site.id,
            key=key,
            key_hash=threads.hash_of(key),
            url=fields.text("url", URL_MAX, required=False),
            title=fields.text("title", TITLE_MAX, required=False),
            is_title_fixed=fields.flag("is_title_fixed"),
            is_url_fixed=fields.flag("is_url_fixed"),
            page_title=fields.optional_text("page_title", TITLE_MAX),
            page_url=fields.optional_text("page_url", URL_MAX),
            is_open=fields.flag("is_open", True),
            mode=mode if mode in tuple(Mode) else None,
            count=0,
            version=0,
            created_at=fields.time("created_at"),
        )
        threads.add(thread)
        former = [one for one in fields.list("former_keys") if isinstance(one, str) and 0 < len(one) <= KEY_MAX]
        free = {threads.hash_of(one): one for one in former if threads.find(self.site, one) is None}
        thread_aliases.add(self.site.id, free, thread.id)

    def _key(self, value: str) -> str:
        return page_keys.key_of(value, self.site.policy)

    def _comments(self, batch: Sequence[Numbered]) -> None:
        read = []
        for number, line in batch:
            found = line_comments.read(line, self.now)
            if isinstance(found, str):
                self.report.leave_out(number, number, found)
            else:
                self.report.mend(number, number, found.mended)
                read.append((number, found))
        self.pages.update(threads.hash_of(self._key(one.thread)) for _, one in read)
        self.report.threads = len(self.pages)
        self.report.by_status.update(str(one.status) for _, one in read)
        added = self._add_comments(read)
        self.report.added += added
        self.report.known += len(read) - added

    @retried
    def _add_comments(self, read: Sequence[tuple[int, line_comments.CommentLine]]) -> int:
        by_uid = {one.uid: (number, one) for number, one in read}
        if self.report.is_dry_run:
            return len(by_uid.keys() - uids.numbers(Comment, self.site, by_uid).keys())
        with write():
            found = threads.get_or_add_all(self.site, {self._key(one.thread) for _, one in read}, self.now)
            pages = {one.thread: found[self._key(one.thread)] for _, one in read}
            placed = comment_places.by_uid(self.site, {name for _, o in read for name in (o.uid, o.parent) if name})
            new = {uid: pair for uid, pair in by_uid.items() if uid not in placed}
            added = line_comments.add(self.site, [one for _, one in new.values()], pages, placed, self.run_id)
        self.late.update(added.late)
        self.lines.update({name: new[name][0] for name in added.late})
        self.answers.update(added.answers)
        for one in added.misplaced:
            self.report.mend(new[one.name][0], new[one.name][0], [one.reason])
        for uid in added.without_author:
            self.report.mend(new[uid][0], new[uid][0], ["its author is not in the file; called Anonymous"])
        return len(new)
