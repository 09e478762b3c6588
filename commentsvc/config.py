"""Every setting: its type, its default and why it exists; read once from the environment and `.env`."""

from __future__ import annotations

import difflib
import io
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from commentsvc.config_values import (
    PREFIX,
    BadSetting,
    MailTls,
    base_url,
    certificates,
    check_key,
    contact,
    database_url,
    days,
    forwarded_header,
    hsts,
    log_format,
    mail_from,
    mail_tls,
    mail_url,
    metrics_token,
    networks,
    on_off,
    outbound_allow,
    positive,
    secret,
    url,
)
from commentsvc.core.forwarded import ForwardingHeader, Network
from commentsvc.core.outbound import ALLOW_NONE, OutboundAllow

PROVIDERS = (
    "twitter",
    "facebook",
    "wordpress",
    "google",
    "apple",
    "github",
    "microsoft",
    "discord",
    "mastodon",
    "oidc",
)
# Mastodon registers itself with each server; this only switches it on.
NEEDED = {
    "oidc": ("client_id", "client_secret", "issuer"),
    "mastodon": ("client_id",),
    "apple": ("client_id", "team_id", "key_id", "private_key"),
}
PROVIDER_SETTINGS = ("client_id", "client_secret", "authorize_url", "token_url", "userinfo_url", "issuer", "name")
APPLE_SETTINGS = ("team_id", "key_id", "private_key")

# Set by `serve` for its own worker processes.
INTERNAL = ("SERVE_JOBS", "SERVE_WORKERS", "SERVE_MASTER")
OF_SEVERAL_LINES = ("APPLE_PRIVATE_KEY",)


class BadDotenv(BadSetting):
    """The file of settings itself is wrong."""

    def __init__(self, path: Path, mend: str) -> None:
        Exception.__init__(self, f"{path}: {mend}")


@dataclass(frozen=True)
class Config:
    """A row of docs/config.md for each field (a test compares)."""

    secret_key: str  # signs session cookies, edit tokens and links
    base_url: str = "http://127.0.0.1:8000"  # where readers and moderators reach the service; no trailing slash
    instance_dir: Path = Path("instance")  # the SQLite file and the published pages live here
    database_url: str = ""  # SQLite in instance_dir unless set
    redis_url: str = ""  # limits counted for all machines together; not needed on one
    mail_url: str = ""  # smtp://user:pass@host:port; without it mail is only written to the log
    mail_from: str = "comments@localhost"  # the From of every mail
    mail_tls: MailTls = MailTls.VERIFY  # servers with a certificate of their own; or none at all
    mail_ca_file: Path | None = None  # such a server's certificate
    trusted_proxies: tuple[Network, ...] = field(default=())  # whose forwarding header is believed
    forwarded_header: ForwardingHeader = ForwardingHeader.X_FORWARDED_FOR  # the one that these proxies write
    outbound_allow: OutboundAllow = ALLOW_NONE  # private hosts that the service may ask for pages of its sites
    limits: bool = True  # flood and rate limits
    # By provider, then by setting; only those with a client id.
    providers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    akismet_key: str = ""  # asks Akismet whether comments are spam; the site's owner can switch it off
    akismet_url: str = ""  # for services with the same interface, and for tests
    page_cache_mb: int = 8  # published pages held in memory, per worker
    page_cache_disk_mb: int = 512  # published pages kept on disk, for restarts without a database
    static_pages_dir: Path | None = None  # pages as files for an nginx on this machine; in memory (tmpfs)
    log_format: str = "text"  # or json: one object a line, for machines
    slow_query_ms: int = 200  # a query that takes longer is written to the log
    metrics_token: str = ""  # the bearer token of /metrics; without it only this machine gets /metrics
    security_contact: str = ""  # where security.txt sends finders of a hole
    backup_dir: Path | None = None  # the worker writes backups here; without it none
    backup_every_h: int = 24  # hours between two backups
    backup_keep: int = 14  # how many backups stay in the folder
    ip_days: int = 90  # how long IP addresses are kept; the network stays. 0, as with all of these: for ever
    user_agent_days: int = 90  # how long the names of browsers are kept with comments
    refused_days: int = 0  # how long rejected comments and spam are kept; moderators may still look for them
    failed_jobs_days: int = 90  # how long jobs that were given up are kept, with the addresses in them
    idempotency_days: int = 7  # how long an Idempotency-Key gets its first answer again
    sign_in_days: int = 30  # how long ended browser sessions and used or expired codes are kept
    hsts_max_age_s: int = 0  # how long browsers may not come back by http; cannot be taken back, so off by default

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def named_hosts(self) -> frozenset[str]:
        """The hosts of the operator's own settings for providers; unlike a stranger's they may be of our network."""
        addresses = [v for s in self.providers.values() for k, v in s.items() if k.endswith("_url") or k == "issuer"]
        return frozenset(urlsplit(address).netloc for address in addresses)

    @property
    def origin(self) -> str:
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def sqlite_path(self) -> Path | None:
        """The database file, or None when another database is used."""
        if not self.database_url.startswith("sqlite"):
            return None
        return Path(self.database_url.removeprefix("sqlite:///"))


