"""Backup files: a gzipped tar archive with rows as JSON Lines, and a manifest with counts and SHA-256 at its end."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from commentsvc.core.errors import BadFile

FORMAT, VERSION = "commentsvc-backup", 1
MANIFEST = "manifest.json"
PART_ROWS = 2_000  # rows in one member
MEMBER_MAX = 512 * 2**20  # bytes
COMPRESSION = 6

Row = dict[str, Any]


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the name only when it is whole and on disk; readable by its owner alone."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise BadFile(f"{path} can't be written ({error.strerror})") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write(
    file: IO[bytes], tables: Iterable[tuple[str, Iterable[Row]]], about: dict[str, Any], at: float
) -> Counter[str]:
    """Write tables with their rows; `about` goes into the manifest, `at` is the time of all members (Unix seconds).

    Gives the number of rows by table.
    """
    counts: Counter[str] = Counter()
    members = []
    with (
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=COMPRESSION, mtime=at) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for table, rows in tables:
            counts[table] += 0
            for number, (part, size) in enumerate(_parts(rows), 1):
                name = f"{table}/{number:06d}.jsonl"
                _add(archive, name, part, at)
                counts[table] += size
                members.append({"name": name, "rows": size, "sha256": hashlib.sha256(part).hexdigest()})
        manifest = {"format": FORMAT, "version": VERSION, **about, "tables": dict(counts), "members": members}
        _add(archive, MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False).encode(), at)
    return counts


def _parts(rows: Iterable[Row]) -> Iterator[tuple[bytes, int]]:
    lines: list[bytes] = []
    for row in rows:
        lines.append(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))
        if len(lines) == PART_ROWS:
            yield b"\n".join(lines) + b"\n", len(lines)
            lines = []
    if lines:
        yield b"\n".join(lines) + b"\n", len(lines)


def _add(archive: tarfile.TarFile, name: str, content: bytes, at: float) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(content), int(at), 0o600
    archive.addfile(member, io.BytesIO(content))


def verify(path: Path) -> dict[str, Any]:
    """The manifest of a backup whose every byte is as it was written; raises BadFile for any other file."""
    found = []
    manifest: dict[str, Any] | None = None
    for name, content in _members(path):
        if name == MANIFEST:
            manifest = _manifest(content)
        else:
            found.append({"name": name, "rows": content.count(b"\n"), "sha256": hashlib.sha256(content).hexdigest()})
    if manifest is None:
        raise BadFile("the backup is cut off: it has no manifest")
    if manifest.get("members") != found:
        wrong = next((one["name"] for one in found if one not in manifest.get("members", [])), "a member is missing")
        raise BadFile(f"the backup is damaged: its content differs from its manifest ({wrong})")
    return manifest


def _manifest(content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
    except ValueError:
        raise BadFile("the backup is damaged: its manifest can't be read") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BadFile("this is no backup of commentsvc")
    if manifest.get("version") != VERSION:
        raise BadFile(f"the backup has version {manifest.get('version')}; this program reads version {VERSION}")
    return manifest


def rows(path: Path) -> Iterator[tuple[str, list[Row]]]:
    """The rows of a verified backup, in parts, with the names of their tables."""
    for name, content in _members(path):
        if name != MANIFEST:
            yield name.partition("/")[0], [json.loads(line) for line in content.splitlines()]


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with gzip.open(path) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() and member.size <= MEMBER_MAX else None
                if file is None:
                    raise BadFile(f"this is no backup of commentsvc: it holds {member.name[:80]}")
                yield member.name, file.read()
            while packed.read(2**20):  # to the checksum at the very end
                pass
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise BadFile(f"the backup can't be read, or is cut off ({error})") from None


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Whether this process holds the lock file alone, until the block ends; the lock ends with the process too."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
