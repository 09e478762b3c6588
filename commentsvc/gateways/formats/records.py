"""What every reader of an export file yields: comments with their pages, and records that it had to leave out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from commentsvc.core.status import Status


class Syntax(StrEnum):
    """How the text of a comment is written in the file."""

    HTML = "html"
    MARKDOWN = "markdown"
    PLAIN = "plain"


@dataclass(frozen=True)
class ThreadRecord:
    """A page. `address` is its URL, its path, or the identifier that the other system gave it, as in the file.

    `created_at` without a zone is in the time zone that the importer is told; None: the file does not say.
    """

    address: str
    title: str = ""
    is_open: bool = True
    private: str = ""  # why the page is not public, such as “with the status draft”; "" for a public one
    created_at: datetime | None = None


@dataclass(frozen=True)
class CommentRecord:
    """A comment, untrusted. What can't be read is None or empty, and `mended` says so; the importer adds its own.

    `import_id` names the comment in every run of the same import: `<format>:<where>#<id>`, at most 600 characters,
    with the host or forum of the file as <where> if the ids of two files could be equal. `created_at` without a zone
    is in the time zone that the importer is told.
    """

    number: int  # of the record in the file, counted from 1
    line: int | None  # on which it begins; None in files without lines
    import_id: str
    parent_import_id: str | None
    author_name: str
    author_email: str
    author_website: str
    ip: str
    created_at: datetime | None
    status: Status | None  # None: the file has none, or one that is unknown
    text: str
    syntax: Syntax
    kind: str = "comment"  # or pingback, trackback
    user_agent: str = ""
    edited_at: datetime | None = None
    score: int = 0  # votes for, minus votes against
    mended: tuple[str, ...] = ()  # a sentence each, without a full stop: “the status “maybe” is unknown”


@dataclass(frozen=True)
class LeftOut:
    """A record of the file that is no comment or can't be one, with the reason."""

    number: int
    line: int | None
    reason: str


Row = tuple[ThreadRecord, CommentRecord]


class Reader(Protocol):
    """Reads one file, as often as it is iterated, with constant memory per comment.

    Raises BadFile (with the line, where there are lines) when the file is broken, cut off or of another format. The
    importer iterates twice: a reader that learns only at the end which pages are private marks them in the second run.
    """

    def __iter__(self) -> Iterator[Row | LeftOut]: ...
