"""Every setting: its type, its default and why it exists; read once from the environment and `.env`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from commentsvc.core import secret_keys
from commentsvc.core.forwarded import ForwardingHeader, Network

PREFIX = "COMMENTSVC_"
CONTACT = re.compile(r"mailto:[^\s@<>,]+@[^\s@<>,]+|https://[^\s<>]+")
NEW_SECRET = """python3 -c "import secrets; print(secrets.token_urlsafe(32))\""""

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


class BadSetting(Exception):
    """One line that names the setting and the mend."""

    def __init__(self, name: str, mend: str) -> None:
        super().__init__(f"{PREFIX}{name}: {mend}")


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
    trusted_proxies: tuple[Network, ...] = field(default=())  # whose forwarding header is believed
    forwarded_header: ForwardingHeader = ForwardingHeader.X_FORWARDED_FOR  # the one that these proxies write
    limits: bool = True  # flood and rate limits
    # By provider, then by setting; only those with a client id.
    providers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    akismet_key: str = ""  # asks Akismet whether comments are spam; the site's owner can switch it off
    akismet_url: str = ""  # for services with the same interface, and for tests
    cache_mb: int = 8  # published pages held in memory, per worker
    disk_cache_mb: int = 512  # published pages kept on disk, for restarts without a database
    publish_dir: Path | None = None  # pages as files for an nginx on this machine; in memory (tmpfs)
    log_format: str = "text"  # or json: one object a line, for machines
    slow_query_ms: int = 200  # a query that takes longer is written to the log
    metrics_token: str = ""  # who sends it gets /metrics; without it only this machine does
    security_contact: str = ""  # where security.txt sends finders of a hole
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
    """Read all settings; the environment wins over `.env`. Raises BadSetting for a wrong or missing one."""
    values = {k: v for k, v in (dotenv_values(dotenv) if dotenv else {}).items() if v is not None}
    values.update(environ)
    given = {k.removeprefix(PREFIX): v.strip() for k, v in values.items() if k.startswith(PREFIX) and v.strip()}

    instance_dir = Path(given.get("INSTANCE_DIR", "instance")).absolute()
    return Config(
        secret_key=_secret(given.get("SECRET_KEY", "")),
        base_url=_base_url(given.get("BASE_URL", Config.base_url)),
        instance_dir=instance_dir,
        database_url=_database_url(given.get("DATABASE_URL", ""), instance_dir),
        redis_url=_url("REDIS_URL", given.get("REDIS_URL", ""), ("redis", "rediss", "unix"), "redis://host:6379/0"),
        mail_url=_mail_url(given.get("MAIL_URL", "")),
        mail_from=_mail_from(given.get("MAIL_FROM", Config.mail_from)),
        trusted_proxies=_networks(given.get("TRUSTED_PROXIES", "")),
        forwarded_header=_forwarded_header(given.get("FORWARDED_HEADER", Config.forwarded_header)),
        limits=_on_off("LIMITS", given.get("LIMITS", "on")),
        providers=_providers(given),
        akismet_key=given.get("AKISMET_KEY", ""),
        akismet_url=_url("AKISMET_URL", given.get("AKISMET_URL", ""), ("http", "https"), "https://host/1.1").rstrip(
            "/"
        ),
        cache_mb=_positive("CACHE_MB", given.get("CACHE_MB", "8")),
        disk_cache_mb=_positive("DISK_CACHE_MB", given.get("DISK_CACHE_MB", "512")),
        publish_dir=Path(given["PUBLISH_DIR"]).absolute() if "PUBLISH_DIR" in given else None,
        log_format=_log_format(given.get("LOG_FORMAT", "text")),
        slow_query_ms=_positive("SLOW_QUERY_MS", given.get("SLOW_QUERY_MS", "200"), "milliseconds"),
        metrics_token=_metrics_token(given.get("METRICS_TOKEN", "")),
        security_contact=_contact(given.get("SECURITY_CONTACT", "")),
        hsts_max_age_s=_hsts(given.get("HSTS_MAX_AGE_S", "0"), given.get("BASE_URL", "")),
    )


def from_dotenv(name: str, dotenv: Path = Path(".env")) -> str | None:
    """A setting as it stands in `.env`."""
    return dotenv_values(dotenv).get(PREFIX + name)


def _secret(value: str) -> str:
    if not value:
        raise BadSetting("SECRET_KEY", f"is missing; set it to a long random text, such as the output of: {NEW_SECRET}")
    return _hard_to_guess("SECRET_KEY", value)


def _hard_to_guess(name: str, value: str) -> str:
    weakness = secret_keys.weakness(value)
    if weakness:
        raise BadSetting(name, f"{weakness}; set it to a long random text, such as the output of: {NEW_SECRET}")
    return value


