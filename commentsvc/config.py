"""Every setting: its type, its default and why it exists; read once from the environment and `.env`."""

from __future__ import annotations

import difflib
import io
import ipaddress
import re
import ssl
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from email.utils import getaddresses
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import idna
from dotenv import dotenv_values
from dotenv.parser import parse_stream

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

# Set by `serve` for its own worker processes.
INTERNAL = ("SERVE_JOBS", "SERVE_WORKERS", "SERVE_MASTER")
# Allows requests to private hosts for webhooks and other pages, none of which this version sends.
RESERVED = ("OUTBOUND_ALLOW",)
OF_SEVERAL_LINES = ("APPLE_PRIVATE_KEY",)
SHOWN_MAX = 100  # characters of a name that is no setting
PORTS = range(1, 65536)
DIGITS_MAX = 9  # of a number in a setting
# Below this a "proxy" would be most of the internet; fc00::/7 and 10.0.0.0/8 are the largest private networks.
SHORTEST_PREFIX = {4: 8, 6: 7}


class BadSetting(Exception):
    """One line that names the setting and the mend."""

    def __init__(self, name: str, mend: str) -> None:
        shown = "".join(c if c.isprintable() else "?" for c in name[:SHOWN_MAX])
        super().__init__(f"{PREFIX}{shown}: {mend}")


class BadDotenv(BadSetting):
    """The file of settings itself is wrong."""

    def __init__(self, path: Path, mend: str) -> None:
        Exception.__init__(self, f"{path}: {mend}")


class MailTls(StrEnum):
    VERIFY = "verify"
    NO_VERIFY = "no-verify"
    OFF = "off"


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
        secret_key=_secret(given.get("SECRET_KEY", "")),
        base_url=_base_url(given.get("BASE_URL", Config.base_url)),
        instance_dir=instance_dir,
        database_url=_database_url(given.get("DATABASE_URL", ""), instance_dir),
        redis_url=_url("REDIS_URL", given.get("REDIS_URL", ""), ("redis", "rediss", "unix"), "redis://host:6379/0"),
        mail_url=_mail_url(given.get("MAIL_URL", "")),
        mail_from=_mail_from(given.get("MAIL_FROM", Config.mail_from)),
        mail_tls=_mail_tls(given.get("MAIL_TLS", Config.mail_tls)),
        mail_ca_file=_certificates("MAIL_CA_FILE", given.get("MAIL_CA_FILE", "")),
        trusted_proxies=_networks(given.get("TRUSTED_PROXIES", "")),
        forwarded_header=_forwarded_header(given.get("FORWARDED_HEADER", Config.forwarded_header)),
        limits=_on_off("LIMITS", given.get("LIMITS", "on")),
        providers=_providers(given),
        akismet_key=given.get("AKISMET_KEY", ""),
        akismet_url=_url("AKISMET_URL", given.get("AKISMET_URL", ""), ("http", "https"), "https://host/1.1").rstrip(
            "/"
        ),
        page_cache_mb=_positive("PAGE_CACHE_MB", given.get("PAGE_CACHE_MB", "8")),
        page_cache_disk_mb=_positive("PAGE_CACHE_DISK_MB", given.get("PAGE_CACHE_DISK_MB", "512")),
        static_pages_dir=Path(given["STATIC_PAGES_DIR"]).absolute() if "STATIC_PAGES_DIR" in given else None,
        log_format=_log_format(given.get("LOG_FORMAT", "text")),
        slow_query_ms=_positive("SLOW_QUERY_MS", given.get("SLOW_QUERY_MS", "200"), "milliseconds"),
        metrics_token=_metrics_token(given.get("METRICS_TOKEN", "")),
        security_contact=_contact(given.get("SECURITY_CONTACT", "")),
        hsts_max_age_s=_hsts(given.get("HSTS_MAX_AGE_S", "0"), given.get("BASE_URL", "")),
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
    if name in (*known, *INTERNAL, *RESERVED):
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


def _secret(value: str) -> str:
    if not value:
        raise BadSetting("SECRET_KEY", f"is missing; set it to a long random text, such as the output of: {NEW_SECRET}")
    return _hard_to_guess("SECRET_KEY", value)


def _hard_to_guess(name: str, value: str) -> str:
    weakness = secret_keys.weakness(value)
    if weakness:
        raise BadSetting(name, f"{weakness}; set it to a long random text, such as the output of: {NEW_SECRET}")
    return value


def _split(name: str, value: str, example: str) -> SplitResult:
    """An address in parts; raises BadSetting for one that has none, or a port that there is not."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise BadSetting(name, f"must look like {example}, with a port from 1 to 65535 if any") from None
    if port is not None and port not in PORTS:
        raise BadSetting(name, "has a port that is not a number from 1 to 65535")
    return parts


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
        mend = "must be an email address or a web page, such as security@blog.example or https://blog.example/security"
        raise BadSetting("SECURITY_CONTACT", mend)
    return value


def _hsts(value: str, base_url: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > DIGITS_MAX:
        raise BadSetting(
            "HSTS_MAX_AGE_S", "must be a whole number of seconds, such as 31536000 for a year; 0 turns it off"
        )
    if int(value) and not base_url.startswith("https://"):
        raise BadSetting("HSTS_MAX_AGE_S", "needs a COMMENTSVC_BASE_URL that begins with https://")
    return int(value)


def _url(name: str, value: str, schemes: tuple[str, ...], example: str) -> str:
    if not value:
        return value
    parts = _split(name, value, example)
    has_host = bool(parts.path.strip("/") if parts.scheme in ("unix", "mailbox") else parts.hostname)
    if parts.scheme not in schemes or not has_host or re.search(r"\s", value):
        raise BadSetting(name, f"must look like {example}")
    return value


def _base_url(value: str) -> str:
    """As browsers write an origin: in lower case, in ASCII, without the scheme's own port."""
    example = "https://comments.example"
    parts = _split("BASE_URL", value, example)
    port = parts.port
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadSetting("BASE_URL", f"must be the service's public address, such as {example}")
    if "@" in parts.netloc:
        raise BadSetting(
            "BASE_URL", f"must not contain a name or password, because it is public; write it like {example}"
        )
    if parts.path.strip("/"):
        mend = f"the service needs a host of its own, such as {example}; it cannot be reached below a path"
        raise BadSetting("BASE_URL", mend)
    host = _host("BASE_URL", parts.hostname)
    is_default = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" if is_default else f"{parts.scheme}://{host}:{port}"


