"""Exports of a site: all its rows as JSON Lines (docs/export-format.md), or its comments for other systems."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from commentsvc.core import sanitizer, tree
from commentsvc.core.status import Status
from commentsvc.gateways.formats import writers
from commentsvc.gateways.formats.export_lines import FORMAT, VERSION
from commentsvc.gateways.formats.writers import WrittenComment, WrittenSite, WrittenThread
from commentsvc.store import canned_responses, export_rows, recounts, sites, thread_aliases, uids
from commentsvc.store.authors import Author
from commentsvc.store.comments import Comment
from commentsvc.store.db import db
from commentsvc.store.decisions import Decision
from commentsvc.store.rules import Rule
from commentsvc.store.sites import Site
from commentsvc.store.transactions import begin_read

# Columns that a line repeats as they are. What is left out is derived from others, or belongs to this installation.
OF_THREAD = (
    *("key", "url", "title", "is_title_fixed", "is_url_fixed", "page_title", "page_url", "is_open", "mode"),
    "created_at",
)
OF_COMMENT = (
    *("kind", "status", "author_name", "author_email", "author_website", "author_role", "author_provider"),
    *("ip", "user_agent", "page_title", "page_url", "source", "html", "renderer", "reasons", "facts", "is_shadowed"),
    *("spam_score", "imported_score", "notify", "created_at", "edited_at", "import_id", "version"),
)
OF_REVISION = ("source", "renderer", "replaced_at")
OF_APPEAL = ("text", "created_at", "answered_at")
OF_DECISION = (
    *("batch", "action", "status_before", "status_after", "by_rule", "note", "reasons", "settings_version"),
    "created_at",
)
OF_REPORT = ("reason", "text", "ip", "created_at", "handled_at")
OF_VOTE = ("value", "changes", "changed_at")
OF_RULE = ("kind", "value", "outcome", "language", "is_on", "created_at")
OF_ACCOUNT = ("name", "email", "website", "language", "created_at", "erased_at")
OF_IDENTITY = ("provider", "subject", "name", "is_confirmed", "created_at")

# Some programs end a line at these too (Unicode's line separators), which JSON allows within one.
LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}

Line = dict[str, Any]


def lines(site_key: str, now: datetime) -> Iterator[Line]:
    """All of a site as objects, the header first, as of one moment; raises NotFound.

    Ends the session's transaction, and holds a reading one until the last line.
    """
    begin_read()
    recounts.allow_long_reading()
    try:
        site = sites.by_key(site_key)
        header = {"format": FORMAT, "version": VERSION, "site": site.key, "exported_at": _json(now)}
        yield {**header, "counts": export_rows.counts(site)}
        yield _site(site)
        for part in (_rules, _authors, _members, _threads, _comments, _decisions, _reports, _votes):
            yield from part(site)
    finally:
        db.session.rollback()


def json_lines(site_key: str, now: datetime) -> Iterator[str]:
    """The export as text, a line at a time."""
    for line in lines(site_key, now):
        yield json.dumps(line, ensure_ascii=False, separators=(",", ":")).translate(LINE_ENDS) + "\n"


def _site(site: Site) -> Line:
    return {
        "type": "site",
        "name": site.name,
        "origins": [one.origin for one in site.origins],
        "settings": {**sites.policy_json(site), "texts": site.texts},
        "canned_responses": [one.text for one in canned_responses.of_site(site)],
        "created_at": _json(site.created_at),
    }


def _rules(site: Site) -> Iterator[Line]:
    for batch in export_rows.of_site(Rule, site):
        for row in batch:
            yield {"type": "rule", "uid": uids.of(site, row), **_columns(row, OF_RULE)}


def _authors(site: Site) -> Iterator[Line]:
    for batch in export_rows.authors(site):
        accounts = _accounts(row.account_id for row in batch)
        for row in batch:
            account = accounts.get(row.account_id)
            key = row.guest_hash.hex() if row.guest_hash is not None else None
            names = {"name": row.name, "email": row.email, "guest_key": key, "first_seen_at": _json(row.first_seen_at)}
            yield {"type": "author", "uid": uids.of(site, row), **names, "account": account}
    for batch in export_rows.accounts_without_author(site):
        accounts = _accounts(row.id for row in batch)
        for row in batch:
            names = {"name": row.name, "email": row.email, "guest_key": None, "first_seen_at": _json(row.created_at)}
            yield {"type": "author", "uid": uids.of_account(site, row.id), **names, "account": accounts[row.id]}


def _accounts(ids: Iterable[int | None]) -> dict[int | None, Line]:
    asked = [account_id for account_id in ids if account_id is not None]
    found = export_rows.accounts(asked) if asked else {}
    identities = export_rows.identities(asked) if asked else {}
    return {
        number: {
            **_columns(row, OF_ACCOUNT),
            "identities": [_columns(one, OF_IDENTITY) for one in identities.get(number, [])],
        }
        for number, row in found.items()
    }


def _members(site: Site) -> Iterator[Line]:
    rows = export_rows.members(site)
    people = uids.of_accounts(site, [row.account_id for row in rows])
    for row in sorted(rows, key=lambda row: people[row.account_id]):
        yield {"type": "member", "author": people[row.account_id], "role": row.role}


def _threads(site: Site) -> Iterator[Line]:
    for batch in export_rows.threads(site):
        pinned = _names(site, Comment, [row.pinned_id for row in batch])
        former = thread_aliases.of_threads([row.id for row in batch])
        for row in batch:
            more = {"former_keys": former.get(row.id, []), "pinned": pinned.get(row.pinned_id)}
            yield {"type": "thread", **_columns(row, OF_THREAD), **more}


def _comments(site: Site) -> Iterator[Line]:
    for batch in export_rows.comments(site):
        ids = [row.id for row in batch]
        keys = export_rows.thread_keys(list({row.thread_id for row in batch}))
        authors = _names(site, Author, [row.author_id for row in batch])
        parents = _names(site, Comment, [row.parent_id for row in batch])
        revisions, appeals = export_rows.revisions(ids), export_rows.appeals(ids)
        of_appeals = [one for found in appeals.values() for one in found]
        people = uids.of_accounts(
            site, [number for one in of_appeals for number in (one.against_account_id, one.answered_by_id)]
        )
        answers = _names(site, Decision, [one.decision_id for one in of_appeals])
        for row in batch:
            line = {
                "type": "comment",
                "uid": uids.of(site, row),
                "thread": keys[row.thread_id],
                "parent": parents.get(row.parent_id),
                "author": authors[row.author_id],
                **_columns(row, OF_COMMENT),
                "revisions": [_columns(one, OF_REVISION) for one in revisions.get(row.id, [])],
                "appeal": None,
            }
            for one in appeals.get(row.id, []):  # at most one
                line["appeal"] = {
                    **_columns(one, OF_APPEAL),
                    "against": people.get(one.against_account_id),
                    "answered_by": people.get(one.answered_by_id),
                    "decision": answers.get(one.decision_id),
                }
            yield line


def _decisions(site: Site) -> Iterator[Line]:
    for batch in export_rows.decisions(site):
        comments = _names(site, Comment, [row.comment_id for row in batch])
        undone = _names(site, Decision, [row.undoes_id for row in batch])
        people = uids.of_accounts(site, [row.by_account_id for row in batch])
        for row in batch:
            yield {
                "type": "decision",
                "uid": uids.of(site, row),
                "comment": comments[row.comment_id],
                "by": people.get(row.by_account_id),
                **_columns(row, OF_DECISION),
                "message": row.told,
                "undoes": undone.get(row.undoes_id),
            }


def _reports(site: Site) -> Iterator[Line]:
    for batch in export_rows.comment_names(site):
        found = export_rows.reports([row.id for row in batch])
        all_rows = [row for rows in found.values() for row in rows]
        people = uids.of_accounts(site, [row.account_id for row in all_rows])
        decisions = _names(site, Decision, [row.decision_id for row in all_rows])
        for comment in batch:
            for row in found.get(comment.id, []):
                yield {
                    "type": "report",
                    "uid": uids.of(site, row),
                    "comment": uids.of(site, comment),
                    "by": people.get(row.account_id),
                    "guest_key": row.guest_hash.hex() if row.guest_hash is not None else None,
                    **_columns(row, OF_REPORT),
                    "decision": decisions.get(row.decision_id),
                }


def _votes(site: Site) -> Iterator[Line]:
    for batch in export_rows.comment_names(site):
        found = export_rows.votes([row.id for row in batch])
        people = uids.of_accounts(site, [row.account_id for rows in found.values() for row in rows])
        for comment in batch:
            name = uids.of(site, comment)
            for row in sorted(found.get(comment.id, []), key=lambda row: people[row.account_id]):
                yield {"type": "vote", "comment": name, "by": people[row.account_id], **_columns(row, OF_VOTE)}


def _names(
    site: Site, model: type[Comment] | type[Decision] | type[Author], ids: Sequence[int | None]
) -> dict[Any, str]:
    """The uids of rows that others refer to, by row id."""
    asked = sorted({number for number in ids if number is not None})
    return {row.id: uids.of(site, row) for row in export_rows.uids_of(model, asked)} if asked else {}


def _columns(row: Row[Any], names: Sequence[str]) -> Line:
    return {name: _json(getattr(row, name)) for name in names}


def _json(value: Any) -> Any:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


class _WrittenThreads:
    """The threads of a site with their comments; read from the database each time it is iterated."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __iter__(self) -> Iterator[WrittenThread]:
        unordered = export_rows.threads_with_early_replies(self._site)
        for batch in export_rows.threads(self._site):
            for row in batch:
                yield WrittenThread(
                    row.id,
                    row.key,
                    row.url,
                    row.title,
                    row.is_open,
                    row.created_at,
                    tree.parents_first(export_rows.parents_in(row.id)) if row.id in unordered else {},
                    _WrittenComments(self._site, row.id),
                )


