"""Reads WordPress export files (WXR: RSS with elements of its own) as a stream, however large they are."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO
from xml.sax import SAXException, SAXParseException
from xml.sax.expatreader import AttributesNSImpl
from xml.sax.handler import ContentHandler, feature_namespaces
from xml.sax.xmlreader import Locator

import defusedxml.sax
from defusedxml import DefusedXmlException

from commentsvc.core.errors import BadFile
from commentsvc.gateways.wordpress_records import (
    INHERITS,
    KINDS,
    ExportedComment,
    ExportedThread,
    base_of,
    comment,
    privacy,
    thread,
)

CHUNK = 64 * 1024
# A post's address stands before its comments in every export; where it does not, this many may wait for it.
EARLY_MAX = 10_000
# Text compresses about ten times; a large file that compresses more than this is a decompression bomb.
RATIO_MAX = 100
RATIO_COUNTS_FROM = 20 * 2**20  # bytes
# WordPress's own columns end at 65,535 bytes.
FIELD_MAX = 2**20  # characters
# Elements read of the channel, an item and a comment. The end of the namespace differs by version (1.0/ … 1.2/).
OF_CHANNEL = {"link", "base_blog_url"}
OF_ITEM = {
    *("title", "link", "post_id", "post_name", "comment_status"),
    *("status", "post_type", "post_parent", "post_password"),
}
OF_COMMENT = {
    f"comment_{name}"
    for name in "id author author_email author_url author_IP date date_gmt content approved type parent".split()
}


@dataclass
class Summary:
    """Filled while a Reader is read."""

    posts: int = 0
    comments: int = 0
    skipped_types: Counter[str] = field(default_factory=Counter)
    private: dict[int, str] = field(default_factory=dict)  # posts that are not for everybody: number and why
    public_ids: set[str] = field(default_factory=set)
    inheriting: dict[int, str] = field(default_factory=dict)  # attachments: number and the id of the post above

    def settle(self) -> None:
        """Decide about attachments, once all posts are known."""
        for number, parent in self.inheriting.items():
            if parent not in ("", "0") and parent not in self.public_ids:
                self.private[number] = "attached to a post that is not public"
        self.inheriting.clear()


class Reader:
    """Iterate it for (thread, comment) pairs in the file's order.

    A post may say after its comments that it is private. So read the file once for its `summary`, and give its
    `private` to the reader of the second time.
    Raises BadFile with the line for anything that is not a sound export; a DTD or an entity is refused unread.
    """

    def __init__(self, path: Path, private: Mapping[int, str] = MappingProxyType({})) -> None:
        self._path = path
        self._private = private
        self.summary = Summary()

    def __iter__(self) -> Iterator[tuple[ExportedThread, ExportedComment]]:
        self.summary = Summary()
        parser = defusedxml.sax.make_parser()
        handler = _Handler(self.summary, self._private, parser)
        parser.forbid_dtd = True
        parser.setFeature(feature_namespaces, True)
        parser.setContentHandler(handler)
        try:
            with self._path.open("rb") as file:
                for chunk in _chunks(file):
                    parser.feed(chunk)
                    yield from handler.taken()
            parser.close()
        except zlib.error:
            raise BadFile("the compressed file is damaged", handler.line) from None
        except SAXParseException as error:
            raise BadFile(f"this is no sound XML ({error.getMessage()})", error.getLineNumber()) from None
        except DefusedXmlException:
            reason = "it declares a document type or entities, which no WordPress export does"
            raise BadFile(reason, parser.getLineNumber()) from None
        except (SAXException, OSError) as error:
            raise BadFile(f"the file can't be read ({error})", handler.line) from None
        except (LookupError, ValueError):
            if handler.has_begun:
                raise
            raise BadFile("it names an encoding that can't be read; save it as UTF-8", handler.line) from None
        yield from handler.taken()
        handler.check_whole()
        self.summary.settle()


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """The file's bytes, decompressed; raises BadFile for a decompression bomb."""
    is_gzip = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if not is_gzip:
        while chunk := file.read(CHUNK):
            yield chunk
        return
    read = 0
    with gzip.open(file) as inflated:
        while True:
            try:
                chunk = inflated.read(CHUNK)
            except EOFError:
                raise BadFile("the compressed file ends too early") from None
            if not chunk:
                return
            read += len(chunk)
            if read > RATIO_COUNTS_FROM and read > RATIO_MAX * file.tell():
                raise BadFile("the compressed file holds more than any export would")
            yield chunk


class _Handler(ContentHandler):
    """Collects an item's and a comment's fields, and makes rows of them."""

    def __init__(self, summary: Summary, private: Mapping[int, str], where: Locator) -> None:
        super().__init__()
        self._summary = summary
        self._private = private
        self._where = where
        self._path: list[str] = []
        self._text: list[str] | None = None
        self._length = 0
        self._base = ""
        self._channel_link = ""
        self._item: dict[str, str] | None = None
        self._thread: ExportedThread | None = None
        self._comment: dict[str, str] | None = None
        self._comment_line = 1
        self._early: list[dict[str, str]] = []
        self._rows: list[tuple[ExportedThread, ExportedComment]] = []
        self._is_channel = self._is_wordpress = False
        self.has_begun = False

    @property
    def line(self) -> int:
        return int(self._where.getLineNumber() or 1)

    def taken(self) -> list[tuple[ExportedThread, ExportedComment]]:
        rows, self._rows = self._rows, []
        return rows

    def check_whole(self) -> None:
        if not self.has_begun:
            raise BadFile("the file is empty")
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
            self._early.append(fields)
            return
        self._row(fields, self._comment_line)

    def _end_item(self, item: dict[str, str]) -> None:
        for fields in self._early:
            self._row(fields, self.line)
        number = self._summary.posts
        if reason := privacy(item):
            self._summary.private[number] = reason
        elif item.get("status") == INHERITS:
            self._summary.inheriting[number] = item.get("post_parent", "")
        elif item.get("post_id"):
            self._summary.public_ids.add(item["post_id"])
        self._summary.posts += 1
        self._item, self._thread, self._early = None, None, []

    def _row(self, fields: dict[str, str], line: int) -> None:
        assert self._item is not None
        kind = KINDS.get(fields.get("comment_type", ""))
        if kind is None:
            self._summary.skipped_types[fields["comment_type"]] += 1
            return
        if self._thread is None:
            number = self._summary.posts
            self._thread = thread(self._item, number, number in self._private)
        base = base_of(self._base or self._channel_link) or base_of(self._thread.url).partition("/")[0]
        self._summary.comments += 1
        self._rows.append((self._thread, comment(fields, kind, base, line)))
