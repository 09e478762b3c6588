"""The console script: all commands, and one line on standard error for each trouble that has a name."""

from __future__ import annotations

import sys

import click
from sqlalchemy.exc import DBAPIError

from commentsvc.cli import (  # noqa: F401  # each adds its commands to the group
    accounts,
    backups,
    data,
    doctor,
    jobs,
    moving,
    people,
    rerender,
    serve,
    sites,
    spam,
    threads,
)
from commentsvc.cli.base import FAILED, WRONG_USE, commands
from commentsvc.config_values import BadSetting
from commentsvc.core.errors import CommentError, Invalid
from commentsvc.store.availability import TroubleKind, trouble_of
from commentsvc.store.db_errors import first_line, is_away

# Messages of SQLite and PostgreSQL about a missing table or column.
OF_ANOTHER_SCHEMA = ("no such table", "no such column", "has no column named", "does not exist")
NO_FILE = "unable to open database file"  # SQLite's words
MEND_NO_FILE = "Run commentsvc db upgrade to create it, or check COMMENTSVC_DATABASE_URL and COMMENTSVC_INSTANCE_DIR."


def main() -> None:
    """The console script: any trouble that has a name ends in one line on standard error, not in a traceback."""
    try:
        commands(standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(WRONG_USE)
    except click.Abort:
        sys.exit(130)
    except Invalid as error:
        _stop(str(error), WRONG_USE)
    except (BadSetting, CommentError) as error:
        _stop(str(error), FAILED)
    except DBAPIError as error:
        if any(words in str(error.orig) for words in OF_ANOTHER_SCHEMA):
            _stop("The database schema is missing or out of date. Run: commentsvc db upgrade", FAILED)
        trouble = trouble_of(error.orig)
        what = f"is {trouble}" if trouble not in (None, TroubleKind.AWAY) else "cannot be reached"
        what = what if is_away(error) else "answered with an error"
        where = f" {MEND_NO_FILE}" if NO_FILE in str(error) else ""
        _stop(f"The database {what}: {first_line(error)}.{where}", FAILED)


def _stop(sentence: str, status: int) -> None:
    click.echo(f"commentsvc: {sentence}", err=True)
    sys.exit(status)
