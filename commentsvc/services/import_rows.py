"""Mends records of export files: what another system accepted is shortened, cleaned or dated, and reported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from html import escape

from commentsvc.core import emails, links, sanitizer
from commentsvc.core.errors import Invalid
from commentsvc.core.policy import NAME_MAX, WEBSITE_MAX
from commentsvc.core.status import Status
from commentsvc.gateways.formats.records import CommentRecord, Syntax, ThreadRecord
from commentsvc.store.authors import Writer

ANONYMOUS = "Anonymous"
AHEAD_MAX = timedelta(days=1)  # a clock that is wrong by a zone is no mistake of the file
IP_MAX = 45
USER_AGENT_MAX = 300
CONTROLS = {code: None for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: None}


@dataclass(frozen=True)
class MendedRow:
    """A comment that can be stored, with all that was changed about it."""

    record: CommentRecord
    writer: Writer
    website: str | None
    created_at: datetime
    edited_at: datetime | None
    status: Status
    source: str
    html: str
    renderer: str
    mended: tuple[str, ...]


class Dating:
    """Dates records that have no time by their neighbours in the file: the one before, else the first that has one."""

    def __init__(self, zone: tzinfo, now: datetime) -> None:
        self._zone, self._now = zone, now
        self._first: datetime | None = None
        self._last: datetime | None = None

    def note(self, record: CommentRecord) -> None:
        """Remember the first time of the file, in a run before the one that dates."""
        if self._first is None and record.created_at is not None:
            self._first = self.utc(record.created_at)

    def of(self, record: CommentRecord) -> tuple[datetime, str]:
        """The time of a record in UTC, and how it was mended ("" if it was not)."""
        if record.created_at is None:
            at = self._last or self._first or self._now
            return at, f"it has no date that can be read; dated {at:%Y-%m-%d} like its neighbour in the file"
        at = self.utc(record.created_at)
        if at > self._now + AHEAD_MAX:
            return self._now, f"its date {at:%Y-%m-%d} is in the future; dated today"
        self._last = at
        return at, ""

    def of_page(self, page: ThreadRecord) -> datetime | None:
        """When a page was published, in UTC; None if the file does not say, or names a time to come."""
        at = self.utc(page.created_at) if page.created_at is not None else None
        return at if at is not None and at <= self._now else None

    def utc(self, at: datetime) -> datetime:
        try:
            return (at if at.tzinfo else at.replace(tzinfo=self._zone)).astimezone(UTC)
        except OverflowError:  # year 1 or 9999, a zone away from UTC
            return at.replace(tzinfo=UTC)


def mend(record: CommentRecord, dating: Dating, is_private: bool) -> MendedRow | str:
    """A record as a comment, or the reason why it can't be one.

    `is_private`: its page is not public, so an approved comment becomes pending.
    """
    mended = list(record.mended)
    text = record.text.translate(CONTROLS)
    if text != record.text:
        mended.append("control characters were removed from its text")
    if not text.strip() and record.status is not Status.DELETED:
        return "it has no text"
    created_at, reason = dating.of(record)
    if reason:
        mended.append(reason)
    name = one_line(record.author_name)
    if not name:
        mended.append(f"its author has no name; called {ANONYMOUS}")
    elif len(name) > NAME_MAX:
        mended.append(f"the author's name was shortened to {NAME_MAX} characters")
    email = _email(record.author_email)
    if record.author_email.strip() and not email:
        mended.append("the author's e-mail address is not valid and was dropped")
    website = _website(record.author_website)
    if record.author_website.strip() and website is None:
        mended.append("the author's website is not a valid address and was dropped")
    status = record.status
    if status is None:
        status = Status.PENDING
        if not any("status" in one for one in mended):
            mended.append("its status is unknown; it is pending")
    if is_private and status is Status.APPROVED:
        status = Status.PENDING
    source, html, renderer, reason = _rendered(text, record.syntax)
    if reason:
        mended.append(reason)
    return MendedRow(
        record=replace(
            record, ip=one_line(record.ip)[:IP_MAX], user_agent=one_line(record.user_agent)[:USER_AGENT_MAX]
        ),
        writer=Writer(None, name[:NAME_MAX] or ANONYMOUS, email, one_line(record.ip)[:IP_MAX]),
        website=website,
        created_at=created_at,
        edited_at=dating.utc(record.edited_at) if record.edited_at else None,
        status=status,
        source=source,
        html=html,
        renderer=renderer,
        mended=tuple(mended),
    )


def _rendered(text: str, syntax: Syntax) -> tuple[str, str, str, str]:
    """The source to keep, its safe HTML, the name of the renderer that makes one of the other, and what was mended."""
    reason = ""
    if syntax is Syntax.MARKDOWN:
        try:
            return text, sanitizer.to_html(text), sanitizer.RENDERER, ""
        except Invalid as error:
            reason = f"its text is shown without Markdown: {error}"
    source = text if syntax is Syntax.HTML else escape(text, quote=False)
    return source, sanitizer.html_to_html(source), sanitizer.HTML_RENDERER, reason


def one_line(value: str) -> str:
    """Printable characters with single spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


# Few people write most comments, and reading an address takes longer than all else about an author.
@lru_cache(maxsize=10_000)
def _email(value: str) -> str:
    try:
        return emails.address(value, "email", required=False)
    except Invalid:
        return ""


@lru_cache(maxsize=10_000)
def _website(value: str) -> str | None:
    try:
        return links.website(value, WEBSITE_MAX)
    except Invalid:
        return None