def from_environment(environ: Mapping[str, str], dotenv: Path | None = Path(".env")) -> Config:
    """Read all settings; the environment wins over `.env`. Raises BadSetting for a wrong, missing or unknown one."""
    values = {**(_read_dotenv(dotenv) if dotenv else {}), **environ}
    for name in values:
        if name.upper().startswith(PREFIX) and not name.startswith(PREFIX):
            raise BadSetting(name[len(PREFIX) :], f"write the name of the setting in capitals: {name.upper()}")
    given = {k.removeprefix(PREFIX): v.strip() for k, v in values.items() if k.startswith(PREFIX) and v.strip()}
    for name, value in given.items():
        _check_name(name)
        _check_characters(name, value)

    instance_dir = Path(given.get("INSTANCE_DIR", "instance")).absolute()
    return Config(
        secret_key=secret(given.get("SECRET_KEY", "")),
        base_url=base_url(given.get("BASE_URL", Config.base_url)),
        instance_dir=instance_dir,
        database_url=database_url(given.get("DATABASE_URL", ""), instance_dir),
        redis_url=url("REDIS_URL", given.get("REDIS_URL", ""), ("redis", "rediss", "unix"), "redis://host:6379/0"),
        mail_url=mail_url(given.get("MAIL_URL", "")),
        mail_from=mail_from(given.get("MAIL_FROM", Config.mail_from)),
        mail_tls=mail_tls(given.get("MAIL_TLS", Config.mail_tls)),
        mail_ca_file=certificates("MAIL_CA_FILE", given.get("MAIL_CA_FILE", "")),
        trusted_proxies=networks(given.get("TRUSTED_PROXIES", "")),
        forwarded_header=forwarded_header(given.get("FORWARDED_HEADER", Config.forwarded_header)),
        outbound_allow=outbound_allow(given.get("OUTBOUND_ALLOW", "")),
        limits=on_off("LIMITS", given.get("LIMITS", "on")),
        providers=_providers(given),
        akismet_key=given.get("AKISMET_KEY", ""),
        akismet_url=url("AKISMET_URL", given.get("AKISMET_URL", ""), ("http", "https"), "https://host/1.1").rstrip("/"),
        page_cache_mb=positive("PAGE_CACHE_MB", given.get("PAGE_CACHE_MB", "8")),
        page_cache_disk_mb=positive("PAGE_CACHE_DISK_MB", given.get("PAGE_CACHE_DISK_MB", "512")),
        static_pages_dir=Path(given["STATIC_PAGES_DIR"]).absolute() if "STATIC_PAGES_DIR" in given else None,
        log_format=log_format(given.get("LOG_FORMAT", "text")),
        slow_query_ms=positive("SLOW_QUERY_MS", given.get("SLOW_QUERY_MS", "200"), "milliseconds"),
        metrics_token=metrics_token(given.get("METRICS_TOKEN", "")),
        security_contact=contact(given.get("SECURITY_CONTACT", "")),
        backup_dir=Path(given["BACKUP_DIR"]).absolute() if "BACKUP_DIR" in given else None,
        backup_every_h=positive("BACKUP_EVERY_H", given.get("BACKUP_EVERY_H", "24"), "hours"),
        backup_keep=positive("BACKUP_KEEP", given.get("BACKUP_KEEP", "14"), "backups"),
        ip_days=days("IP_DAYS", given.get("IP_DAYS", "90")),
        user_agent_days=days("USER_AGENT_DAYS", given.get("USER_AGENT_DAYS", "90")),
        refused_days=days("REFUSED_DAYS", given.get("REFUSED_DAYS", "0")),
        failed_jobs_days=days("FAILED_JOBS_DAYS", given.get("FAILED_JOBS_DAYS", "90")),
        idempotency_days=days("IDEMPOTENCY_DAYS", given.get("IDEMPOTENCY_DAYS", "7")),
        sign_in_days=days("SIGN_IN_DAYS", given.get("SIGN_IN_DAYS", "30")),
        hsts_max_age_s=hsts(given.get("HSTS_MAX_AGE_S", "0"), given.get("BASE_URL", "")),
    )


