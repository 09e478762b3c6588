"""Reads Disqus exports: one XML file with all threads first, and then all posts."""

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

INTERNALS = "http://disqus.com/disqus-internals"
ID = (INTERNALS, "id")
FIELD_MAX = 2**20  # characters
OF_THREAD = {"id", "link", "title", "isClosed", "isDeleted", "forum"}
OF_POST = {"message", "createdAt", "isDeleted", "isSpam", "isApproved", "ipAddress"}
OF_AUTHOR = {"name", "email", "username", "url"}


class DisqusFile:
    """Reads an export; keeps the addresses and titles of all threads in memory, since posts only name their ids."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Row | LeftOut]:
        return xml_file.rows(self._path, _DisqusHandler)


class _DisqusHandler(ExportHandler[Row | LeftOut]):
    def __init__(self, where: Locator) -> None:
        super().__init__(where)
        self._path: list[str] = []
        self._threads: dict[str, ThreadRecord] = {}
        self._forum = ""
        self._fields: dict[str, str] = {}
        self._text: list[str] | None = None
        self._length = 0
        self._id = ""
        self._begin = 1
        self._count = 0

    def startElementNS(self, name: tuple[str | None, str], _qname: str | None, attributes: AttributesNSImpl) -> None:
        tag = name[1]
        self.has_begun = True
        if not self._path and tag != "disqus":
            raise BadFile(f"this is no Disqus export: it begins with <{tag}> instead of <disqus>", self.line)
        self._path.append(tag)
        own_id = str(attributes.get(ID) or "")
        if len(self._path) == 2:
            self._fields, self._id, self._begin = {}, own_id, self.line
        elif self._path[1:] == ["post", "thread"]:
            self._fields["thread"] = own_id
        elif self._path[1:] == ["post", "parent"]:
            self._fields["parent"] = own_id
        self._text, self._length = ([], 0) if self._is_wanted() else (None, 0)

    def _is_wanted(self) -> bool:
        match self._path[1:]:
            case ["thread", tag]:
                return tag in OF_THREAD
            case ["post", tag]:
                return tag in OF_POST
            case ["post", "author", tag]:
                return tag in OF_AUTHOR
        return False

    def characters(self, content: str) -> None:
        if self._text is None:
            return
        self._text.append(content)
        self._length += len(content)
        if self._length > FIELD_MAX:
            raise BadFile(f"<{self._path[-1]}> is longer than any that Disqus keeps", self.line)

    def endElementNS(self, name: tuple[str | None, str], _qname: str | None) -> None:
        if self._text is not None:
            prefix = "author_" if len(self._path) == 4 else ""
            self._fields[prefix + self._path[-1]] = "".join(self._text).strip()
            self._text = None
        match self._path[1:]:
            case ["thread"]:
                self._end_thread()
            case ["post"]:
                self._end_post()
        self._path.pop()

    def _end_thread(self) -> None:
        fields = {key: xml_file.without_marks(value) for key, value in self._fields.items()}
        self._forum = self._forum or fields.get("forum", "")
        # `id` is the identifier that the blog gave the page; most have none.
        address = fields.get("link") or fields.get("id") or f"disqus-{self._id}"
        private = "deleted in Disqus" if values.flag(fields.get("isDeleted")) else ""
        is_open = not values.flag(fields.get("isClosed"))
        self._threads[self._id] = ThreadRecord(address, unescape(fields.get("title", "")), is_open, private)

    def _end_post(self) -> None:
        self._count += 1
        fields, mended = self._fields, []
        if any(REMOVED in value for value in fields.values()):
            fields = {key: xml_file.without_marks(value) for key, value in fields.items()}
            mended.append("control characters were removed")
        thread = self._threads.get(fields.get("thread", ""))
        if thread is None:
            reason = f"its thread {fields.get('thread', '')[:40]!r} is not in the file"
            self._rows.append(LeftOut(self._count, self._begin, reason))
            return
        at = values.time(fields.get("createdAt"))
        if at is None and fields.get("createdAt"):
            mended.append(f"the date “{fields['createdAt'][:40]}” can't be read")
        where = self._forum[:100]
        name = self._id or f"record-{self._count}"
        parent = fields.get("parent")
        self._rows.append(
            (
                thread,
                CommentRecord(
                    number=self._count,
                    line=self._begin,
                    import_id=f"disqus:{where}#{name[:64]}",
                    parent_import_id=f"disqus:{where}#{parent[:64]}" if parent else None,
                    author_name=unescape(fields.get("author_name") or fields.get("author_username", "")),
                    author_email=fields.get("author_email", ""),
                    author_website=fields.get("author_url", ""),
                    ip=fields.get("ipAddress", ""),
                    created_at=at,
                    status=_status(fields),
                    text=fields.get("message", ""),
                    syntax=Syntax.HTML,
                    mended=tuple(mended),
                ),
            )
        )


def _status(fields: dict[str, str]) -> Status:
    """Disqus exports only what was approved, but for spam and deleted posts; some files say `isApproved`."""
    if values.flag(fields.get("isSpam")):
        return Status.SPAM
    if values.flag(fields.get("isDeleted")):
        return Status.DELETED
    if fields.get("isApproved") and not values.flag(fields["isApproved"]):
        return Status.PENDING
    return Status.APPROVED
