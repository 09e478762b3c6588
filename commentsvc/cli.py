"""The commands of the contract."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlencode

import click
from flask import current_app
from sqlalchemy.exc import DBAPIError

from commentsvc import config as commentsvc_config
from commentsvc import create_app, start_checks
from commentsvc.config import BadSetting, Config
from commentsvc.core import pagination as paging
from commentsvc.core import sanitizer, spam_filter, text_input
from commentsvc.core.errors import BadFile, CommentError, Invalid
from commentsvc.core.policy import Mode, Policy, to_json
from commentsvc.core.rule_kinds import RuleInput
from commentsvc.gateways import log_lines
from commentsvc.services import accounts as accounts_service
from commentsvc.services import api_tokens, imports, recounts, site_settings
from commentsvc.store import accounts as stored_accounts
from commentsvc.store import engine, jobs, migrations, sites, time_limits
from commentsvc.store.audit_log import ActorKind
from commentsvc.store.availability import TroubleKind, trouble_of
from commentsvc.store.db import db, first_line, is_away, retried, write
from commentsvc.store.memberships import Role

log = logging.getLogger(__name__)

FAILED = 1
WRONG_USE = 2
# What SQLite and PostgreSQL say when a table or a column is not there.
OF_ANOTHER_SCHEMA = ("no such table", "no such column", "has no column named", "does not exist")
NO_FILE = "unable to open database file"  # SQLite's words
MEND_NO_FILE = (
    "COMMENTSVC_DATABASE_URL and COMMENTSVC_INSTANCE_DIR say where it is; commentsvc db upgrade makes a new, empty one."
)
PORT = click.IntRange(1, 65535)
JOB_ID = click.IntRange(1, 2**63 - 1)
PAGE_PATHS = {"html": "/embed/v1/comments", "json": "/api/v1/comments"}


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
            _stop("The database has no tables yet, or old ones. Run: commentsvc db upgrade", FAILED)
        trouble = trouble_of(error.orig)
        what = f"is {trouble}" if trouble not in (None, TroubleKind.AWAY) else "cannot be reached"
        what = what if is_away(error) else "answered with an error"
        where = f" {MEND_NO_FILE}" if NO_FILE in str(error) else ""
        _stop(f"The database {what}: {first_line(error)}.{where}", FAILED)


def _stop(sentence: str, status: int) -> None:
    click.echo(f"commentsvc: {sentence}", err=True)
    sys.exit(status)


def read_config() -> Config:
    config = commentsvc_config.from_environment(os.environ)
    start_checks.check_places(config)
    return config


P = ParamSpec("P")
R = TypeVar("R")


def in_app(command: Callable[P, R]) -> Callable[P, R]:
    """Run a command with the database at hand."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with create_app(read_config()).app_context(), time_limits.within(time_limits.COMMAND):
            try:
                return retried(command)(*args, **kwargs)
            finally:
                db.session.remove()
                db.engine.dispose()  # the last connection that is closed takes SQLite's -wal file with it

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="commentsvc")
def commands() -> None:
    """Moderated, self-hosted comments for any page."""
    log_lines.begin("text")


@commands.command()
@click.option("--port", default=8000, show_default=True, type=PORT, help="Where the service listens.")
@click.option(
    "--blog-port", default=8001, show_default=True, type=PORT, help="Where the demo blog listens: another origin."
)
def demo(port: int, blog_port: int) -> None:
    """Try it: a small blog with comments, on throw-away data."""
    from commentsvc.demo import run as show

    show.run(port, blog_port)


@commands.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=PORT)
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes; one is best with SQLite."
)
@click.option("--no-worker", is_flag=True, help="Leave background jobs to `commentsvc worker`.")
def serve(host: str, port: int, workers: int, no_worker: bool) -> None:
    """The production server."""
    from commentsvc import server

    os.environ.setdefault(
        f"{commentsvc_config.PREFIX}BASE_URL", commentsvc_config.from_dotenv("BASE_URL") or f"http://127.0.0.1:{port}"
    )
    config = read_config()
    log_lines.begin(config.log_format)
    server.run(config, host, port, workers, with_jobs=not no_worker)