def from_dotenv(name: str, dotenv: Path = Path(".env")) -> str | None:
    """A setting as it stands in `.env`; raises BadSetting for a file that can't be read."""
    return _read_dotenv(dotenv).get(PREFIX + name)


def _read_dotenv(path: Path) -> dict[str, str]:
    if path.is_dir():
        raise BadDotenv(path, "is a folder; it must be a file of settings")
    try:
        content = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a byte order mark
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise BadDotenv(path, "is not UTF-8 text; save it again with that encoding") from None
    except OSError as error:
        raise BadDotenv(path, f"cannot be read: {error.strerror}") from None
    for line in parse_stream(io.StringIO(content)):
        # Left out with a warning, such a line would be a setting that somebody believes in.
        if PREFIX in line.original.string and (line.error or (line.value is None and line.key)):
            number = line.original.line + line.original.string[: line.original.string.index(PREFIX)].count("\n")
            raise BadDotenv(path, f"line {number} is not a setting; write {PREFIX}NAME=value, and close each quote")
    found = dotenv_values(stream=io.StringIO(content))
    return {k: v for k, v in found.items() if v is not None}


def _known_names() -> list[str]:
    """Every name that a setting may have, without the prefix."""
    names = [f.name.upper() for f in fields(Config) if f.name != "providers"]
    for provider in PROVIDERS:
        settings = PROVIDER_SETTINGS + (APPLE_SETTINGS if provider == "apple" else ())
        names += [f"{provider}_{setting}".upper() for setting in settings]
    return names


def _check_name(name: str) -> None:
    known = _known_names()
    if name in (*known, *INTERNAL):
        return
    likely = difflib.get_close_matches(name.upper(), known, 1)
    mend = f"did you mean {PREFIX}{likely[0]}?" if likely else "see docs/config.md for all settings"
    raise BadSetting(name, f"is not a setting; {mend}")


def _check_characters(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadSetting(name, "is not UTF-8 text") from None
    # Addresses would be read without them: another value than the one that is written there.
    if name not in OF_SEVERAL_LINES and any(unicodedata.category(c) == "Cc" for c in value):
        raise BadSetting(name, "contains a line break or another control character; write it on one line")


def _providers(given: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """The settings by provider; raises BadSetting for an id without its secret, or a malformed URL."""
    found: dict[str, Mapping[str, str]] = {}
    for provider in PROVIDERS:
        prefix = provider.upper() + "_"
        settings = {k.removeprefix(prefix).lower(): v for k, v in given.items() if k.startswith(prefix)}
        if not settings:
            continue
        known = PROVIDER_SETTINGS + (APPLE_SETTINGS if provider == "apple" else ())
        needs = NEEDED.get(provider, ("client_id", "client_secret"))
        if provider == "apple" and "client_secret" in settings:  # signed by the operator
            needs = ("client_id", "client_secret")
        for needed in needs:
            if not settings.get(needed):
                raise BadSetting(f"{prefix}{needed.upper()}", f"is missing; {provider} needs it to sign people in")
        for name, value in settings.items():
            if name not in known:
                raise BadSetting(f"{prefix}{name.upper()}", f"is not a setting; known settings: {', '.join(known)}")
            if name.endswith(("_url", "issuer")):
                url(f"{prefix}{name.upper()}", value, ("http", "https"), "https://provider.example/path")
        if "private_key" in settings:
            check_key(f"{prefix}PRIVATE_KEY", settings["private_key"])
        found[provider] = settings
    return found