def _metrics_token(value: str) -> str:
    return _hard_to_guess("METRICS_TOKEN", value) if value else ""


def _forwarded_header(value: str) -> ForwardingHeader:
    try:
        return ForwardingHeader(value.lower())
    except ValueError:
        raise BadSetting("FORWARDED_HEADER", f"must be {' or '.join(ForwardingHeader)}") from None


def _contact(value: str) -> str:
    """An address for `Contact` of RFC 9116."""
    if "@" in value and ":" not in value:
        value = f"mailto:{value}"
    if value and not CONTACT.fullmatch(value):
        mend = "must be an e-mail address or a page, such as security@blog.example or https://blog.example/security"
        raise BadSetting("SECURITY_CONTACT", mend)
    return value


def _hsts(value: str, base_url: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise BadSetting("HSTS_MAX_AGE_S", "must be a whole number of seconds, such as 31536000 for a year; 0 is off")
    if int(value) and not base_url.startswith("https://"):
        raise BadSetting("HSTS_MAX_AGE_S", "needs a COMMENTSVC_BASE_URL that begins with https://")
    return int(value)


def _url(name: str, value: str, schemes: tuple[str, ...], example: str) -> str:
    if value and urlsplit(value).scheme not in schemes:
        raise BadSetting(name, f"must look like {example}")
    return value


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    try:
        parts.port  # noqa: B018  (raises for a port that is no number)
    except ValueError:
        raise BadSetting("BASE_URL", "has a port that is not a number from 0 to 65535") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadSetting("BASE_URL", "must be the service's public address, such as https://comments.example")
    return value.rstrip("/")


def _database_url(value: str, instance_dir: Path) -> str:
    if not value:
        return f"sqlite:///{instance_dir / 'commentsvc.sqlite3'}"
    scheme, _, rest = value.partition("://")
    if scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return f"postgresql+psycopg://{rest}"
    if scheme == "sqlite":
        path = rest.removeprefix("/")
        if not path or path == ":memory:":
            raise BadSetting(
                "DATABASE_URL", "must name an SQLite file, such as sqlite:////var/lib/commentsvc/data.sqlite3"
            )
        return f"sqlite:///{Path(path).absolute()}"
    raise BadSetting("DATABASE_URL", "must begin with sqlite:/// or postgresql+psycopg://")


def _mail_url(value: str) -> str:
    value = _url("MAIL_URL", value, ("smtp", "smtps", "mailbox"), "smtp://user:password@host:587")
    try:
        if value.startswith("smtp") and not (urlsplit(value).hostname and urlsplit(value).port is not None):
            raise ValueError
    except ValueError:
        raise BadSetting("MAIL_URL", "must name host and port, such as smtp://user:password@host:587") from None
    return value


def _mail_from(value: str) -> str:
    if "@" not in value or any(ord(c) < 32 for c in value):
        raise BadSetting("MAIL_FROM", "must be an e-mail address, such as comments@blog.example")
    return value


def _networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in value.split(",") if part.strip())
    except ValueError:
        mend = "must be addresses or networks with commas between, such as 127.0.0.1, 10.0.0.0/8"
        raise BadSetting("TRUSTED_PROXIES", mend) from None


def _providers(given: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """What each provider's settings say; an id without its secret, or an address that is none, stops the start."""
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
                raise BadSetting(f"{prefix}{name.upper()}", f"is no setting; known are {', '.join(known)}")
            if name.endswith(("_url", "issuer")):
                _url(f"{prefix}{name.upper()}", value, ("http", "https"), "https://provider.example/path")
        if "private_key" in settings:
            _check_key(f"{prefix}PRIVATE_KEY", settings["private_key"])
        found[provider] = settings
    return found


def _check_key(name: str, pem: str) -> None:
    from joserfc.errors import JoseError  # with cryptography 8 MB, only for Apple's key
    from joserfc.jwk import ECKey

    try:
        key = ECKey.import_key(pem.replace("\\n", "\n"))
    except (ValueError, JoseError):
        key = None
    if key is None or not key.is_private or key.curve_name != "P-256":
        raise BadSetting(name, "must be the text of the .p8 file from Apple, -----BEGIN PRIVATE KEY----- and all")


def _on_off(name: str, value: str) -> bool:
    if value.lower() not in ("on", "off"):
        raise BadSetting(name, "must be on or off")
    return value.lower() == "on"


def _log_format(value: str) -> str:
    if value not in ("text", "json"):
        raise BadSetting("LOG_FORMAT", "must be text or json")
    return value


def _positive(name: str, value: str, unit: str = "megabytes") -> int:
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise BadSetting(name, f"must be a whole number of {unit}, 1 or more")
    return int(value)
