"""Reads XML exports as a stream: without document types or entities, and without the characters that XML forbids."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler, feature_namespaces
from xml.sax.xmlreader import Locator

import defusedxml.sax
from defusedxml import DefusedXmlException

from commentsvc.core.errors import BadFile
from commentsvc.gateways.formats import files

CHUNK = 64 * 1024
# Old exports contain control characters, which no XML parser accepts (XML 1.0, 2.2), raw or as references. Each
# becomes this character of a private area, which readers remove again and report.
REMOVED = "\uf8ff"
_CONTROL = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#(?:0*(?:[0-8]|1[124-9]|2\d|3[01])|x0*(?:[0-8bcBC]|[01][efEF]|1[0-9a-dA-D]));"
)
_REFERENCE_MAX = 12  # bytes of a character reference that a chunk may end within
# WordPress writes this one element as the database has it, and plugins store addresses with a bare "&". Its own
# importer then reads the file without an XML parser.
_ADDRESS = re.compile(rb"(?<=<wp:comment_author_url>)[^<]*+")
_BARE = re.compile(rb"&(?!(?:#[0-9]+|#x[0-9a-f]+|amp|lt|gt|quot|apos);)", re.I)
_ADDRESS_MAX = 4096  # bytes of a tag and an address that a chunk may end within

R = TypeVar("R")


class ExportHandler(ContentHandler, Generic[R]):
    """Collects rows; raises BadFile at the first element of another format."""

    def __init__(self, where: Locator) -> None:
        super().__init__()
        self._where = where
        self._rows: list[R] = []
        self.has_begun = False

    @property
    def line(self) -> int:
        return int(self._where.getLineNumber() or 1)

    def taken(self) -> list[R]:
        """The rows since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def check_whole(self) -> None:
        """Raise BadFile for a well-formed file that turns out to be of another format only at its end."""


def rows(path: Path, handler_of: Callable[[Locator], ExportHandler[R]]) -> Iterator[R]:
    """The rows of a file; raises BadFile with the line for anything that is no sound XML, DTDs and entities too."""
    parser = defusedxml.sax.make_parser()
    handler = handler_of(parser)
    parser.forbid_dtd = True
    parser.setFeature(feature_namespaces, True)
    parser.setContentHandler(handler)
    try:
        with files.opened(path) as file:
            if not file.peek(1):  # type: ignore[attr-defined]  # all that `opened` gives are buffered
                raise BadFile("the file is empty")
            for chunk in _sound(iter(lambda: file.read(CHUNK), b"")):
                parser.feed(chunk)
                yield from handler.taken()
        parser.close()
    except SAXParseException as error:
        raise BadFile(f"this is no sound XML ({error.getMessage()})", error.getLineNumber()) from None
    except DefusedXmlException:
        reason = "it declares a document type or entities, which no export does"
        raise BadFile(reason, parser.getLineNumber()) from None
    except (SAXException, OSError) as error:
        raise BadFile(f"the file can't be read ({error})", handler.line) from None
    except (LookupError, ValueError):
        if handler.has_begun:
            raise
        raise BadFile("it names an encoding that can't be read; save it as UTF-8", handler.line) from None
    yield from handler.taken()
    handler.check_whole()


def _sound(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of the file, mended where its writer was no XML writer; files in UTF-16 are left as they are."""
    rest = next(chunks, b"")
    if rest.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in rest[:4]:
        yield rest
        yield from chunks
        return
    marker = REMOVED.encode()
    for chunk in chunks:
        at = rest.rfind(b"<", max(0, len(rest) - _ADDRESS_MAX))
        if at < 0:
            at = rest.rfind(b"&", max(0, len(rest) - _REFERENCE_MAX))
        now, rest = (rest, chunk) if at < 0 else (rest[:at], rest[at:] + chunk)
        yield _mended(now, marker)
    yield _mended(rest, marker)


def _mended(part: bytes, marker: bytes) -> bytes:
    return _CONTROL.sub(marker, _ADDRESS.sub(lambda address: _BARE.sub(b"&amp;", address.group()), part))


def without_marks(text: str) -> str:
    return text.replace(REMOVED, "")
