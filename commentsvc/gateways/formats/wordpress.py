"""Reads WordPress export files (WXR: RSS with elements of its own) as a stream, however large they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.xmlreader import AttributesNSImpl, Locator

from commentsvc.core import links
from commentsvc.core.errors import BadFile
from commentsvc.core.html_tokens import REFERENCE
from commentsvc.core.status import Status
from commentsvc.gateways.formats import values, xml_file
from commentsvc.gateways.formats.records import CommentRecord, LeftOut, Row, Syntax, ThreadRecord
from commentsvc.gateways.formats.xml_file import REMOVED, ExportHandler

# A post's address stands before its comments in every export; where it does not, this many may wait for it.
EARLY_MAX = 10_000
# WordPress's own columns end at 65,535 bytes.
FIELD_MAX = 2**20  # characters
BASE_MAX = 500  # characters, so that what names a comment fits its column
NUMBER_MAX = 20  # digits, of MySQL's bigint
# Elements read of the channel, an item and a comment. The end of the namespace differs by version (1.0/ … 1.2/).
OF_CHANNEL = {"link", "base_blog_url"}
OF_ITEM = {
    *("title", "link", "post_id", "post_name", "post_date", "post_date_gmt", "comment_status"),
    *("status", "post_type", "post_parent", "post_password"),
}
OF_COMMENT = {
    f"comment_{name}"
    for name in "id author author_email author_url author_IP date date_gmt content approved type parent".split()
}
STATUSES = {
    "1": Status.APPROVED,
    "approve": Status.APPROVED,
    "approved": Status.APPROVED,
    "": Status.APPROVED,
    "0": Status.PENDING,
    "hold": Status.PENDING,
    "spam": Status.SPAM,
    "trash": Status.DELETED,
    "post-trashed": Status.DELETED,
}
KINDS = {"": "comment", "comment": "comment", "pingback": "pingback", "trackback": "trackback"}
# Post types that WordPress itself publishes; the file does not say how a plugin publishes its own types.
PUBLIC_TYPES = {"post", "page", "attachment"}
PUBLISHED = "publish"
INHERITS = "inherit"  # as public as the post that an attachment belongs to
NO_DATE = "0000-00-00 00:00:00"


@dataclass
class _Posts:
    """Which posts are not public, by their number in the file; known when the file has been read once."""

    count: int = 0
    private: dict[int, str] = field(default_factory=dict)
    public_ids: set[str] = field(default_factory=set)
    inheriting: dict[int, str] = field(default_factory=dict)  # attachments: number and the id of the post above

    def decide_about_attachments(self) -> None:
        for number, parent in self.inheriting.items():
            if parent not in ("", "0") and parent not in self.public_ids:
                self.private[number] = "attached to a post that is not public"


class WordPressFile:
    """Reads an export. A post may say after its comments that it is private: then only a second reading knows it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._private: dict[int, str] = {}

    def __iter__(self) -> Iterator[Row | LeftOut]:
        posts = _Posts()
        yield from xml_file.rows(self._path, lambda where: _WordPressHandler(where, posts, self._private))
        posts.decide_about_attachments()
        self._private = posts.private


class _WordPressHandler(ExportHandler[Row | LeftOut]):
    """Collects an item's and a comment's fields, and makes rows of them."""

    def __init__(self, where: Locator, posts: _Posts, private: dict[int, str]) -> None:
        super().__init__(where)
        self._posts, self._private = posts, private
        self._path: list[str] = []
        self._text: list[str] | None = None
        self._length = 0
        self._base = ""
        self._channel_link = ""
        self._item: dict[str, str] | None = None
        self._thread: ThreadRecord | None = None
        self._comment: dict[str, str] | None = None
        self._comment_line = 1
        self._early: list[tuple[dict[str, str], int]] = []
        self._is_channel = self._is_wordpress = False
        self._count = 0

    def check_whole(self) -> None:
        if not (self._is_channel and self._is_wordpress):
            raise BadFile("this is no WordPress export: it is RSS without WordPress's own elements", self.line)

    def startElementNS(self, name: tuple[str | None, str], _qname: str | None, _attributes: AttributesNSImpl) -> None:
        namespace, tag = name
        self.has_begun = True
        if not self._path and tag != "rss":
            raise BadFile(f"this is no WordPress export: it begins with <{tag}> instead of <rss>", self.line)
        if self._comment is not None and self._path[-1] in OF_COMMENT:
            raise BadFile(f"a comment has <{tag}> inside of <{self._path[-1]}>, where WordPress has CDATA", self.line)
        self._path.append(tag)
        is_wordpress = bool(namespace) and "wordpress.org/export/" in str(namespace)
        self._is_wordpress |= is_wordpress
        self._is_channel |= self._path == ["rss", "channel"]
        self._text = None
        if self._path == ["rss", "channel", "item"]:
            self._item, self._thread, self._early = {}, None, []
        elif self._item is not None and is_wordpress and tag == "comment":
            self._comment, self._comment_line = {}, self.line
        elif (is_wordpress or namespace is None) and tag in self._wanted():
            self._text, self._length = [], 0

    def _wanted(self) -> set[str]:
        if self._comment is not None:
            return OF_COMMENT
        return OF_CHANNEL if self._item is None else OF_ITEM

    def characters(self, content: str) -> None:
        if self._text is None:
            return
        self._text.append(content)
        self._length += len(content)
        if self._length > FIELD_MAX:
            raise BadFile(f"<{self._path[-1]}> is longer than any that WordPress keeps", self.line)

    def endElementNS(self, name: tuple[str | None, str], _qname: str | None) -> None:
        tag = name[1]
        text = "".join(self._text).strip() if self._text is not None else ""
        self._path.pop()
        if self._comment is not None:
            if tag == "comment":
                self._add(self._comment)
                self._comment = None
            elif tag in OF_COMMENT and self._path[-1] == "comment":
                self._comment[tag] = text
        elif self._item is not None:
            if tag == "item":
                self._end_item(self._item)
            elif tag in OF_ITEM and self._path[-1] == "item":
                self._item[tag] = text
        elif tag == "base_blog_url":
            self._base = text
        elif tag == "link" and self._path == ["rss", "channel"]:
            self._channel_link = text
        self._text = None

    def _add(self, fields: dict[str, str]) -> None:
        if "link" not in (self._item or {}):
            if len(self._early) >= EARLY_MAX:
                raise BadFile("a post has its comments before its link", self._comment_line)
            self._early.append((fields, self._comment_line))
            return
        self._row(fields, self._comment_line)

    def _end_item(self, item: dict[str, str]) -> None:
        for fields, line in self._early:
            self._row(fields, line)
        number = self._posts.count
        if reason := privacy(item):
            self._posts.private[number] = reason
        elif item.get("status") == INHERITS:
            self._posts.inheriting[number] = item.get("post_parent", "")
        elif item.get("post_id"):
            self._posts.public_ids.add(item["post_id"])
        self._posts.count += 1
        self._item, self._thread, self._early = None, None, []

    def _row(self, fields: dict[str, str], line: int) -> None:
        assert self._item is not None
        self._count += 1
        kind = KINDS.get(fields.get("comment_type", ""))
        if kind is None:
            reason = f"it is of the type “{fields['comment_type'][:40]}”, which is no comment"
            self._rows.append(LeftOut(self._count, line, reason))
            return
        if self._thread is None:
            self._thread = thread(self._item, self._private.get(self._posts.count, ""))
        base = base_of(self._base or self._channel_link) or base_of(self._thread.address).partition("/")[0]
        self._rows.append((self._thread, comment(fields, kind, base, self._count, line)))


