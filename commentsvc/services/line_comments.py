"""Imports the comments of an export, with their earlier texts and appeals."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from commentsvc.core import sanitizer
from commentsvc.core.errors import Invalid
from commentsvc.core.networks import NetworkScope, network_of
from commentsvc.core.policy import EMAIL_MAX, NAME_MAX, TITLE_MAX, URL_MAX, WEBSITE_MAX
from commentsvc.core.status import Status
from commentsvc.services import import_batches
from commentsvc.services.import_batches import Misplaced, NewComment
from commentsvc.services.import_rows import ANONYMOUS, IP_MAX, USER_AGENT_MAX
from commentsvc.services.line_fields import Fields
from commentsvc.store import appeals, authors, comments, revisions, uids
from commentsvc.store.authors import Author, Writer
from commentsvc.store.comment_places import TreePlace
from commentsvc.store.comments import Comment, CommentKind
from commentsvc.store.db import UID_MAX, db
from commentsvc.store.sites import Site
from commentsvc.store.threads import Thread

KEY_MAX = 2048
TEXT_MAX = 1_000_000  # characters; imported comments may be longer than those that are posted here
IMPORT_ID_MAX = 600


@dataclass(frozen=True)
class CommentLine:
    """A checked line; `values` are columns of the comment."""

    uid: str
    thread: str
    parent: str | None
    author: str | None
    status: Status
    values: dict[str, Any]
    revisions: list[dict[str, Any]]
    appeal: dict[str, Any] | None
    mended: tuple[str, ...]


@dataclass
class AddedComments:
    """What is left to do or to say about comments that were added, by uid."""

    late: dict[str, str]
    misplaced: list[Misplaced]
    answers: dict[str, str] = field(default_factory=dict)  # comments, and the decisions that answered their appeals
    without_author: list[str] = field(default_factory=list)


def read(line: dict[str, Any], now: datetime) -> CommentLine | str:
    """A line of the type comment, or the reason why it can't be imported."""
    fields = Fields(line)
    mended: list[str] = []
    try:
        status = line.get("status")
        if status not in tuple(Status):
            mended.append(f"its status {str(status)[:40]!r} is unknown; it is pending")
            status = Status.PENDING
        source = fields.text("source", TEXT_MAX, required=False)
        html, renderer = _html(fields, source)
        return CommentLine(
            uid=fields.text("uid", UID_MAX),
            thread=fields.text("thread", KEY_MAX),
            parent=fields.optional_text("parent", UID_MAX),
            author=fields.optional_text("author", UID_MAX),
            status=Status(status),
            values={**_values(line), "source": source, "html": html, "renderer": renderer},
            revisions=[_revision(one) for one in fields.list("revisions") if isinstance(one, dict)],
            appeal=_appeal(fields.mapping("appeal")),
            mended=tuple(mended),
        )
    except (Invalid, ValueError) as error:
        return str(error)


def _html(fields: Fields, source: str) -> tuple[str, str]:
    """The HTML of a comment and its renderer; rendered now where the line has none. A file is never trusted."""
    html = fields.optional_text("html", 4 * TEXT_MAX)
    if html is None:
        return sanitizer.to_html(source), sanitizer.RENDERER
    return sanitizer.clean(html), fields.text("renderer", 16)


def _values(line: dict[str, Any]) -> dict[str, Any]:
    fields = Fields(line)
    ip = fields.text("ip", IP_MAX, required=False)
    return {
        "kind": CommentKind(fields.text("kind", 16, required=False) or CommentKind.COMMENT),
        "author_name": fields.text("author_name", NAME_MAX, required=False) if "author_name" in line else ANONYMOUS,
        "author_email": fields.optional_text("author_email", EMAIL_MAX),
        "author_website": fields.optional_text("author_website", WEBSITE_MAX),
        "author_role": fields.optional_text("author_role", 16),
        "author_provider": fields.optional_text("author_provider", 64),
        "ip": ip,
        "network": network_of(ip, NetworkScope.NEIGHBOURHOOD),
        "user_agent": fields.text("user_agent", USER_AGENT_MAX, required=False),
        "page_title": fields.optional_text("page_title", TITLE_MAX),
        "page_url": fields.optional_text("page_url", URL_MAX),
        "reasons": fields.list("reasons"),
        "facts": fields.mapping("facts"),
        "is_shadowed": fields.flag("is_shadowed"),
        "spam_score": fields.optional_number("spam_score"),
        "imported_score": fields.number("imported_score"),
        "score": fields.number("imported_score"),  # votes come later in the file
        "notify": fields.flag("notify"),
        "created_at": fields.time("created_at"),
        "edited_at": fields.optional_time("edited_at"),
        "import_id": fields.optional_text("import_id", IMPORT_ID_MAX),
        "version": max(1, fields.number("version", 1)),
    }


