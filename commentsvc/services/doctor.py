"""Checks of an installation: each finds what is wrong with one thing, and says the mend."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import text

from commentsvc.config import Config
from commentsvc.core import doctor_checks, origins, routes
from commentsvc.core.doctor_checks import CheckResult, CheckStatus
from commentsvc.core.errors import CommentError
from commentsvc.gateways import backup_file, pages, reachable
from commentsvc.gateways.mail import OutgoingMail, Undeliverable, check_server, mailer
from commentsvc.services import backups, rerender, thread_normalizing
from commentsvc.store import jobs, migrations, sites
from commentsvc.store.db import db
from commentsvc.store.migrations import SchemaState
from commentsvc.store.sqlite_file import SIDE_FILES

FREE_MIN_BYTES = 500 * 2**20
WAL_MAX_BYTES = 500 * 2**20
CLOCK_MAX_S = 30  # codes and tokens live for minutes
WAITING_MAX_S = 600
ELEMENT = "<comment-thread"
NEED_DATABASE = ("clock", "origins", "jobs", "threads", "rendering")

Check = Callable[[Config, datetime], Iterator[CheckResult]]


def run(config: Config, mail_to: str, now: datetime) -> Iterator[CheckResult]:
    """All checks, one after another; each that fails itself is a result too.

    `mail_to` gets a mail; "" sends none.
    """
    checks: dict[str, Check] = {
        "settings": _settings,
        "instance folder": _folder,
        "database": _database,
        "clock": _clock,
        "mail": lambda config, now: _mail(config, mail_to, now),
        "sign-in": _providers,
        "proxies": _proxies,
        "origins": _origins,
        "jobs": _jobs,
        "backups": _backups,
        "threads": _threads,
        "rendering": _rendering,
    }
    has_database = True
    for name, check in checks.items():
        if name in NEED_DATABASE and not has_database:
            yield _skipped(name, "needs the database")
            continue
        try:
            for one in check(config, now):
                has_database &= not (name == "database" and one.status is CheckStatus.WRONG)
                yield one
        except Exception as error:  # a check that can't run is itself a finding, and must not hide the others
            yield _wrong(name, f"the check failed: {type(error).__name__}: {_first_line(error)}", "See the line above.")
        finally:
            db.session.rollback()


def _first_line(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    return str(original).strip().partition("\n")[0][:200]


def _ok(name: str, detail: str) -> CheckResult:
    return CheckResult(name, CheckStatus.OK, detail)


def _wrong(name: str, detail: str, mend: str) -> CheckResult:
    return CheckResult(name, CheckStatus.WRONG, detail, mend)


def _note(name: str, detail: str) -> CheckResult:
    return CheckResult(name, CheckStatus.NOTE, detail)


def _skipped(name: str, detail: str) -> CheckResult:
    return CheckResult(name, CheckStatus.SKIPPED, detail)


def _settings(config: Config, _now: datetime) -> Iterator[CheckResult]:
    host = urlsplit(config.base_url).hostname or ""
    if not config.is_https and host not in ("localhost", "127.0.0.1", "::1"):
        mend = "Serve it by https and set COMMENTSVC_BASE_URL to the https address."
        yield _wrong("settings", f"BASE_URL {config.base_url} is not https", mend)
    else:
        yield _ok("settings", f"BASE_URL is {config.base_url}")


def _folder(config: Config, _now: datetime) -> Iterator[CheckResult]:
    probe = config.instance_dir / ".doctor"
    try:
        config.instance_dir.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        mend = "Let the user that runs the service write there, or set COMMENTSVC_INSTANCE_DIR."
        yield _wrong("instance folder", f"{config.instance_dir} can't be written to: {error.strerror}", mend)
        return
    free = shutil.disk_usage(config.instance_dir).free
    if free < FREE_MIN_BYTES:
        mend = "Make room, or move the folder to a larger disk."
        yield _wrong("instance folder", f"only {free // 2**20} MB are free at {config.instance_dir}", mend)
    else:
        yield _ok("instance folder", f"{config.instance_dir} is writable, {free // 2**20:,} MB free")


def _database(config: Config, _now: datetime) -> Iterator[CheckResult]:
    if config.sqlite_path is not None and not config.sqlite_path.exists():
        yield _wrong("database", f"{config.sqlite_path} does not exist", "Run: commentsvc db upgrade")
        return
    kind = db.engine.dialect.name
    try:
        version = str(db.session.scalar(text("SELECT sqlite_version()" if kind == "sqlite" else "SHOW server_version")))
    except Exception as error:  # whatever kind of trouble: it is the finding
        mend = "Start the database server, or check COMMENTSVC_DATABASE_URL."
        yield _wrong("database", f"can't be reached: {_first_line(error)}", mend)
        return
    schema = migrations.schema()
    if schema is not SchemaState.CURRENT:
        yield _wrong("database", f"the schema {migrations.MEND[schema]}", "See above.")
    if config.sqlite_path is not None:
        found = db.session.scalar(text("PRAGMA quick_check(1)"))
        if found != "ok":
            yield _wrong("database", f"the file is damaged: {found}", "Restore a backup: commentsvc restore FILE")
            return
        wal = config.sqlite_path.with_name(config.sqlite_path.name + SIDE_FILES[0])
        size = wal.stat().st_size if wal.exists() else 0
        if size > WAL_MAX_BYTES:
            mend = "A program keeps an old transaction open; restart the service."
            yield _wrong("database", f"the write-ahead log has grown to {size // 2**20} MB", mend)
    yield _ok("database", f"{kind} {version}, schema {schema}")


def _clock(config: Config, now: datetime) -> Iterator[CheckResult]:
    mend = "Set this machine's clock by NTP: sign-in codes and tokens depend on it."
    if db.engine.dialect.name == "postgresql":
        theirs = db.session.scalar(text("SELECT now()"))
        off_s = abs((theirs - datetime.now(UTC)).total_seconds()) if theirs else 0.0
        if off_s > CLOCK_MAX_S:
            yield _wrong("clock", f"differs from the database's by {off_s:.0f} s", mend)
            return
    date = reachable.ask(config.base_url + routes.HEALTH).date
    if date is None:
        yield _skipped("clock", "nothing answers at BASE_URL to compare with")
        return
    off_s = abs((date - datetime.now(UTC)).total_seconds())
    if off_s > CLOCK_MAX_S:
        yield _wrong("clock", f"differs from that of {config.base_url} by {off_s:.0f} s", mend)
    else:
        yield _ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, as at {config.base_url}")


def _mail(config: Config, to: str, now: datetime) -> Iterator[CheckResult]:
    if not config.mail_url:
        detail = "no server is set, so mail is only written to the log"
        yield _note("mail", f"{detail}; set COMMENTSVC_MAIL_URL, such as smtp://user:password@mail.example:587")
        return
    server = urlsplit(config.mail_url)
    where = f"{server.hostname}:{server.port}" if server.hostname else config.mail_url
    mend = "Check COMMENTSVC_MAIL_URL, its user and password, and that this machine may reach the server."
    try:
        check_server(config)
    except (OSError, Undeliverable) as error:
        yield _wrong("mail", f"{where}: {_first_line(error)}", mend)
        return
    if not to:
        yield _ok("mail", f"{where} accepts this service's connection; --mail ADDRESS sends one")
        return
    letter = OutgoingMail(to, "Test of commentsvc doctor", "This mail was sent by: commentsvc doctor --mail", "", "")
    try:
        mailer(config).send(letter)
    except (OSError, Undeliverable) as error:
        yield _wrong("mail", f"{where} did not take a mail to {to}: {_first_line(error)}", mend)
        return
    yield _ok("mail", f"{where} took a mail to {to} at {now:%H:%M:%S} UTC")


def _providers(config: Config, _now: datetime) -> Iterator[CheckResult]:
    if not config.providers:
        yield _note("sign-in", "no provider is set; readers sign in by email or write as guests")
    for name, settings in config.providers.items():
        redirect = config.base_url + routes.PROVIDER_CALLBACK.replace("<provider>", name)
        detail = f"register this redirect address: {redirect}"
        address = settings.get("issuer") or settings.get("authorize_url")
        if settings.get("issuer"):
            address = reachable.discovery_address(settings["issuer"])
        if address is None:
            yield _note(f"sign-in with {name}", detail)
            continue
        answer = reachable.ask(address)
        if answer.trouble or answer.status >= 500:
            why = answer.trouble or f"status {answer.status}"
            mend = f"Check the address of the provider's settings. {detail.capitalize()}"
            yield _wrong(f"sign-in with {name}", f"{address} can't be reached: {why}", mend)
        else:
            yield _ok(f"sign-in with {name}", f"{urlsplit(address).netloc} answers; {detail}")


def _proxies(config: Config, now: datetime) -> Iterator[CheckResult]:
    at = str(int(now.timestamp()))
    answer = reachable.ask(config.base_url + routes.SEEN, at=at, proof=doctor_checks.proof(config.secret_key, at))
    mend = f"Start the service, and let the proxy pass {config.base_url} to it."
    if answer.trouble:
        yield _wrong("proxies", f"{config.base_url} can't be reached: {answer.trouble}", mend)
        return
    if answer.status != 200 or not isinstance(answer.json, dict):
        yield _wrong("proxies", f"{config.base_url} answers with {answer.status}: another program or secret", mend)
        return
    seen: dict[str, Any] = answer.json
    base = urlsplit(config.base_url)
    headers = "Let the proxy send Host and the address of the reader, and list it in COMMENTSVC_TRUSTED_PROXIES."
    if seen["scheme"] != base.scheme and not config.is_https:
        yield _wrong("proxies", f"the service saw {seen['scheme']} instead of {base.scheme}", headers)
    elif seen["host"] != base.netloc:
        yield _wrong("proxies", f"the service saw the host {seen['host']} instead of {base.netloc}", headers)
    else:
        yield _ok("proxies", f"a request through {config.base_url} arrived as from {seen['client'] or 'nobody known'}")


def _origins(config: Config, _now: datetime) -> Iterator[CheckResult]:
    for site in sites.all_sites():
        for origin in [one.origin for one in site.origins]:
            if origins.is_wildcard(origin):
                yield _note(f"site {site.key}", f"{origin} allows previews, which are not checked")
                continue
            if why := pages.why_unread(origin, config.outbound_allow):
                setting = f"COMMENTSVC_OUTBOUND_ALLOW={urlsplit(origin).hostname}"
                yield _note(f"titles of {site.key}", f"they are not read from {origin}: {why}; {setting} allows it")
            answer = reachable.ask(origin + "/")
            if answer.trouble:
                mend = f"Is it right? Change it with: commentsvc site set {site.key} origins=…"
                yield _wrong(f"site {site.key}", f"{origin} can't be reached: {answer.trouble}", mend)
            elif ELEMENT in answer.text or routes.WIDGET_SCRIPT in answer.text:
                yield _ok(f"site {site.key}", f"{origin} holds the embed code")
            else:
                yield _note(
                    f"site {site.key}", f"{origin} has no {ELEMENT}> on its first page; other pages may have it"
                )


def _jobs(_config: Config, now: datetime) -> Iterator[CheckResult]:
    found = jobs.queue_stats(now)
    if found.failed:
        reasons = sorted({f"{job.kind}: {job.reason}" for job in jobs.listed(now) if job.state == "failed"})
        mend = "See commentsvc jobs list, then commentsvc jobs retry or drop."
        yield _wrong("jobs", f"{found.failed} failed ({'; '.join(reasons[:3])[:300]})", mend)
    if found.oldest_s > WAITING_MAX_S:
        mend = "Run commentsvc serve or commentsvc worker."
        yield _wrong("jobs", f"the oldest of {found.waiting} has waited for {found.oldest_s / 60:.0f} minutes", mend)
    elif not found.failed:
        yield _ok("jobs", f"{found.waiting} waiting, none failed")


def _backups(config: Config, now: datetime) -> Iterator[CheckResult]:
    if config.backup_dir is None:
        yield _note("backups", "the worker writes none; set COMMENTSVC_BACKUP_DIR, or run commentsvc backup FILE")
        return
    last = backups.newest(config.backup_dir)
    if last is None or backups.is_due(config.backup_dir, timedelta(hours=2 * config.backup_every_h), now):
        mend = "Does the worker run, and may it write there? See its log."
        yield _wrong("backups", f"the newest in {config.backup_dir} is {last.name if last else 'missing'}", mend)
        return
    try:
        backup_file.verify(last)
    except CommentError as error:
        yield _wrong("backups", f"{last.name}: {error}", "Write a new one: commentsvc backup FILE")
        return
    yield _ok("backups", f"{last.name} is whole")


def _threads(_config: Config, _now: datetime) -> Iterator[CheckResult]:
    found = {site.key: doubled for site in sites.all_sites() if (doubled := thread_normalizing.doubled(site))}
    if not found:
        yield _ok("threads", "each page has one thread")
    for key, doubled in found.items():
        pages = f"{len(doubled)} pages of {key} have" if len(doubled) > 1 else f"1 page of {key} has"
        mend = f"See commentsvc thread normalize --site {key} --dry-run, then run it without --dry-run."
        yield _wrong("threads", f"{pages} two threads", mend)


def _rendering(_config: Config, _now: datetime) -> Iterator[CheckResult]:
    count = rerender.outdated_count(None)
    if count:
        mend = "Run: commentsvc rerender"
        yield _note("rendering", f"about {count:,} comments have HTML of an older version. {mend}")
    else:
        yield _ok("rendering", "all comments have HTML of this version")
