"""Checks before `serve` and the commands begin, so that a wrong setting stops the start with one line."""

from __future__ import annotations

import errno
import os
import socket
import sys

from commentsvc.config import Config
from commentsvc.config_values import BadSetting
from commentsvc.core.errors import CommentError, Invalid
from commentsvc.store import engine

SQLITE_HEADER = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html, 1.2
SQLITE_HEADER_BYTES = 100  # with all that follows; a file that ends before is a rest of one


def check_places(config: Config) -> None:
    """Raise BadSetting when the instance folder or the SQLite file is something else; makes nothing."""
    folder = config.instance_dir
    try:
        is_file = folder.exists() and not folder.is_dir()
    except OSError as error:
        raise BadSetting("INSTANCE_DIR", f"cannot be used as a folder: {error.strerror}") from None
    if is_file:
        raise BadSetting("INSTANCE_DIR", f"{folder} is a file; it must be a folder that the service can write to")
    path = config.sqlite_path
    try:
        if path is None or not path.exists():
            return
        if path.is_dir():
            raise BadSetting("DATABASE_URL", f"{path} is a folder; it must be a file")
        if not path.is_file():  # opening a pipe blocks until a writer opens it
            raise BadSetting("DATABASE_URL", f"{path} is a device or pipe; it must be a file")
        with path.open("rb") as file:
            header = file.read(SQLITE_HEADER_BYTES)
    except OSError as error:
        raise BadSetting("DATABASE_URL", f"{path} cannot be read: {error.strerror}") from None
    if header and not (header.startswith(SQLITE_HEADER) and len(header) == SQLITE_HEADER_BYTES):
        raise BadSetting("DATABASE_URL", f"{path} is not an SQLite database; use another file, or restore a backup")


def make_instance_folder(config: Config) -> None:
    """Make the folder where there is none; raises BadSetting when the service cannot write into it."""
    probe = config.instance_dir / f".probe.{os.getpid()}"
    try:
        config.instance_dir.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        mend = f"the service cannot write to {config.instance_dir}: {error.strerror}; use another folder"
        raise BadSetting("INSTANCE_DIR", mend) from None


def make_database_file(config: Config) -> None:
    """An empty SQLite file where there is none; raises BadSetting when it cannot be made."""
    try:
        engine.create_file(config)
    except OSError as error:
        mend = f"{config.sqlite_path} cannot be created: {error.strerror}; use a file in a writable folder"
        raise BadSetting("DATABASE_URL", mend) from None


def address_to_listen_at(host: str, port: int) -> str:
    """The numeric address of a host, once it is sure that nobody listens there.

    The server's own sockets may share a port (SO_REUSEPORT), so a second one would start without a word and get every
    other request. Raises Invalid for a host that is not this machine's, CommentError for a port that is taken.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise Invalid("host", f"--host: “{host}” is not an address or host name of this machine.") from None
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise _taken(port) from None
            if error.errno in (errno.EACCES, errno.EPERM):
                raise CommentError(f"Only root can use port {port}; choose 1024 or higher.") from None
            raise Invalid("host", f"--host: {host} is not an address of this machine ({error.strerror}).") from None
    return str(address[0])


def hold_port(address: str, port: int) -> socket.socket | None:
    """Say that this process serves there, until it ends: two that start at the same moment both find the port free.

    An address without a file (unix(7), abstract), which the kernel frees; there are none outside of Linux.
    """
    if sys.platform != "linux":
        return None
    mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        mark.bind(f"\0commentsvc serve {address}:{port}")
    except OSError:
        mark.close()
        raise _taken(port) from None
    return mark


def _taken(port: int) -> CommentError:
    return CommentError(f"Port {port} is already in use. Stop the other program, or choose another port with --port.")