@commands.command()
def worker() -> None:
    """Do background jobs (mail, …) until stopped."""
    from commentsvc import worker as loop

    config = read_config()
    log_lines.begin(config.log_format)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    migrations.check_before_serving(config)
    app = create_app(config)
    log.info("doing jobs of the database %s", engine.name_of(config))
    loop.run(app, config, stop)
    with app.app_context():
        db.engine.dispose()
    engine.merge_wal(config)


@commands.group("db")
def db_commands() -> None:
    """The database's schema."""


@db_commands.command("upgrade")
def db_upgrade() -> None:
    """Bring the schema up to date; makes the SQLite file when there is none."""
    config = read_config()
    start_checks.make_database_file(config)
    with create_app(config).app_context():
        migrations.upgrade()
        db.engine.dispose()
    click.echo("The database is up to date.")


@commands.group("site")
def site_commands() -> None:
    """Blogs that have their comments here."""


@site_commands.command("create")
@click.argument("key")
@click.option("--name", required=True, help="What readers see.")
@click.option("--origin", "origins", multiple=True, required=True, help="https://blog.example; may be repeated.")
@click.option("--moderation", type=click.Choice([m.value for m in Mode]), default=Mode.ALL.value, show_default=True)
@in_app
def site_create(key: str, name: str, origins: tuple[str, ...], moderation: str) -> None:
    """Add a site and show the two lines that embed it."""
    site = site_settings.create(key, name, origins, Mode(moderation), ActorKind.COMMAND_LINE, datetime.now(UTC))
    click.echo(f"Site “{site.key}” added. Put this where its comments should be:\n")
    click.echo(f'<script type="module" src="{read_config().base_url}/embed.js"></script>')
    click.echo(f'<comment-thread site="{site.key}"></comment-thread>')


@site_commands.command("list")
@click.option("--json", "as_json", is_flag=True)
@in_app
def site_list(as_json: bool) -> None:
    """The sites, their modes and origins."""
    listed: list[dict[str, Any]] = [
        {"key": s.key, "name": s.name, "moderation": s.policy.mode, "origins": [o.origin for o in s.origins]}
        for s in sites.all_sites()
    ]
    if as_json:
        click.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    for site in listed:
        click.echo(f"{site['key']}  {site['name']}  ({site['moderation']})  {' '.join(site['origins'])}")


@site_commands.command("set")
@click.argument("key")
@click.argument("settings", nargs=-1, required=True, metavar="NAME=VALUE…")
@in_app
def site_set(key: str, settings: tuple[str, ...]) -> None:
    """Change a site's settings, such as signin_required=true, language=de or texts=@words.json; shows them all."""
    changes = {name: _value(value) for name, _, value in (setting.partition("=") for setting in settings)}
    for name in ("name", "origins"):
        if name in changes:
            raise Invalid(name, f"“{name}” is changed in the dashboard, on the page “Settings”.")
    site = sites.by_key(key)
    site_settings.change(site.id, changes, ActorKind.COMMAND_LINE, "", datetime.now(UTC))
    for name, value in to_json(site.policy).items():
        click.echo(f"{name}={str(value).lower() if isinstance(value, bool) else value}")
    for sentence, own in site.texts.items():
        click.echo(f"text {sentence!r}: {json.dumps(own, ensure_ascii=False)}")


