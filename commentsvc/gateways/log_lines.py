"""Formats of log lines: text, or one JSON object per line; both contain the request's id.

Of an exception it holds the kind and the places in our code, never the message: that may quote a comment, a name, an
address or a token, as PostgreSQL does (`Key (email)=(…) already exists`).
"""

from __future__ import annotations

import copy
import json
import logging
import sys
import threading
import time
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

log = logging.getLogger(__name__)

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Fields of a log line beside its message: logging.info(…, extra={…}).
EXTRAS = ("method", "route", "status", "took_ms")

request_id: ContextVar[str] = ContextVar("request_id", default="")


def trace(error: BaseException) -> str:
    """The exception and those that led to it, the first of them first."""
    parts = [f"{''.join(traceback.format_tb(error.__traceback__))}{_kind(error)}"]
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while earlier is not None:
        parts.append(f"{''.join(traceback.format_tb(earlier.__traceback__))}{_kind(earlier)}, which led to:")
        earlier = earlier.__cause__ or (None if earlier.__suppress_context__ else earlier.__context__)
    return "\n".join(reversed(parts))


def _kind(error: BaseException) -> str:
    """The exception's name, with the code of the system or the database where it has one."""
    codes = (getattr(error, name, None) for name in ("sqlstate", "sqlite_errorname", "strerror"))
    code = next((code for code in codes if isinstance(code, str)), "")
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    return f"{name} ({code})" if code else name


class _Formatter(logging.Formatter):
    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 (the library's name)
        return trace(ei[1]) if ei[1] is not None else ""


class _Text(_Formatter):
    # In UTC, as the JSON lines: logs of several machines can be read side by side.
    converter = staticmethod(time.gmtime)
    default_time_format, default_msec_format = "%Y-%m-%dT%H:%M:%S", "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        # Another formatter may have left the whole text of an exception in the record.
        own = copy.copy(record)
        own.exc_text = None
        line = super().format(own)
        number = request_id.get()
        return f"{line} [{number}]" if number else line


class _Json(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if number := request_id.get():
            line["request_id"] = number
        line.update({name: getattr(record, name) for name in EXTRAS if hasattr(record, name)})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def handler(log_format: str, stream: TextIO) -> logging.Handler:
    """Writes lines in the given format, `text` or `json`."""
    made = logging.StreamHandler(stream)
    made.setFormatter(_Json() if log_format == "json" else _Text(FORMAT))
    return made


def begin(log_format: str) -> None:
    """Write this process's log to standard error."""
    logging.basicConfig(level=logging.INFO, handlers=[handler(log_format, sys.stderr)], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings hold whole addresses, tokens and all
    threading.excepthook = _tell_of_thread


def _tell_of_thread(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread is not None else "?"
    log.error("the thread %s ended by an exception", name, exc_info=args.exc_value)
