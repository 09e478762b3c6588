"""How a log line looks: for people, or as one JSON object a line; either knows the request it was written for."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# What a line may carry beside its message: logging.info(…, extra={…}).
EXTRAS = ("method", "route", "status", "took_ms")

request_id: ContextVar[str] = ContextVar("request_id", default="")


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        number = request_id.get()
        return f"{line} [{number}]" if number else line


class _Json(logging.Formatter):
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