class _WrittenComments:
    """The comments of a thread."""

    def __init__(self, site: Site, thread_id: int) -> None:
        self._site, self._thread_id = site, thread_id

    def __iter__(self) -> Iterator[WrittenComment]:
        for batch in export_rows.comments_of_thread(self._thread_id):
            for row in batch:
                yield WrittenComment(
                    id=row.id,
                    parent_id=row.parent_id,
                    kind=row.kind,
                    author_name=row.author_name,
                    author_email=row.author_email or "",
                    author_website=row.author_website or "",
                    ip=row.ip,
                    user_agent=row.user_agent,
                    created_at=row.created_at,
                    status=Status(row.status),
                    html=row.html,
                    source=row.source,
                    is_markdown=sanitizer.current_name(row.renderer) == sanitizer.RENDERER,
                )


def _for_others(write_all: Callable[[WrittenSite], Iterator[str]]) -> Callable[[str, datetime], Iterator[str]]:
    """A writer of another system's format, as of one moment; raises NotFound."""

    def lines(site_key: str, now: datetime) -> Iterator[str]:
        begin_read()
        recounts.allow_long_reading()
        try:
            site = sites.by_key(site_key)
            origin = site.main_origin
            yield from write_all(WrittenSite(site.key, site.name, origin, now, _WrittenThreads(site)))
        finally:
            db.session.rollback()

    return lines


Lines = Iterator[str]
WRITERS: dict[str, Callable[[str, datetime], Lines]] = {
    "json": json_lines,
    "wordpress": _for_others(writers.wordpress),
    "disqus": _for_others(writers.disqus),
    "isso": _for_others(writers.isso),
}
