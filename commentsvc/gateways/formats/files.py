"""Opens export files: plain, gzip, or a zip with one member, with limits against decompression bombs."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from commentsvc.core.errors import BadFile

# Text compresses about ten times; a large file that compresses more than this is a decompression bomb.
RATIO_MAX = 100
RATIO_COUNTS_FROM = 20 * 2**20  # bytes
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"


class Unpacked(io.RawIOBase):
    """Counts what comes out of a compressed file; raises BadFile for a bomb and for a damaged or cut off file."""

    def __init__(self, packed: BinaryIO, packed_bytes: int) -> None:
        self._packed, self._read_max = packed, max(RATIO_COUNTS_FROM, RATIO_MAX * packed_bytes)
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io's own stubs differ by version
        try:
            chunk = self._packed.read(len(buffer))
        except EOFError:
            raise BadFile("the compressed file ends too early") from None
        except (zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise BadFile(f"the compressed file is damaged ({error})") from None
        self._read += len(chunk)
        if self._read > self._read_max:
            raise BadFile("the compressed file holds more than any export would")
        buffer[: len(chunk)] = chunk
        return len(chunk)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of an export, decompressed. Raises BadFile when the file can't be opened, here or while it is read."""
    with ExitStack() as stack:
        try:
            file: BinaryIO = stack.enter_context(path.open("rb"))
            begin = file.read(4)
            file.seek(0)
            if begin.startswith(ZIP):
                file = stack.enter_context(_member(stack.enter_context(zipfile.ZipFile(file))))
            elif begin.startswith(GZIP):
                file = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=file)))
        except zipfile.BadZipFile as error:
            raise BadFile(f"the zip file is damaged ({error})") from None
        except OSError as error:
            raise BadFile(f"the file can't be read ({error})") from None
        if begin.startswith((ZIP, GZIP)):
            file = io.BufferedReader(Unpacked(file, path.stat().st_size))
        yield file


def _member(archive: zipfile.ZipFile) -> BinaryIO:
    members = [one for one in archive.infolist() if not one.is_dir()]
    if len(members) != 1:
        raise BadFile(f"the zip file holds {len(members)} files; unpack it and name the one to import")
    (member,) = members
    if member.flag_bits & 0x1:
        raise BadFile("the zip file is encrypted; unpack it and name the file to import")
    if member.file_size > max(RATIO_COUNTS_FROM, RATIO_MAX * max(member.compress_size, 1)):
        raise BadFile("the compressed file holds more than any export would")
    return archive.open(member)  # type: ignore[return-value]  # IO[bytes] is BinaryIO in all but name
