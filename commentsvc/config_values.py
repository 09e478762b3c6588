"""The text of each setting, checked and converted; a bad one raises BadSetting with the remedy."""

from __future__ import annotations

import ipaddress
import re
import ssl
from email.utils import getaddresses
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import idna

from commentsvc.core import secret_keys
from commentsvc.core.forwarded import ForwardingHeader, Network
from commentsvc.core.outbound import OutboundAllow

PREFIX = "COMMENTSVC_"
SHOWN_MAX = 100  # characters of a name that is no setting
CONTACT = re.compile(r"mailto:[^\s@<>,]+@[^\s@<>,]+|https://[^\s<>]+")
NEW_SECRET = """python3 -c "import secrets; print(secrets.token_urlsafe(32))\""""
PORTS = range(1, 65536)
DAYS_MAX = 36_500
DIGITS_MAX = 9  # of a number in a setting
# Below this a "proxy" would be most of the internet; fc00::/7 and 10.0.0.0/8 are the largest private networks.
SHORTEST_PREFIX = {4: 8, 6: 7}


class BadSetting(Exception):
    """An error of one line that names the setting and the remedy."""

    def __init__(self, name: str, mend: str) -> None:
        shown = "".join(c if c.isprintable() else "?" for c in name[:SHOWN_MAX])
        super().__init__(f"{PREFIX}{shown}: {mend}")


class MailTls(StrEnum):
    VERIFY = "verify"
    NO_VERIFY = "no-verify"
    OFF = "off"


def secret(value: str) -> str:
    if not value:
        raise BadSetting("SECRET_KEY", f"is missing; set it to a long random text, such as the output of: {NEW_SECRET}")
    return hard_to_guess("SECRET_KEY", value)


def hard_to_guess(name: str, value: str) -> str:
    weakness = secret_keys.weakness(value)
    if weakness:
        raise BadSetting(name, f"{weakness}; set it to a long random text, such as the output of: {NEW_SECRET}")
    return value


def split_url(name: str, value: str, example: str) -> SplitResult:
    """An address in parts; raises BadSetting for one that has none, or a port that there is not."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise BadSetting(name, f"must look like {example}, with a port from 1 to 65535 if any") from None
    if port is not None and port not in PORTS:
        raise BadSetting(name, "has a port that is not a number from 1 to 65535")
    return parts


def metrics_token(value: str) -> str:
    return hard_to_guess("METRICS_TOKEN", value) if value else ""


def forwarded_header(value: str) -> ForwardingHeader:
    try:
        return ForwardingHeader(value.lower())
    except ValueError:
        raise BadSetting("FORWARDED_HEADER", f"must be {' or '.join(ForwardingHeader)}") from None


def contact(value: str) -> str:
    """An address for `Contact` of RFC 9116."""
    if "@" in value and ":" not in value:
        value = f"mailto:{value}"
    if value and not CONTACT.fullmatch(value):
        mend = "must be an email address or a web page, such as security@blog.example or https://blog.example/security"
        raise BadSetting("SECURITY_CONTACT", mend)
    return value


def hsts(value: str, base_url: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > DIGITS_MAX:
        raise BadSetting(
            "HSTS_MAX_AGE_S", "must be a whole number of seconds, such as 31536000 for a year; 0 turns it off"
        )
    if int(value) and not base_url.startswith("https://"):
        raise BadSetting("HSTS_MAX_AGE_S", "needs a COMMENTSVC_BASE_URL that begins with https://")
    return int(value)


def url(name: str, value: str, schemes: tuple[str, ...], example: str) -> str:
    if not value:
        return value
    parts = split_url(name, value, example)
    has_host = bool(parts.path.strip("/") if parts.scheme in ("unix", "mailbox") else parts.hostname)
    if parts.scheme not in schemes or not has_host or re.search(r"\s", value):
        raise BadSetting(name, f"must look like {example}")
    return value


def base_url(value: str) -> str:
    """The origin in the form that browsers send: lower case, ASCII, without the scheme's default port."""
    example = "https://comments.example"
    parts = split_url("BASE_URL", value, example)
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


def database_url(value: str, instance_dir: Path) -> str:
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


def mail_url(value: str) -> str:
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
    return url("MAIL_URL", value, ("smtp", "smtps", "mailbox"), example)


def mail_from(value: str) -> str:
    found = getaddresses([value])
    address = found[0][1] if len(found) == 1 else ""
    local, _, domain = address.rpartition("@")
    if not re.fullmatch(r"[^\s@<>:;,/\"]{1,64}@[^\s@<>/:]{1,253}", address):
        raise BadSetting("MAIL_FROM", "must be one email address, such as comments@blog.example")
    if not local.isascii():
        raise BadSetting("MAIL_FROM", "must be plain ASCII before the @: many mail servers accept nothing else")
    return value.replace(domain, _host("MAIL_FROM", domain))


def mail_tls(value: str) -> MailTls:
    if value.lower() not in set(MailTls):
        raise BadSetting("MAIL_TLS", f"must be one of {', '.join(MailTls)}")
    return MailTls(value.lower())


def certificates(name: str, value: str) -> Path | None:
    if not value:
        return None
    path = Path(value).absolute()
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError):  # an SSLError is an OSError
        raise BadSetting(name, "must be the path of a readable file with certificates (PEM)") from None
    return path


def networks(value: str) -> tuple[Network, ...]:
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


def outbound_allow(value: str) -> OutboundAllow:
    """Hosts, addresses and networks, separated by commas."""
    hosts: set[str] = set()
    found: list[Network] = []
    for part in (one.strip() for one in value.split(",")):
        if not part:
            continue
        try:
            found.append(ipaddress.ip_network(part.strip("[]"), strict=False))
        except ValueError:
            if not re.fullmatch(r"[^\s/:@*]+", part):
                mend = f"“{part}” is not a host, address or network; write them like localhost, 10.0.0.0/8"
                raise BadSetting("OUTBOUND_ALLOW", mend) from None
            hosts.add(_host("OUTBOUND_ALLOW", part))
    return OutboundAllow(frozenset(hosts), tuple(found))


def check_key(name: str, pem: str) -> None:
    from joserfc.errors import JoseError  # with cryptography 8 MB, only for Apple's key
    from joserfc.jwk import ECKey

    try:
        key = ECKey.import_key(pem.replace("\\n", "\n"))
    except (ValueError, JoseError):
        key = None
    if key is None or not key.is_private or key.curve_name != "P-256":
        raise BadSetting(name, "must be the text of the .p8 file from Apple, -----BEGIN PRIVATE KEY----- and all")


def on_off(name: str, value: str) -> bool:
    if value.lower() not in ("on", "off"):
        raise BadSetting(name, "must be on or off")
    return value.lower() == "on"


def log_format(value: str) -> str:
    if value not in ("text", "json"):
        raise BadSetting("LOG_FORMAT", "must be text or json")
    return value


def positive(name: str, value: str, unit: str = "megabytes") -> int:
    if not value.isascii() or not value.isdigit() or len(value) > DIGITS_MAX or int(value) < 1:
        raise BadSetting(name, f"must be a whole number of {unit}, 1 or more")
    return int(value)


def days(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value[:DIGITS_MAX]) > DAYS_MAX or len(value) > DIGITS_MAX:
        raise BadSetting(name, f"must be a whole number of days from 1 to {DAYS_MAX}, or 0 to keep for ever")
    return int(value)
