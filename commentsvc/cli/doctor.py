"""The command that checks an installation."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

import click

from commentsvc import config as commentsvc_config
from commentsvc import create_app, start_checks
from commentsvc.cli.base import FAILED, commands
from commentsvc.config_values import BadSetting
from commentsvc.core import emails
from commentsvc.core.doctor_checks import CheckResult, CheckStatus
from commentsvc.services import doctor as checks
from commentsvc.store import time_limits
from commentsvc.store.db import db

WIDTH = 7  # of the longest status


@commands.command()
@click.option("--json", "as_json", is_flag=True)
@click.option("--mail", "mail_to", default="", metavar="ADDRESS", help="Send a mail there.")
def doctor(as_json: bool, mail_to: str) -> None:
    """Check this installation: a line for each check, with the mend where something is wrong.

    Exit status 1 when anything is wrong.
    """
    mail_to = emails.address(mail_to, "mail", required=False)
    found = []
    for one in _results(mail_to):
        found.append(one)
        if not as_json:
            mend = f". {one.mend}" if one.mend else ""
            click.echo(f"{one.status:<{WIDTH}}  {one.name}: {one.detail}{mend}")
    if as_json:
        click.echo(json.dumps({"checks": [asdict(one) for one in found]}, ensure_ascii=False, indent=2))
    if any(one.status is CheckStatus.WRONG for one in found):
        sys.exit(FAILED)


def _results(mail_to: str) -> Iterator[CheckResult]:
    try:
        config = commentsvc_config.from_environment(os.environ)
        start_checks.check_places(config)
    except BadSetting as error:  # nothing else can be checked without it
        yield CheckResult("settings", CheckStatus.WRONG, str(error))
        return
    with create_app(config).app_context(), time_limits.within(time_limits.COMMAND):
        try:
            yield from checks.run(config, mail_to, datetime.now(UTC))
        finally:
            db.session.remove()
            db.engine.dispose()