def privacy(item: dict[str, str]) -> str:
    """The reason why a post is not public; "" for a public one. Files of other systems lack these fields."""
    kind, status = item.get("post_type", "") or "post", item.get("status", "") or PUBLISHED
    if kind not in PUBLIC_TYPES:
        return f"of the type “{kind[:40]}”"
    if item.get("post_password"):
        return "protected by a password"
    if status == PUBLISHED or (status == INHERITS and kind == "attachment"):
        return ""
    return f"with the status “{status[:40]}”"


def thread(item: dict[str, str], private: str) -> ThreadRecord:
    is_open = item.get("comment_status", "open") == "open"
    title = xml_file.without_marks(unescape(item.get("title", "")))
    return ThreadRecord(_address(item), title, is_open, private, _time(item, "post")[0])


def _address(item: dict[str, str]) -> str:
    """The post's link; a path made of its name or id where the link names no page (a draft has only `?p=12`)."""
    url = xml_file.without_marks(item.get("link", ""))
    parts = links.parts_of(url) or urlsplit("")
    if parts.path not in ("", "/") or parts.query:
        return url
    if item.get("post_name"):
        return f"/{item['post_name']}/"
    return f"/?p={item['post_id']}" if item.get("post_id") else url or "/"


def base_of(url: str) -> str:
    """Host and path of the blog, which distinguish its comment 7 from that of another blog."""
    parts = links.parts_of(url)
    base = f"{parts.netloc}{parts.path.rstrip('/')}" if parts and parts.netloc else ""
    return base if len(base) <= BASE_MAX else hashlib.sha256(base.encode()).hexdigest()


def comment(fields: dict[str, str], kind: str, base: str, count: int, line: int) -> CommentRecord:
    mended = []
    if any(REMOVED in value for value in fields.values()):
        fields = {name: xml_file.without_marks(value) for name, value in fields.items()}
        mended.append("control characters were removed")
    number = fields.get("comment_id", "")
    if not number.isascii() or not number.isdigit() or len(number) > NUMBER_MAX:
        mended.append(f"its comment_id “{number[:40]}” is no number; it is named by its place in the file")
        number = f"record-{count}"
    parent = fields.get("comment_parent", "")
    status = STATUSES.get(fields.get("comment_approved", "1"))
    if status is None:
        mended.append(f"the status “{fields['comment_approved'][:40]}” is unknown; it is pending")
    at, wrong = _time(fields, "comment")
    if wrong:
        mended.append(f"the date “{wrong[:40]}” can't be read")
    return CommentRecord(
        number=count,
        line=line,
        import_id=f"wordpress:{base}#{number}",
        parent_import_id=f"wordpress:{base}#{parent[:NUMBER_MAX]}" if parent not in ("", "0") else None,
        author_name=unescape(fields.get("comment_author", "")),  # WordPress keeps it escaped
        author_email=fields.get("comment_author_email", ""),
        # References end with ";" here: `?a=1&copy=2` has a parameter named copy.
        author_website=REFERENCE.sub(lambda found: unescape(found.group()), fields.get("comment_author_url", "")),
        ip=fields.get("comment_author_IP", ""),
        created_at=at,
        status=status,
        text=fields.get("comment_content", ""),
        syntax=Syntax.HTML,
        kind=kind,
        mended=tuple(mended),
    )


def _time(fields: dict[str, str], of: str) -> tuple[datetime | None, str]:
    """The time in UTC, else the blog's own without a zone; and the text of one that can't be read."""
    wrong = ""
    for name, zone in ((f"{of}_date_gmt", UTC), (f"{of}_date", None)):
        written = fields.get(name, "")
        if not written or written.startswith(NO_DATE[:10]):
            continue
        at = values.time(written)
        if at is not None:
            return at if at.tzinfo else at.replace(tzinfo=zone), ""
        wrong = wrong or written
    return None, wrong