def _revision(line: dict[str, Any]) -> dict[str, Any]:
    fields = Fields(line)
    return {
        "source": fields.text("source", TEXT_MAX, required=False),
        "renderer": fields.text("renderer", 16),
        "replaced_at": fields.time("replaced_at"),
    }


def _appeal(line: dict[str, Any]) -> dict[str, Any] | None:
    if not line:
        return None
    fields = Fields(line)
    return {
        "text": fields.text("text", TEXT_MAX),
        "created_at": fields.time("created_at"),
        "answered_at": fields.optional_time("answered_at"),
        "against": fields.optional_text("against", UID_MAX),
        "answered_by": fields.optional_text("answered_by", UID_MAX),
        "decision": fields.optional_text("decision", UID_MAX),
    }


def add(
    site: Site,
    lines: Sequence[CommentLine],
    pages: Mapping[str, Thread],
    placed: Mapping[str, TreePlace],
    run_id: int | None,
) -> AddedComments:
    """Add comments that are new, in their order; `pages` are locked threads by what the lines call them.

    `run_id` is the number of the import.
    """
    author_ids = uids.numbers(Author, site, [line.author for line in lines])
    taken = _taken_import_ids(site, lines)
    new, without_author = [], []
    for line in lines:
        author_id = author_ids.get(line.author or "")
        if author_id is None:
            without_author.append(line.uid)
            writer = Writer(None, line.values["author_name"], "", line.values["ip"])
            found = authors.get_or_add_authors(site, [writer], line.values["created_at"])
            author_id = found[writer.key].id
        comment = _comment(site, pages[line.thread], author_id, line, taken)
        comment.import_run_id = run_id
        new.append(NewComment(comment, line.uid, line.parent))
    late, misplaced = import_batches.add(site, new, placed) if new else ({}, [])
    added = AddedComments(late, misplaced, without_author=without_author)
    _add_details(site, list(zip(lines, (one.comment for one in new), strict=True)), added)
    return added


def _taken_import_ids(site: Site, lines: Sequence[CommentLine]) -> set[str]:
    """Import ids that other comments of this site have: the file they are from was imported here too."""
    asked = [line.values["import_id"] for line in lines if line.values["import_id"]]
    return set(comments.imported(site, asked))


def _comment(site: Site, thread: Thread, author_id: int, line: CommentLine, taken: set[str]) -> Comment:
    values = dict(line.values)
    if values["import_id"] in taken:
        values["import_id"] = None
    if values["import_id"]:
        taken.add(values["import_id"])
    return Comment(
        site_id=site.id,
        thread_id=thread.id,
        author_id=author_id,
        uid=line.uid,
        status=line.status,
        text_hash=hashlib.sha256(values["source"].encode()).digest(),
        **values,
    )


def _add_details(site: Site, pairs: Sequence[tuple[CommentLine, Comment]], added: AddedComments) -> None:
    revisions.add_all([{"comment_id": comment.id, **one} for line, comment in pairs for one in line.revisions])
    with_appeal = [(line.appeal, line.uid, comment) for line, comment in pairs if line.appeal is not None]
    people = uids.account_ids(site, [uid for one, _, _ in with_appeal for uid in (one["against"], one["answered_by"])])
    for one, uid, comment in with_appeal:
        appeals.add_imported(
            comment,
            one["text"],
            one["created_at"],
            one["answered_at"],
            people.get(one["against"]),
            people.get(one["answered_by"]),
        )
        if one["decision"]:
            added.answers[uid] = one["decision"]
    db.session.flush()