def _value(text: str) -> object:
    """A setting as typed: true, false, a whole number, words, or `@FILE` for the JSON of a file."""
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("@"):
        try:
            return json.loads(Path(text[1:]).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Invalid("settings", f"{text[1:]} cannot be read as JSON: {error}") from None
    return int(text) if text.isascii() and text.isdigit() else text


@commands.group("user")
def user_commands() -> None:
    """Accounts of owners, moderators and administrators."""


@user_commands.command("create")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--site", "site_key", help="The site to give a role on.")
@click.option("--role", type=click.Choice([r.value for r in Role]), help="With --site; owner unless said.")
@click.option("--admin", "is_admin", is_flag=True, help="Every right on every site.")
@in_app
def user_create(email: str, name: str, site_key: str | None, role: str | None, is_admin: bool) -> None:
    """Add an account, or a role to one; prints a sign-in link that works once, for a day."""
    if role and not site_key:
        raise Invalid("site", "--role needs --site: a role is for one site.")
    rights = (is_admin, site_key, Role(role or Role.OWNER))
    now, base_url = datetime.now(UTC), read_config().base_url
    click.echo(accounts_service.create(email, name, *rights, base_url, ActorKind.COMMAND_LINE, now))


@user_commands.command("sign-out")
@click.argument("email")
@click.option("--tokens", "with_tokens", is_flag=True, help="Also revoke the account's personal API tokens.")
@in_app
def user_sign_out(email: str, with_tokens: bool) -> None:
    """End every sign-in of an account, in the dashboard and on blogs: for a lost device or somebody who has left."""
    accounts_service.lock_out(
        stored_accounts.account_by_email(email), with_tokens, ActorKind.COMMAND_LINE, datetime.now(UTC)
    )
    click.echo(f"{email} is signed out everywhere{' and has no API tokens any more' if with_tokens else ''}.")


@commands.group("token")
def token_commands() -> None:
    """Personal API tokens."""


@token_commands.command("create")
@click.argument("email")
@click.option("--site", "site_key", help="Only for this site.")
@in_app
def token_create(email: str, site_key: str | None) -> None:
    """Print a token that carries the account's rights; it is shown this once."""
    click.echo(api_tokens.create(email, site_key, ActorKind.COMMAND_LINE, datetime.now(UTC)))


@commands.group("jobs")
def jobs_commands() -> None:
    """Background jobs (mail, …): what waits, and what failed and why."""


@jobs_commands.command("list")
@click.option("--json", "as_json", is_flag=True)
@in_app
def jobs_list(as_json: bool) -> None:
    """Jobs that wait, run or failed, the oldest first, with the reason of the last failure."""
    found = jobs.listed(datetime.now(UTC))
    if as_json:
        rows = [
            {**asdict(job), "created_at": _rfc3339(job.created_at), "due_at": _rfc3339(job.due_at)} for job in found
        ]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for job in found:
        due = f"  due {_rfc3339(job.due_at)}" if job.due_at else ""
        about = f"  for {job.about}" if job.about else ""
        reason = f"  {' '.join(job.reason.split())}" if job.reason else ""
        click.echo(f"{job.id}  {job.kind}  {job.state}  tries {job.tries}{about}{due}{reason}")


@jobs_commands.command("retry")
@click.argument("ids", nargs=-1, type=JOB_ID, metavar="[ID…]")
@in_app
def jobs_retry(ids: tuple[int, ...]) -> None:
    """Try jobs again now; without a number all that failed."""
    with write():
        count = jobs.retry(ids)
    click.echo(f"{count} {'job is' if count == 1 else 'jobs are'} tried again.")


@jobs_commands.command("drop")
@click.argument("ids", nargs=-1, type=JOB_ID, metavar="[ID…]")
@in_app
def jobs_drop(ids: tuple[int, ...]) -> None:
    """Delete jobs, which are then never done; without a number all that failed."""
    with write():
        count = jobs.drop(ids)
    click.echo(f"{count} {'job was' if count == 1 else 'jobs were'} deleted.")


def _rfc3339(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else None


@commands.command()
@click.option("--site", "site_key", required=True)
@click.option("--thread", required=True, help="The page's identifier, such as /2026/hello/.")
@click.option("--format", type=click.Choice(list(PAGE_PATHS)), default="html", show_default=True)
@click.option(
    "--limit", default=paging.PAGE_SIZE, show_default=True, help="Top-level comments; replies come with them."
)
@click.option("--lang", default="", help="The language of the words around the comments.")
@in_app
def render(site_key: str, thread: str, format: str, limit: int, lang: str) -> None:
    """Print the comments of a page, for a static build: what GET /embed/v1/comments gives, or as json the API."""
    sites.by_key(site_key)
    query = urlencode({"site": site_key, "thread": thread, "limit": limit, "lang": lang})
    with current_app.test_request_context(f"{PAGE_PATHS[format]}?{query}"):
        response = current_app.full_dispatch_request()
    if response.status_code != 200:
        raise Invalid("thread", response.get_json()["detail"])
    click.echo(response.get_data(), nl=False)


@commands.command()
@click.option("--site", "site_key", help="Only this site; otherwise all of them.")
@click.option("--dry-run", is_flag=True, help="Only say what is wrong: exit status 1 when something is.")
@click.option("--json", "as_json", is_flag=True)
@in_app
def recount(site_key: str | None, dry_run: bool, as_json: bool) -> None:
    """Count every kept number anew and mend what is wrong, while the service runs.

    Kept numbers are the counts of pages, statuses and authors, scores, open reports, which comments are shown and
    where, the words of the search index, and what the spam filter has learnt. Prints a line for each difference.
    """
    run = recounts.check if dry_run else recounts.mend
    listed = [sites.by_key(site_key)] if site_key else sites.all_sites()
    found = [one for site in listed for one in run(site, _progress)]
    _progress("")
    if as_json:
        click.echo(json.dumps({"differences": [_difference_json(one) for one in found]}, ensure_ascii=False, indent=2))
    else:
        for one in found:
            wrong = one.difference
            mended = ", mended" if one.is_mended else ""
            click.echo(
                f"{one.site_key}: {wrong.number} of {wrong.where}: kept {wrong.kept}, counted {wrong.counted}{mended}"
            )
        if not found:
            click.echo("Every kept number is right.")
    if not all(one.is_mended for one in found):
        sys.exit(FAILED)


def _difference_json(one: recounts.WrongCount) -> dict[str, Any]:
    wrong = one.difference
    values = {"number": wrong.number, "where": wrong.where, "kept": wrong.kept, "counted": wrong.counted}
    return {"site": one.site_key, **values, "mended": one.is_mended}


@commands.command("spam-report")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--folds", default=10, show_default=True, type=click.IntRange(2, 100))
@click.option("--hold", default=Policy.spam_hold, show_default=True, type=click.IntRange(1, 100), help="Per cent.")
@click.option("--json", "as_json", is_flag=True)
def spam_report(files: tuple[Path, ...], folds: int, hold: int, as_json: bool) -> None:
    """Measure the spam filter by cross-validation on labelled comments: JSON lists of {"text", "spam": 0 or 1}."""
    reports: list[dict[str, Any]] = []
    for file in files:
        labelled = list(_labelled(file))
        figures = spam_filter.cross_validated(labelled, folds, hold / 100)
        spam = figures.caught + figures.missed
        reports.append(
            {
                "file": file.name,
                "comments": len(labelled),
                "spam": spam,
                "precision": round(figures.precision, 3),
                "recall": round(figures.recall, 3),
                "good_held": figures.wronged,
                "spam_missed": figures.missed,
            }
        )
    if as_json:
        click.echo(json.dumps(reports, ensure_ascii=False, indent=2))
        return
    for row in reports:
        click.echo(
            f"{row['file']}: {row['comments']} comments, {row['spam']} of them spam; held from {hold}% on: "
            f"precision {row['precision']:.1%}, recall {row['recall']:.1%} "
            f"({row['good_held']} good ones held, {row['spam_missed']} spam missed)"
        )


def _labelled(file: Path) -> Iterator[tuple[RuleInput, bool]]:
    """The comments of a labelled file; raises BadFile for one that is none."""
    try:
        rows = [(str(row["text"]), bool(row["spam"])) for row in json.loads(file.read_text("utf-8"))]
    except (ValueError, TypeError, KeyError):
        raise BadFile(f"{file.name} is no JSON list of objects with “text” and “spam”.") from None
    for source, is_spam in rows:
        try:
            html = sanitizer.to_html(text_input.body(source, 20_000))
        except Invalid:
            html = ""  # nothing to be seen in it: such a comment could not be posted
        yield RuleInput(source, html, "", "", "", ""), is_spam


@commands.command("import")
@click.argument("format", type=click.Choice(["wordpress"]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--site", "site_key", required=True)
@click.option("--dry-run", is_flag=True, help="Read everything, change nothing.")
@click.option("--include-private", is_flag=True, help="Bring in comments of posts that are not public, as pending.")
@in_app
def import_(format: str, file: Path, site_key: str, dry_run: bool, include_private: bool) -> None:
    """Bring comments in from an export; doing it again doubles nothing."""
    site, now = sites.by_key(site_key), datetime.now(UTC)
    report = imports.wordpress(file, site, dry_run, _progress, now, include_private)
    for line in report.lines():
        click.echo(line)


def _progress(sentence: str) -> None:
    """Progress goes to standard error, and only to people."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{sentence}", nl=False, err=True)