def _host(name: str, host: str) -> str:
    if ":" in host:  # urlsplit has checked that brackets were around it
        return f"[{host}]"
    try:
        in_ascii = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        in_ascii = ""
    if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", in_ascii.lower()):
        raise BadSetting(name, f"“{host}” is not a host name")
    return in_ascii.lower()


def _database_url(value: str, instance_dir: Path) -> str:
    if not value:
        return f"sqlite:///{instance_dir / 'commentsvc.sqlite3'}"
    scheme, _, rest = value.partition("://")
    if scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return _postgres_url(f"postgresql+psycopg://{rest}")
    if scheme == "sqlite":
        path = rest.removeprefix("/")
        if not path or path == ":memory:":
            raise BadSetting(
                "DATABASE_URL", "must name an SQLite file, such as sqlite:////var/lib/commentsvc/data.sqlite3"
            )
        return f"sqlite:///{Path(path).absolute()}"
    raise BadSetting("DATABASE_URL", "must begin with sqlite:/// or postgresql+psycopg://")


def _postgres_url(value: str) -> str:
    """Checks what the driver would only stumble over; no message repeats the address, for it may hold a password."""
    example = "postgresql+psycopg://user:password@host:5432/database"
    escaped = "in a password, @ is written as %40, / as %2F, : as %3A, # as %23, ? as %3F and % as %25"
    try:
        parts = urlsplit(value)
        is_port_right = parts.port is None or parts.port in PORTS
    except ValueError:
        is_port_right = False
    if not is_port_right:
        raise BadSetting("DATABASE_URL", f"must look like {example}, the port a number from 1 to 65535; {escaped}")
    if parts.netloc.count("@") > 1 or parts.fragment:
        raise BadSetting("DATABASE_URL", f"contains a password that must be escaped: {escaped}")
    if not parts.path.strip("/"):
        raise BadSetting("DATABASE_URL", f"names no database; it must look like {example}")
    return value


def _mail_url(value: str) -> str:
    example = "smtp://user:password@host:587"
    try:
        parts = urlsplit(value)
        is_whole = not value.startswith("smtp") or (bool(parts.hostname) and parts.port in PORTS)
    except ValueError:
        is_whole = False
    if not is_whole:
        raise BadSetting("MAIL_URL", f"must name host and port (1 to 65535), such as {example}")
    if value and value.startswith("smtp") and parts.netloc.count("@") > 1:
        raise BadSetting(
            "MAIL_URL", "contains a password that must be escaped: @ is written as %40, / as %2F, : as %3A"
        )
    if parts.scheme == "mailbox" and (parts.netloc or not parts.path.strip("/")):
        raise BadSetting(
            "MAIL_URL", "must name a folder with three slashes, such as mailbox:///var/lib/commentsvc/mail"
        )
    return _url("MAIL_URL", value, ("smtp", "smtps", "mailbox"), example)


def _mail_from(value: str) -> str:
    found = getaddresses([value])
    address = found[0][1] if len(found) == 1 else ""
    local, _, domain = address.rpartition("@")
    if not re.fullmatch(r"[^\s@<>:;,/\"]{1,64}@[^\s@<>/:]{1,253}", address):
        raise BadSetting("MAIL_FROM", "must be one email address, such as comments@blog.example")
    if not local.isascii():
        raise BadSetting("MAIL_FROM", "must be plain ASCII before the @: many mail servers accept nothing else")
    return value.replace(domain, _host("MAIL_FROM", domain))


def _mail_tls(value: str) -> MailTls:
    if value.lower() not in set(MailTls):
        raise BadSetting("MAIL_TLS", f"must be one of {', '.join(MailTls)}")
    return MailTls(value.lower())


def _certificates(name: str, value: str) -> Path | None:
    if not value:
        return None
    path = Path(value).absolute()
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError):  # an SSLError is an OSError
        raise BadSetting(name, "must be the path of a readable file with certificates (PEM)") from None
    return path


def _networks(value: str) -> tuple[Network, ...]:
    example = "127.0.0.1, 10.0.0.0/8"
    try:
        found = tuple(ipaddress.ip_network(part.strip(), strict=False) for part in value.split(",") if part.strip())
    except ValueError:
        mend = f"must be addresses or networks separated by commas, such as {example}"
        raise BadSetting("TRUSTED_PROXIES", mend) from None
    for network in found:
        if network.prefixlen < SHORTEST_PREFIX[network.version]:
            mend = f"{network} is most of the internet, so anyone could forge addresses; list your proxies: {example}"
            raise BadSetting("TRUSTED_PROXIES", mend)
    return found


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
                raise BadSetting(f"{prefix}{name.upper()}", f"is not a setting; known settings: {', '.join(known)}")
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
    if not value.isascii() or not value.isdigit() or len(value) > DIGITS_MAX or int(value) < 1:
        raise BadSetting(name, f"must be a whole number of {unit}, 1 or more")
    return int(value)
