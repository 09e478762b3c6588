"""Reads Blogger's exports: an Atom feed with posts and comments, of the dashboard's backup or of Google Takeout."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import Path
from xml.sax.xmlreader import AttributesNSImpl, Locator

from commentsvc.core.errors import BadFile
from commentsvc.core.status import Status
from commentsvc.gateways.formats import values, xml_file
from commentsvc.gateways.formats.records import CommentRecord, LeftOut, Row, Syntax, ThreadRecord
from commentsvc.gateways.formats.xml_file import REMOVED, ExportHandler

ATOM = "http://www.w3.org/2005/Atom"
THREADING = "http://purl.org/syndication/thread/1.0"
BLOGGER = "http://schemas.google.com/blogger/2018"
KIND = "http://schemas.google.com/g/2005#kind"
CONTROL = "http://purl.org/atom/app#"
FIELD_MAX = 2**22  # characters; posts are in the file too
STATUSES = {
    "": Status.APPROVED,
    "LIVE": Status.APPROVED,
    "PENDING": Status.PENDING,
    "PENDING_MODERATION": Status.PENDING,
    "SPAM": Status.SPAM,
    "SPAM_COMMENT": Status.SPAM,
    "GHOSTED": Status.SPAM,
    "DELETED": Status.DELETED,
    "EMPTIED": Status.DELETED,
}
# Elements of an entry, by namespace and name.
WANTED = {
    (ATOM, "id"): "id",
    (ATOM, "title"): "title",
    (ATOM, "published"): "published",
    (ATOM, "content"): "content",
    (BLOGGER, "type"): "type",
    (BLOGGER, "status"): "status",
    (BLOGGER, "parent"): "post",
    (BLOGGER, "inReplyTo"): "parent",
    (BLOGGER, "filename"): "filename",
    (BLOGGER, "created"): "created",
    (CONTROL, "draft"): "draft",
}
OF_AUTHOR = {(ATOM, "name"): "author_name", (ATOM, "uri"): "author_uri", (ATOM, "email"): "author_email"}
# Blogger writes these where the author has not given any.
NO_EMAIL = "noreply@blogger.com"


class BloggerFile:
    """Reads an export; posts may come after their comments, so only the second reading knows all pages."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pages: dict[str, ThreadRecord] = {}

    def __iter__(self) -> Iterator[Row | LeftOut]:
        pages = dict(self._pages)
        yield from xml_file.rows(self._path, lambda where: _BloggerHandler(where, pages))
        self._pages = pages


class _BloggerHandler(ExportHandler[Row | LeftOut]):
    def __init__(self, where: Locator, pages: dict[str, ThreadRecord]) -> None:
        super().__init__(where)
        self._pages = pages
        self._path: list[tuple[str | None, str]] = []
        self._entry: dict[str, str] | None = None
        self._text: list[str] | None = None
        self._name = ""
        self._length = 0
        self._begin = 1
        self._count = 0

    def startElementNS(self, name: tuple[str | None, str], _qname: str | None, attributes: AttributesNSImpl) -> None:
        self.has_begun = True
        if not self._path and name != (ATOM, "feed"):
            raise BadFile(f"this is no Blogger export: it begins with <{name[1]}> instead of an Atom <feed>", self.line)
        self._path.append(name)
        if name == (ATOM, "entry") and len(self._path) == 2:
            self._entry, self._begin = {}, self.line
        if self._entry is None:
            return
        own = {key[1]: str(value) for key, value in attributes.items()}
        if name == (ATOM, "category") and own.get("scheme") == KIND:
            self._entry["type"] = own.get("term", "").rpartition("#")[2].upper()
        elif name == (THREADING, "in-reply-to"):
            self._entry["post"] = own.get("ref", "")
            self._entry["post_address"] = own.get("href", "")
        elif name == (ATOM, "link"):
            self._note_link(self._entry, own)
        is_of_author = len(self._path) == 4 and self._path[2] == (ATOM, "author")
        field = (OF_AUTHOR if is_of_author else WANTED).get((name[0] or "", name[1]))
        self._text, self._length, self._name = ([], 0, field) if field else (None, 0, "")

    @staticmethod
    def _note_link(entry: dict[str, str], link: dict[str, str]) -> None:
        if link.get("rel") == "alternate":
            entry["alternate"] = link.get("href", "")
        elif link.get("rel") == "related":  # the feed's address of the comment that this one answers
            entry["parent"] = link.get("href", "").rpartition("/")[2]

    def characters(self, content: str) -> None:
        if self._text is None:
            return
        self._text.append(content)
        self._length += len(content)
        if self._length > FIELD_MAX:
            raise BadFile(f"<{self._path[-1][1]}> is longer than any that Blogger keeps", self.line)

    def endElementNS(self, name: tuple[str | None, str], _qname: str | None) -> None:
        if self._entry is not None and self._text is not None:
            self._entry[self._name] = "".join(self._text).strip()
            self._text = None
        self._path.pop()
        if name == (ATOM, "entry") and self._entry is not None and len(self._path) == 1:
            if self._entry.get("type") in ("POST", "PAGE"):
                self._end_post(self._entry)
            elif self._entry.get("type") == "COMMENT":
                self._end_comment(self._entry)
            self._entry = None

    def _end_post(self, entry: dict[str, str]) -> None:
        status = entry.get("status", "") or ("DRAFT" if entry.get("draft") == "yes" else "LIVE")
        private = "" if status == "LIVE" else f"with the status “{status.lower()[:40]}”"
        address = entry.get("alternate") or entry.get("filename") or ""
        if address or private:
            address = address or f"/{_number(entry.get('id', ''))}"
            self._pages[entry.get("id", "")] = ThreadRecord(address, unescape(entry.get("title", "")), True, private)

    def _end_comment(self, entry: dict[str, str]) -> None:
        self._count += 1
        post = entry.get("post", "")
        page = self._pages.get(post)
        if page is None and entry.get("post_address"):
            page = ThreadRecord(entry["post_address"])
        if page is None:
            self._rows.append(LeftOut(self._count, self._begin, "its post is not in the file"))
            return
        self._rows.append((page, _comment(entry, self._count, self._begin)))


def _number(id_: str) -> str:
    """The last number of an id such as tag:blogger.com,1999:blog-1.post-2."""
    return id_.rpartition("-")[2][:64]


def _comment(entry: dict[str, str], count: int, line: int) -> CommentRecord:
    mended = []
    if any(REMOVED in value for value in entry.values()):
        entry = {name: xml_file.without_marks(value) for name, value in entry.items()}
        mended.append("control characters were removed")
    status = STATUSES.get(entry.get("status", ""))
    if status is None:
        mended.append(f"the status “{entry['status'][:40]}” is unknown; it is pending")
    written = entry.get("published") or entry.get("created", "")
    at = values.time(written)
    if at is None and written:
        mended.append(f"the date “{written[:40]}” can't be read")
    parent, email = entry.get("parent", ""), entry.get("author_email", "")
    return CommentRecord(
        number=count,
        line=line,
        import_id=f"blogger:#{_number(entry.get('id', '')) or f'record-{count}'}",
        parent_import_id=f"blogger:#{_number(parent)}" if parent else None,
        author_name=unescape(entry.get("author_name", "")),
        author_email="" if email == NO_EMAIL else email,
        author_website=entry.get("author_uri", ""),
        ip="",
        created_at=at,
        status=status,
        text=entry.get("content", ""),
        syntax=Syntax.HTML,
        mended=tuple(mended),
    )
