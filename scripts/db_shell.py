"""`make db-shell`: a prompt of the configured database, sqlite3 or psql. An argument names a file of settings."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from sqlalchemy import URL, make_url

from commentsvc.config import Config, from_environment
from commentsvc.config_values import BadSetting

MEND = "install {0}, for example with: apt install {1}"


def command(config: Config) -> list[str]:
    """The program and its arguments; a password goes into PGPASSWORD, because other users can see arguments."""
    if config.sqlite_path is None:
        if shutil.which("psql") is None:
            sys.exit(f"psql is not installed: {MEND.format('it', 'postgresql-client')}")
        url = make_url(config.database_url)
        if url.password is not None:
            os.environ["PGPASSWORD"] = str(url.password)
        shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
        return ["psql", shown.render_as_string()]
    if not config.sqlite_path.exists():
        sys.exit(f"There is no database at {config.sqlite_path}; make one with: commentsvc db upgrade")
    if shutil.which("sqlite3") is not None:
        return ["sqlite3", str(config.sqlite_path)]
    if sys.version_info >= (3, 12):
        return [sys.executable, "-m", "sqlite3", str(config.sqlite_path)]
    sys.exit(
        f"sqlite3 is not installed, and Python has a shell of its own only from 3.12 on: {MEND.format('it', 'sqlite3')}"
    )


if __name__ == "__main__":
    try:
        program = command(from_environment(os.environ, Path(sys.argv[1] if len(sys.argv) > 1 else ".env")))
    except BadSetting as error:
        sys.exit(str(error))
    os.execvp(program[0], program)
